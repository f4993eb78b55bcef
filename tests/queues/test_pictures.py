"""Pictures from the internet: fetched by us, for who may see the mail, and only pictures."""

import struct
import threading
import zlib
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from mailcore.markup import remote_images
from mailcore.pictures import picture_size
from mailcore.text import sanitise
from queues import pictures
from queues.models import Message, Picture
from tests.make import make_agent, make_mail, make_queue, receive


def png(wide: int, high: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", wide, high, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * wide) * min(high, 50))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PAGES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/logo.png": (200, {"Content-Type": "image/png"}, png(40, 30)),
    "/lying.png": (200, {"Content-Type": "image/png"}, b"<svg onload=alert(1)>"),
    "/pixel": (200, {"Content-Type": "text/html"}, png(1, 1)),
    "/vast.png": (200, {}, png(60_000, 60_000)),
    "/heavy.png": (200, {}, png(9, 9) + bytes(6_000_000)),
    "/away": (302, {"Location": "/logo.png"}, b""),
    "/inside": (302, {"Location": "http://169.254.169.254/latest"}, b""),
    "/loop": (302, {"Location": "/loop"}, b""),
}


class Shop(ThreadingHTTPServer):
    """Serves pictures and worse, and notes how it is asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Visit(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        status, headers, body = PAGES.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Shop]:
    monkeypatch.setattr(pictures, "ONLY_PUBLIC", False)
    settings.ALLOW_PRIVATE_HOSTS = True
    server = Shop()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def html_mail(html: str) -> Message:
    raw = make_mail(html, Content_Type="text/html; charset=utf-8")
    return receive(make_queue([make_agent("alice")]), raw)


@pytest.mark.django_db
def test_pictures_are_fetched_once_and_judged_by_what_they_are(shop: Shop, client: Client) -> None:
    tags = "".join(f"<img src='{shop.url}{path}'>" for path in [*PAGES, "/nothing"])
    message = html_mail(f"{tags}<img src='{shop.url}/counter' width=1 height=1><p>words")
    client.force_login(make_agent("bob", queues=[message.conversation.queue]).user)
    body = f"/messages/{message.pk}/body"
    bar = f"/messages/{message.pk}/pictures"
    assert "blocked" in client.get(bar).content.decode()
    assert "src=" not in client.get(body).content.decode().split("<body")[1].replace("data-remote-src", "")

    assert "being fetched" in client.post(bar).content.decode()
    pictures.fetch(message.pk)

    found = {row.url.removeprefix(shop.url): row.state for row in message.pictures.all()}
    assert found == {
        "/logo.png": "here", "/away": "here", "/pixel": "tiny", "/counter": "tiny",
        "/lying.png": "refused", "/vast.png": "refused", "/heavy.png": "refused", "/inside": "refused",
        "/loop": "refused", "/nothing": "refused",
    }  # fmt: skip
    assert "/counter" not in [path for path, _ in shop.asked]
    for _, headers in shop.asked:
        assert not {"cookie", "referer", "authorization"} & {name.lower() for name in headers}
    told = client.get(bar).content.decode()
    assert "2 images from the internet are shown." in told
    assert "6 could not be loaded." in told
    assert "2 were left out" in told

    asked = len(shop.asked)
    client.post(bar)
    pictures.fetch(message.pk)
    assert len(shop.asked) == asked
    shown = message.pictures.get(url__endswith="/logo.png")
    assert f'src="/pictures/{shown.pk}"' in client.get(body).content.decode()
    served = client.get(f"/pictures/{shown.pk}")
    assert served.content == png(40, 30)
    assert (served["Content-Type"], served["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert "sandbox" in served["Content-Security-Policy"]

    client.force_login(make_agent("charlie").user)
    for address in (f"/pictures/{shown.pk}", bar, body):
        assert client.get(address).status_code == 404
    assert client.post(bar).status_code == 404


@pytest.mark.django_db
def test_an_address_inside_is_never_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "ONLY_PUBLIC", True)  # whatever the settings allow
    assert pictures.fetched(f"{shop.url}/logo.png").why == "address"
    for url in ("https://localhost/x.png", "https://10.0.0.1/", "https://[::1]/", "https://a:b@example.com/"):
        assert pictures.fetched(url).why in ("address", "silent")
    assert shop.asked == []


@pytest.mark.django_db
def test_always_for_a_sender_and_no_longer(client: Client) -> None:
    message = html_mail("<img src='https://shop.example/a.png'>")
    client.force_login(message.conversation.queue.members.get().user)
    page = f"/conversations/{message.conversation_id}/"
    assert 'hx-trigger="load"' not in client.get(page).content.decode().split('id="pictures-')[1][:500]
    client.post(f"/messages/{message.pk}/pictures/always", {"always": "1"})
    Picture.objects.all().delete()
    assert 'hx-trigger="load"' in client.get(page).content.decode().split('id="pictures-')[1][:500]

    failed = {"by": "mx.example.com", "checks": [["dmarc", "fail", "customer.example"]]}
    Message.objects.filter(pk=message.pk).update(authentication=failed)
    assert 'hx-trigger="load"' not in client.get(page).content.decode().split('id="pictures-')[1][:500]

    client.post(f"/messages/{message.pk}/pictures/always", {"always": "0"})
    assert not pictures.trusts(message.conversation.queue.members.get().user, message.from_email)


@pytest.mark.django_db
def test_old_pictures_are_forgotten_and_lost_ones_given_up() -> None:
    message = html_mail("<img src='https://a.example/1.png'><img src='https://a.example/2.png'>")
    pictures.want(message)
    first, second = message.pictures.order_by("id")
    now = timezone.now()
    Picture.objects.filter(pk=first.pk).update(asked_at=now - pictures.KEPT - timedelta(hours=1))
    Picture.objects.filter(pk=second.pk).update(asked_at=now - pictures.GIVEN_UP - timedelta(hours=1))
    pictures.sweep()
    assert [(row.pk, row.state) for row in message.pictures.all()] == [(second.pk, "refused")]


def test_pictures_that_show_nothing_are_known_by_their_tags() -> None:
    html = sanitise(
        "<img src='https://a.example/1' width=1><img src='https://a.example/2' style='height: 0px'>"
        "<img src='https://a.example/3' style='max-width: 1px' width=600><img src='https://a.example/4'>"
        "<img src='https://a.example/1' width=1>"
    )
    assert remote_images(html) == {
        "https://a.example/1": True,
        "https://a.example/2": True,
        "https://a.example/3": False,
        "https://a.example/4": False,
    }


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png(40, 30), (40, 30)),
        (b"GIF89a\x05\x00\x07\x00", (5, 7)),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x0b\x08\x00\x07\x00\x05\x01\x01", (5, 7)),
        (b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\x04\0\0\x06\0\0", (5, 7)),
        (b"\xff\xd8\xff\xff\xff\xff", None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"", None),
    ],
)
def test_sizes_of_pictures(data: bytes, size: tuple[int, int] | None) -> None:
    assert picture_size(data) == size


def test_a_picture_with_endless_notes_before_it_is_none() -> None:
    frame = b"\xff\xc0\x00\x11\x08\x00\x1e\x00\x28" + bytes(9)
    assert picture_size(b"\xff\xd8" + b"\xff\xe0\x00\x02" * 100 + frame) == (40, 30)
    assert picture_size(b"\xff\xd8" + b"\xff\xe0\x00\x02" * 20_000 + frame) is None


@pytest.mark.django_db
def test_mails_without_a_sender_are_not_trusted_all_at_once() -> None:
    user = make_agent("alice").user
    pictures.trust(user, "", is_wanted=True)
    assert not pictures.trusted(user, [""])
