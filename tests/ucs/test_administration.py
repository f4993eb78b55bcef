"""What holds on all pages of the administration: groups of the menu, “+ add …”, “Insert”, the marked row."""

import re

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from mailsources.rule_models import MailRule
from tests.make import make_administrator, make_source
from ucs.menu import MENU

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(make_administrator())
    return client


def words(html: str) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, url
    return response.content.decode()


def test_each_entry_stands_below_its_own_sign(client: Client) -> None:
    menu = words(page(client, reverse("admin:auth_group_add")).partition('id="nav-sidebar"')[2])
    groups = dict(re.findall(r"(☰ \w+) (.*?)(?=☰|Add group)", menu))
    assert groups.keys() == MENU.keys()
    for title in ("Email queues", "Email sources", "Email senders"):
        assert title in groups["☰ Messaging"]
        assert title not in groups["☰ System"]
    assert "SSO providers" in groups["☰ System"]
    assert "SSO providers" not in groups["☰ Messaging"]


def test_the_box_of_each_row_names_it_in_the_language_of_the_page(client: Client) -> None:
    make_source(name="Shop")
    url = reverse("admin:mailsources_emailsource_changelist")
    for language, label in (("en", "Select this object for an action"), ("de", "Aktion")):
        said = client.get(url, headers={"accept-language": language}).content.decode()
        assert re.search(rf'aria-label="[^"]*{label}[^"]* Shop"', said), language


def test_each_new_form_is_reached_by_its_words_and_says_insert(client: Client) -> None:
    """“Save” is for what is there already."""
    request = RequestFactory().get("/")
    request.user = make_administrator("bob")
    seen = 0
    for model, console in admin.site._registry.items():
        if not console.has_add_permission(request) or model is MailRule:  # which is added in its list
            continue
        seen += 1
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        form = page(client, reverse(f"{name}_add"))
        buttons = re.findall(r'<button type="submit"[^>]*name="_\w+">([^<]+)<', form)
        assert buttons == ["Insert"], model
        listed = words(page(client, reverse(f"{name}_changelist")))
        assert f"+ add {model._meta.verbose_name}" in listed, model
    assert seen > 15


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("agents_skill", {"name": "Billing"}),
        ("queues_tag", {"name": "urgent", "colour": "grey"}),
        ("auth_group", {"name": "Readers"}),
    ],
)
def test_what_was_inserted_is_marked_once(client: Client, name: str, values: dict[str, str]) -> None:
    answer = client.post(reverse(f"admin:{name}_add"), values, follow=True)
    listed = answer.content.decode()
    assert "was inserted" in words(listed)
    assert listed.count('class="ucs-marked"') == 1
    assert "ucs-marked" not in page(client, reverse(f"admin:{name}_changelist"))
