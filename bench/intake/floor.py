"""What intake costs at least in Python: batched fetch, parse, COPY. No checks, no ledger, no conversation.

Run by `bench/ingest.py` with the peers' Python; reads "go PORT USER PASSWORD" lines, answers with one each.
"""

import email
import email.header
import email.message
import email.utils
import io
import os
import ssl
import sys
from collections.abc import Callable

import imapclient
import psycopg2

BATCH = 50
TABLES = """
CREATE TABLE IF NOT EXISTS raw (id bigserial PRIMARY KEY, data bytea);
CREATE TABLE IF NOT EXISTS message (id bigserial PRIMARY KEY, uid bigint, message_id text, parent text,
    subject text, sender text, body text, files text);
"""
Row = tuple[str, ...]


def by_standard_library(raw: bytes) -> Row:
    """The standard parser with its old policy, which is the quick one."""
    mail = email.message_from_bytes(raw)
    text, files = "", []
    for part in mail.walk():
        if part.is_multipart():
            continue
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        if part.get_filename():
            files.append(f"{part.get_filename()}:{len(data)}")
        elif part.get_content_type() == "text/plain" or not text:
            text = data.decode(part.get_content_charset("utf-8"), "replace")
    subject = str(email.header.make_header(email.header.decode_header(mail["Subject"] or "")))
    sender = email.utils.parseaddr(mail["From"] or "")[1]
    return mail["Message-ID"] or "", mail["In-Reply-To"] or "", subject, sender, text, " ".join(files)


def by_rust(raw: bytes) -> Row:
    """fast-mail-parser, the quickest there is."""
    from fast_mail_parser import parse_email  # noqa: PLC0415 - not for the other floor

    mail = parse_email(raw)
    headers = {name.lower(): values[0] for name, values in mail.headers.items()}
    files = [f"{each.filename}:{len(each.content)}" for each in mail.attachments if each.filename]
    text = "".join(mail.text_plain) or "".join(mail.text_html)
    sender = email.utils.parseaddr(headers.get("from", ""))[1]
    names = (headers.get("message-id", ""), headers.get("in-reply-to", ""), mail.subject, sender)
    return *names, text, " ".join(files)


def take_in(
    parse: Callable[[bytes], Row],
    database: "psycopg2.extensions.connection",
    port: int,
    user: str,
    password: str,
) -> int:
    """Everything that the mailbox holds."""
    context = ssl.create_default_context(cafile=os.environ["BENCH_CA"])
    client = imapclient.IMAPClient("127.0.0.1", port=port, ssl_context=context)
    client._imap.debug = 0
    client.login(user, password)
    client.select_folder("INBOX", readonly=True)
    uids = client.search()
    for start in range(0, len(uids), BATCH):
        found = client.fetch(uids[start : start + BATCH], ["BODY.PEEK[]"])
        store(database, {uid: (data[b"BODY[]"], parse(data[b"BODY[]"])) for uid, data in found.items()})
    client.logout()
    return len(uids)


def store(database: "psycopg2.extensions.connection", batch: dict[int, tuple[bytes, Row]]) -> None:
    """One transaction for a batch."""
    raws, rows = io.StringIO(), io.StringIO()
    for uid, (raw, row) in batch.items():
        raws.write(f"\\\\x{raw.hex()}\n")
        rows.write("\t".join([str(uid), *map(_escaped, row)]) + "\n")
    with database, database.cursor() as cursor:
        cursor.copy_expert("COPY raw (data) FROM STDIN", io.StringIO(raws.getvalue()))
        columns = "uid, message_id, parent, subject, sender, body, files"
        cursor.copy_expert(f"COPY message ({columns}) FROM STDIN", io.StringIO(rows.getvalue()))


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\r", "\\r")
    return text.replace("\n", "\\n").replace("\0", "")


def main() -> None:
    """Answer each line."""
    parse = {"stdlib": by_standard_library, "rust": by_rust}[sys.argv[1]]
    database = psycopg2.connect(os.environ["BENCH_DATABASE"])
    with database, database.cursor() as cursor:
        cursor.execute(TABLES)
    print("ready", flush=True)
    for line in sys.stdin:
        _, port, user, password = line.split()
        print(take_in(parse, database, int(port), user, password), flush=True)


if __name__ == "__main__":
    main()
