"""The servers of the tests behave as the product expects."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Lower

from mailstore import hints


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
