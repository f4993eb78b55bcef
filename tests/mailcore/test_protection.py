"""Signed and encrypted mail: what is signed is shown, what is encrypted stays whole, none is vouched for."""

import base64
import time
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from mailcore import armour, cms
from mailcore.parse import PartNotFound, parse, part_bytes
from tests.mailcore.mails import HEADERS, make_raw

SIGNED = (
    b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nPlease pay.\r\n- -- \r\nBob\r\n"
    b"-----BEGIN PGP SIGNATURE-----\r\n\r\niQEzBAEBCAAdFiEE\r\n=abcd\r\n-----END PGP SIGNATURE-----\r\n"
)
ENCRYPTED = (
    b"-----BEGIN PGP MESSAGE-----\r\nVersion: X\r\n\r\nhQEMA0001\r\n=abcd\r\n-----END PGP MESSAGE-----\r\n"
)
MULTIPART = b'Content-Type: multipart/mixed; boundary="i"\r\n\r\n'
MULTIPART += b"--i\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
MULTIPART += (
    "Smlouva je podepsaná.\r\n".encode()
    + b"--i\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\nPDF\r\n--i--\r\n"
)


@cache
def key_and_certificate() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bob")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return key, builder.sign(key, hashes.SHA256())


def signed(content: bytes, *options: pkcs7.PKCS7Options) -> bytes:
    key, certificate = key_and_certificate()
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary, *options])


