"""The Message-ID that a provider gives a mail in place of ours, as its answer to the text tells.

Exchange: 250 2.0.0 OK <AM0PR01MB.eurprd01.prod.outlook.com> [Hostname=…]. Amazon SES: 250 Ok 0102018…-000000,
which is the part before @eu-west-1.amazonses.com, or before @email.amazonses.com in us-east-1. Customers'
answers name that id, ours only if their program keeps References.
"""

import re

LONGEST = 500

_IN_BRACKETS = re.compile(r"<([^<>\s@]{1,250}@[^<>\s@]{1,240})>")
_SES_HOST = re.compile(r"email-smtp(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com", re.IGNORECASE)
_SES_ID = re.compile(r"\bok ([0-9a-f]{16}-[0-9a-f-]{30,60})\s*$", re.IGNORECASE)


def given_id(answer: str, server_address: str, ours: str) -> str:
    """The id, without <>; "" when the answer names none, or ours.

    :param answer: of the server, to the text.
    """
    found = _IN_BRACKETS.search(answer)
    if found:
        return found[1] if found[1].lower() != ours.lower() else ""
    region = _SES_HOST.fullmatch(server_address)
    token = _SES_ID.search(answer) if region else None
    if region is None or token is None:
        return ""
    place = "email" if region[1].lower() == "us-east-1" else region[1].lower()
    return f"{token[1]}@{place}.amazonses.com"
