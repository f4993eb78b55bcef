"""The words of a PDF, within limits: pages and seconds."""

import io
import logging
import time

from pypdf import PdfReader
from pypdf.errors import PyPdfError

MOST_PAGES = 50
MOST_SECONDS = 2.0

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of what every second PDF has


def text_of(data: bytes) -> str | None:
    """Return the words of the first pages; None when there are none to be had: it is locked, or broken."""
    until = time.monotonic() + MOST_SECONDS
    texts: list[str] = []
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            return None
        for page in reader.pages[:MOST_PAGES]:
            texts.append(page.extract_text())
            if time.monotonic() > until:
                break
    except (PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OSError):
        return "\n".join(texts) if texts else None  # it is not as a PDF should be
    return "\n".join(texts)