def encrypted(content: bytes) -> bytes:
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(content).add_recipient(key_and_certificate()[1])
    return builder.encrypt(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def part(data: bytes, type_: str) -> bytes:
    head = f"Content-Type: {type_}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
    return head + base64.encodebytes(data)


def test_opaquely_signed_mail_is_read() -> None:
    data = signed(MULTIPART)  # once: it says the second
    raw = HEADERS + part(data, "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m")

    mail = parse(raw)

    assert (mail.text, mail.protection, mail.defects) == ("Smlouva je podepsaná.", "signed", ())
    assert [(each.part, each.name, each.size) for each in mail.attachments][1:] == [("1#2", "a.pdf", 3)]
    assert mail.attachments[0].name == "smime.p7m"
    assert part_bytes(raw, "1#2") == b"PDF"
    assert part_bytes(raw, "1") == data


def test_signed_twice() -> None:
    inner = part(signed(MULTIPART), "application/pkcs7-mime")
    raw = HEADERS + part(signed(inner), "application/pkcs7-mime")

    assert parse(raw).text == "Smlouva je podepsaná."
    assert part_bytes(raw, "1#1#2") == b"PDF"


def test_signed_too_often_to_be_true() -> None:
    content = MULTIPART
    for _ in range(20):
        content = part(signed(content), "application/pkcs7-mime")
    raw = HEADERS + content

    mail = parse(raw)

    assert mail.text == ""
    for each in mail.attachments:
        assert len(part_bytes(raw, each.part)) == each.size


def test_a_signed_file_is_a_file() -> None:
    raw = HEADERS + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nText.\r\n--b\r\n'
    raw += part(signed(b"<invoice/>"), 'application/octet-stream; name="invoice.xml.p7m"') + b"--b--\r\n"

    mail = parse(raw)

    assert [each.name for each in mail.attachments] == ["invoice.xml.p7m", "invoice.xml"]
    assert part_bytes(raw, "2#1") == b"<invoice/>"
    assert mail.protection == ""


def test_open_lengths() -> None:
    """BER as OpenSSL writes it when it does not know the length: each level open, the content in pieces."""
    oid_data, oid_signed = bytes.fromhex("06092a864886f70d010701"), bytes.fromhex("06092a864886f70d010702")
    octets = b"\x24\x80" + b"\x04\x03abc" + b"\x24\x80\x04\x02de\x00\x00" + b"\x00\x00"
    data = (
        b"\x30\x80" + oid_signed + b"\xa0\x80" + b"\x30\x80" + b"\x02\x01\x01" + b"\x31\x80\x00\x00"
        + b"\x30\x80" + oid_data + b"\xa0\x80" + octets + b"\x00\x00" * 6
    )  # fmt: skip

    assert cms.signed_content(data) == b"abcde"


def test_encrypted_smime_stays_whole() -> None:
    data = encrypted(b"secret")
    raw = HEADERS + part(data, "application/pkcs7-mime; smime-type=enveloped-data")

    mail = parse(raw)

    assert (mail.protection, mail.text) == ("encrypted", "")
    assert [(each.name, each.size) for each in mail.attachments] == [("smime.p7m", len(data))]
    assert part_bytes(raw, "1") == data


def test_a_detached_signature_has_nothing_inside() -> None:
    data = signed(b"x", pkcs7.PKCS7Options.DetachedSignature)

    assert (cms.kind_of(data), cms.signed_content(data)) == ("signed", None)


def test_signed_and_encrypted_multiparts() -> None:
    body = b"--b\r\nContent-Type: text/plain\r\n\r\nHello.\r\n"
    body += b"--b\r\nContent-Type: application/pgp-signature\r\n\r\ns\r\n--b--\r\n"
    mail = parse(make_raw(body, Content_Type='multipart/signed; boundary="b"'))

    assert (mail.text, mail.protection) == ("Hello.", "signed")
    assert [each.name for each in mail.attachments] == ["signature.asc"]

    body = b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\n"
    body += b"Content-Type: application/octet-stream\r\n\r\n" + ENCRYPTED + b"--b--\r\n"
    mail = parse(make_raw(body, Content_Type='multipart/encrypted; boundary="b"'))

    assert (mail.text, mail.protection) == ("", "encrypted")
    assert [each.name for each in mail.attachments][1:] == ["encrypted.asc"]


def test_words_signed_in_the_text_are_shown_without_armour() -> None:
    raw = make_raw(b"Before.\r\n" + SIGNED + b"After.\r\n")
    mail = parse(raw)

    assert mail.text == "Before.\nPlease pay.\n-- \nBob\nAfter."
    assert mail.protection == "signed"
    assert part_bytes(raw, "1#1") == SIGNED


def test_a_message_encrypted_in_the_text_is_a_file() -> None:
    raw = make_raw(b"See below.\r\n" + ENCRYPTED)
    mail = parse(raw)

    assert (mail.text, mail.protection) == ("See below.", "encrypted")
    assert [each.name for each in mail.attachments] == ["message.asc"]
    assert part_bytes(raw, "1#1") == ENCRYPTED
    for path in ("1#0", "1#2", "1#x", "1#1.1", "1#", "2#1", "#1", "1#1#1"):
        with pytest.raises(PartNotFound):
            part_bytes(raw, path)


@pytest.mark.parametrize("text", [SIGNED[:-20], b"> " + ENCRYPTED.replace(b"\n", b"\n> "), ENCRYPTED[:60]])
def test_what_is_no_whole_block_stays(text: bytes) -> None:
    mail = parse(make_raw(text))

    assert mail.text.startswith(text[:20].decode().strip())
    assert (mail.protection, mail.attachments) == ("", ())


@given(st.binary(max_size=200), st.integers(0, 1500), st.binary(max_size=4))
def test_any_damage_is_borne(tail: bytes, at: int, damage: bytes) -> None:
    whole = signed(b"Content-Type: text/plain\r\n\r\nHello")
    cms.signed_content(whole[:at] + damage + whole[at + len(damage) :])
    cms.signed_content(tail)
    cms.kind_of(b"\x30\x80" + tail)
    armour.blocks(SIGNED[: at % 200] + tail)


def test_hostile_sizes_end_in_time() -> None:
    began = time.process_time()
    cms.signed_content(b"\x30\x80" * 500_000)
    cms.signed_content(bytes.fromhex("308006092a864886f70d010702a0803080") + b"\x30\x80\x00\x00" * 300_000)
    parse(make_raw(b"-----BEGIN PGP MESSAGE-----\r\n" * 100_000))
    parse(make_raw(b"-----BEGIN PGP SIGNED MESSAGE-----\n" * 100_000 + b"-----END PGP SIGNATURE-----\n"))
    parse(make_raw(ENCRYPTED * 20_000))

    assert time.process_time() - began < 10


def test_an_elliptic_curve_signs_as_well() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bob")])
    now = datetime.now(UTC)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1)).sign(
        key, hashes.SHA256()
    )
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"Hi").add_signer(certificate, key, hashes.SHA256())

    assert cms.signed_content(builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])) == b"Hi"
