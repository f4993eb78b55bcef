"""The servers of the tests behave as the product expects."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Lower

from mailstore import hints
from tests import services


@pytest.mark.django_db
def test_database_folds_letters_of_all_languages() -> None:
    """A database made under the C locale would not, and no search would find Čapek."""
    User.objects.create(username="ÁČŘŽ")
    assert User.objects.annotate(low=Lower("username")).get().low == "áčřž"


@pytest.mark.django_db
def test_limits_reach_the_server() -> None:
    """No statement of ours may run without end."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("30s",)


def test_redis_answers() -> None:
    assert hints.client().ping()


@pytest.mark.parametrize(
    ("url", "third"),
    [
        ("unix:///tmp/a%20b/redis.sock?db=0", "unix:///tmp/a%20b/redis.sock?db=3"),
        ("redis://:pw@host:6379/0", "redis://:pw@host:6379/3"),
    ],
)
def test_each_worker_has_its_own_redis_database(url: str, third: str) -> None:
    assert services.redis_database(url, 3) == third
