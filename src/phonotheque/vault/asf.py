"""A bounded walk over the header of an ASF file (WMA), with its header extension."""

from phonotheque.vault.bounded import BoundedStream, UnparseableError

MAX_OBJECTS = 10_000
MAX_HEADER_BYTES = 16 << 20
HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_EXTENSION = bytes.fromhex("b503bf5f2ea9cf118ee300c00c205365")
_EXTENSION_HEAD_BYTES = 22  # behind the object's head: a GUID, two bytes, length of the objects
_MARKS = {
    bytes.fromhex("fbb31122 23bdd211 b4b700a0c955fc6e"): "ASF content encryption",
    bytes.fromhex("14e68a29 2226174c b935dae07ee9289c"): "ASF extended content encryption",
    bytes.fromhex("33850543 8169e649 9b74ad12cb86d58c"): "ASF advanced content encryption",
}


def find_asf_encryption(stream: BoundedStream, size_bytes: int) -> str | None:
    """The first encryption object of the header or of its extension, in words.

    Raises:
        UnparseableError: lengths do not fit, or too many objects.
    """
    stream.seek(0)
    header = stream.read(30)
    end = int.from_bytes(header[16:24], "little")
    if len(header) < 30 or end > min(size_bytes, MAX_HEADER_BYTES):
        raise UnparseableError("the ASF header does not fit")
    return _objects(stream, 30, end, extended=False)


def _objects(stream: BoundedStream, position: int, end: int, *, extended: bool) -> str | None:
    for _ in range(MAX_OBJECTS):
        if position + 24 > end:
            return None
        stream.seek(position)
        head = stream.read(24)
        if head[:16] in _MARKS:
            return _MARKS[head[:16]]
        size = int.from_bytes(head[16:24], "little")
        if size < 24 or position + size > end:
            raise UnparseableError(f"ASF object at {position} does not fit")
        if head[:16] == _EXTENSION and not extended:
            inner = position + 24 + _EXTENSION_HEAD_BYTES
            if mark := _objects(stream, inner, position + size, extended=True):
                return mark
        position += size
    raise UnparseableError("too many ASF objects")
