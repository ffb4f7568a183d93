"""A bounded walk over a Matroska or WebM file (RFC 9559) to the encodings of its tracks."""

from phonotheque.vault.bounded import BoundedStream, UnparseableError

MAX_ELEMENTS = 10_000
_TRACKS = 0x1654AE6B
_WAY = (0x18538067, _TRACKS, 0xAE, 0x6D80, 0x6240)  # Segment … ContentEncoding
_ENCRYPTION = 0x5035


class _Walk:
    def __init__(self, stream: BoundedStream) -> None:
        self.stream = stream
        self.left = MAX_ELEMENTS
        self.tracks = 0


def find_matroska_encryption(stream: BoundedStream, size_bytes: int) -> str | None:
    """``ContentEncryption`` of any track, in words.

    Raises:
        UnparseableError: lengths do not fit, too many elements, or no tracks could be reached.
    """
    walk = _Walk(stream)
    mark = _elements(walk, 0, size_bytes, 0)
    if mark is None and not walk.tracks:
        raise UnparseableError("no description of its tracks could be reached")
    return mark


def _elements(walk: _Walk, position: int, end: int, level: int) -> str | None:
    while position < end:
        walk.left -= 1
        if walk.left < 0:
            raise UnparseableError("too many EBML elements")
        ident, id_bytes = _number(walk.stream, position, keep_marker=True)
        size, size_bytes = _number(walk.stream, position + id_bytes, keep_marker=False)
        start = position + id_bytes + size_bytes
        unknown = size == (1 << 7 * size_bytes) - 1
        stop = end if unknown else start + size
        if ident == _ENCRYPTION:
            return "Matroska ContentEncryption"
        if stop > end:
            raise UnparseableError(f"EBML element at {position} does not fit")
        if level < len(_WAY) and ident == _WAY[level]:
            walk.tracks += ident == _TRACKS
            mark = _elements(walk, start, stop, level + 1)
            if mark:
                return mark
        position = stop
    return None


def _number(stream: BoundedStream, position: int, *, keep_marker: bool) -> tuple[int, int]:
    stream.seek(position)
    data = stream.read(8)
    if not data or data[0] == 0:
        raise UnparseableError(f"no EBML number at {position}")
    length = 9 - data[0].bit_length()
    if len(data) < length:
        raise UnparseableError(f"cut off at {position}")
    value = int.from_bytes(data[:length], "big")
    return (value if keep_marker else value & ((1 << 7 * length) - 1)), length
