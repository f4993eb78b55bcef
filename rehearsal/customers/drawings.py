"""Small files to attach: a picture of a parcel (PNG) and an invoice (PDF), made on the spot."""

import struct
import zlib

WIDTH, HEIGHT = 240, 150
Colour = tuple[int, int, int]
_FLOOR, _WALL, _TAPE, _CRACK = (196, 190, 180), (232, 230, 226), (226, 205, 160), (60, 40, 30)


def parcel_png(seed: int) -> bytes:
    """A cardboard box with a crack in it, 240 by 150 pixels; the seed changes its place and colour."""
    left, top = 55 + seed % 40, 35 + seed % 17
    box = (150 + seed % 50, 110 + seed % 35, 70 + seed % 25)
    rows = (
        b"\0" + bytes(channel for x in range(WIDTH) for channel in _pixel(x, y, left, top, box))
        for y in range(HEIGHT)
    )
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _pixel(x: int, y: int, left: int, top: int, box: Colour) -> Colour:
    inside = left <= x < left + 110 and top <= y < top + 85
    if not inside:
        return _FLOOR if y > top + 70 else _WALL
    if abs(x - left - 30 - (y - top) // 3 - (y * 7 % 5)) < 2:
        return _CRACK
    return _TAPE if abs(x - left - 75) < 9 else box


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def invoice_pdf(number: str, order: str) -> bytes:
    """A page with an invoice's number, in the smallest PDF that readers open without complaint."""
    lines = [f"Invoice {number}", f"Order {order}", "Company (rehearsal)", "Not a real document"]
    text = "BT /F1 18 Tf 60 760 Td 26 TL " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    return _pdf(objects).encode("ascii")


def _pdf(objects: list[str]) -> str:
    document, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(document))
        document += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    return (
        f"{document}xref\n0 {size}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(document)}\n%%EOF\n"
    )
