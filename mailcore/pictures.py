"""What kind of picture some bytes are, by what they begin with; what a file calls itself proves nothing."""

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)

_MOST_SEGMENTS = 10_000  # before the frame: profiles, previews, notes


def picture_type(data: bytes) -> str:
    """Return the type of a picture that every mail program shows, "" for anything else."""
    for beginning, kind in _BEGINNINGS:
        if data.startswith(beginning):
            return kind
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels of a picture of these types, None if they can't be read."""
    match picture_type(data):
        case "image/png" if len(data) >= 24:
            return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
        case "image/gif" if len(data) >= 10:
            return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
        case "image/jpeg":
            return _jpeg_size(data)
        case "image/webp":
            return _webp_size(data)
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Walk the segments to the one that begins a frame (ITU T.81 B.2.2)."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if at + 9 >= len(data):
            break
        if data[at] != 0xFF:
            return None
        kind = data[at + 1]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        length = int.from_bytes(data[at + 2 : at + 4])
        at += 1 if kind == 0xFF else 2 + max(length, 2)
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Of the three kinds of WebP (RFC 9649): extended, lossy, lossless."""
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8 " and len(data) >= 30:
        wide, high = int.from_bytes(data[26:28], "little"), int.from_bytes(data[28:30], "little")
        return wide & 0x3FFF, high & 0x3FFF
    if kind == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None
