"""Reports of mail systems about our mail, other than that it did not arrive.

Read receipts (RFC 8098), complaints (RFC 5965 and Hotmail's older form), DMARC aggregates (RFC 7489 7.2.1.1),
TLS reports (RFC 8460), Amazon's notifications.
"""

import re

from mailcore.headers import HeaderBlock
from mailcore.mime import Part

_TYPES = frozenset({"disposition-notification", "feedback-report", "tlsrpt", "delivery-status"})
_PART_TYPES = frozenset(
    {
        "message/feedback-report",
        "message/disposition-notification",
        "message/global-disposition-notification",
        "application/tlsrpt+gzip",
        "application/tlsrpt+json",
    }
)
_HEADERS = ("tls-report-domain", "x-arf", "x-xarf", "x-amz-sns-message-id")
_PACKED = frozenset(
    {"application/zip", "application/gzip", "application/x-gzip", "application/x-zip-compressed"}
)
# receiver!domain!begin!end[!id].xml.gz
_AGGREGATE_NAME = re.compile(
    r"[^!\s]{1,255}![^!\s]{1,255}!\d{6,12}!\d{6,12}(?:![^!\s]{1,100})?\.(?:xml|zip|gz)", re.I
)
_SUBJECT = re.compile(
    r"\s*(?:report[ -]domain:\s*\S+|\[?dmarc\]? ?(?:aggregate )?report|\[?preview\]? report domain|"
    r"tls[- ]?rpt|tls-?report|smtp tls report|complaint about message from \[?[\da-f.:]+|(?:yahoo |"
    r"aol )?(?:e-?mail )?feedback report|abuse report|(?:read|gelesen|lu|přečteno|prečítané|letto|"
    r"leído|lida|lido|gelezen|przeczytano|läst|læst|lest|luettu)\s?:|(?:not read|ungelesen|non lu|"
    r"nepřečteno|neprečítané|non letto|no leído|não lida|niet gelezen|nie przeczytano)\s?:|(?:return|"
    r"read) receipt\b|lesebestätigung\b|accusé de lecture\b|confirmación de lectura\b|"
    r"conferma di lettura\b)",
    re.IGNORECASE,
)


def is_report(root: Part, report_type: str, subject: str) -> bool:
    """Whether a mail system reports; ``report_type`` is the parameter of multipart/report in lower case."""
    if report_type and (report_type in _TYPES or root.type == "multipart/report"):
        return True
    if any(name in root.headers.fields for name in _HEADERS):
        return True
    if root.is_multipart and any(part.type in _PART_TYPES for part in root.leaves()):
        return True
    if _SUBJECT.match(subject) and not root.headers.raw("in-reply-to"):
        return True
    return any(_is_aggregate(part.headers) for part in root.leaves() if part.type in _PACKED)


def _is_aggregate(headers: HeaderBlock) -> bool:
    return bool(
        _AGGREGATE_NAME.search(f"{headers.text('content-disposition')} {headers.text('content-type')}")
    )
