"""S/MIME containers (CMS, RFC 5652): what kind one is, and the mail inside one that is only signed.

Signatures are not checked. A walk of our own over the encoding, since mailers write BER with open lengths,
which strict readers refuse. Never raises.
"""

from dataclasses import dataclass

LARGEST = 64 * 1024 * 1024
_DEEPEST = 8
_PKCS7 = bytes.fromhex("2a864886f70d0107")
_SMIME = bytes.fromhex("2a864886f70d0109100117")  # authenticated enveloped data, RFC 5083
_SIGNED = _PKCS7 + b"\x02"
_ENCRYPTED = (_PKCS7 + b"\x03", _PKCS7 + b"\x06", _SMIME)
_OCTETS, _IDENTIFIER, _CONSTRUCTED = 0x04, 0x06, 0x20
_END = b"\0\0"


class _Damaged(ValueError):
    """The bytes are not what they should be here."""


@dataclass(slots=True)
class _Element:
    """One tag. ``end`` is None when its length is open: children follow until an end mark."""

    tag: int
    start: int
    end: int | None


class _Walk:
    """Goes through the elements from the first to the last."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def enter(self) -> _Element:
        """Read tag and length and stand at the first octet of the content."""
        head = self.data[self.at : self.at + 2]
        if len(head) < 2 or head[0] & 31 == 31:
            raise _Damaged
        self.at += 2
        length = head[1]
        if length == 128:
            return _Element(head[0], self.at, None)
        if length > 128:
            octets = self.data[self.at : self.at + length - 128]
            if len(octets) > 6:
                raise _Damaged
            self.at += len(octets)
            length = int.from_bytes(octets, "big")
        # What is cut off gives what is there.
        return _Element(head[0], self.at, min(self.at + length, len(self.data)))

    def leave(self, element: _Element, depth: int = 0) -> None:
        """Stand behind an element that was entered and not gone through."""
        if element.end is not None:
            self.at = element.end
            return
        if depth > _DEEPEST:
            raise _Damaged
        while not self.is_over(element):
            self.leave(self.enter(), depth + 1)

    def is_over(self, element: _Element) -> bool:
        """Whether nothing of the element is left; steps over its end mark."""
        if element.end is not None:
            return self.at >= element.end
        if self.data.startswith(_END, self.at):
            self.at += 2
            return True
        return self.at >= len(self.data)

    def identifier(self) -> bytes:
        """Read an object identifier."""
        element = self.enter()
        if element.tag != _IDENTIFIER or element.end is None:
            raise _Damaged
        self.at = element.end
        return self.data[element.start : element.end]

    def octets(self, out: list[bytes], depth: int = 0) -> None:
        """Read an octet string, in one piece or in many."""
        element = self.enter()
        if element.tag & ~_CONSTRUCTED != _OCTETS or depth > _DEEPEST:
            raise _Damaged
        if element.tag & _CONSTRUCTED:
            while not self.is_over(element):
                self.octets(out, depth + 1)
        elif element.end is not None:
            out.append(self.data[element.start : element.end])
            self.at = element.end


def kind_of(data: bytes) -> str:
    """Return "signed" or "encrypted", "" for anything else."""
    try:
        walk = _Walk(data)
        walk.enter()
        identifier = walk.identifier()
    except _Damaged:
        return ""
    return "signed" if identifier == _SIGNED else "encrypted" if identifier in _ENCRYPTED else ""


def signed_content(data: bytes) -> bytes | None:
    """Return what was signed, None when it is not inside (a detached signature, or only certificates)."""
    out: list[bytes] = []
    try:
        walk = _Walk(data[:LARGEST])
        walk.enter()
        if walk.identifier() != _SIGNED:
            return None
        walk.enter()
        walk.enter()
        walk.leave(walk.enter())  # version
        walk.leave(walk.enter())  # digest algorithms
        inner = walk.enter()
        walk.identifier()
        if walk.is_over(inner):
            return None
        walk.enter()
        walk.octets(out)
    except _Damaged:
        pass
    return b"".join(out) or None
