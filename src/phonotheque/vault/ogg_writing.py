"""Writing an Ogg Opus file, page by page (RFC 3533, RFC 7845). Equal packets give equal bytes.

One logical stream with the serial number 1, no time stamps, comments in the order given.
"""

from collections.abc import Callable, Sequence

from phonotheque.vault.ogg import checksum

SERIAL = 1
PACKETS_PER_PAGE = 50  # a second, as RFC 7845 §6 asks for at most
GRANULE_RATE_HZ = 48_000
_FIRST, _LAST, _CONTINUED = 2, 4, 1
_MAX_SEGMENTS = 255
_NO_PACKET_ENDS = (1 << 64) - 1


class OpusWriter:
    """Pages to `write`, in order. `head` is the identification header (RFC 7845 §5.1)."""

    def __init__(
        self, write: Callable[[bytes], None], head: bytes, vendor: str,
        comments: Sequence[tuple[str, str]], samples_per_packet: int,
    ) -> None:  # fmt: skip
        self._write = write
        self._page = 0
        self._granule = 0
        self._step = samples_per_packet
        self._held: list[bytes] = []
        self._segments = 0
        self._packet(head, _FIRST)
        self._packet(format_comments(vendor, comments))

    def add(self, packet: bytes) -> None:
        """The next packet of audio, of `samples_per_packet` samples at 48 kHz."""
        segments = len(packet) // 255 + 1
        if len(self._held) == PACKETS_PER_PAGE or self._segments + segments > _MAX_SEGMENTS:
            self._flush(self._granule, 0)
        self._held.append(packet)
        self._segments += segments
        self._granule += self._step

    def finish(self, end_granule: int) -> None:
        """End the stream at `end_granule` (pre-skip and all samples, at 48 kHz): what the last
        packet holds beyond it is not played."""
        self._flush(end_granule, _LAST)

    def _flush(self, granule: int, flags: int) -> None:
        lacing = b"".join(_lacing(packet) for packet in self._held)
        self._emit(b"".join(self._held), lacing, granule, flags)
        self._held, self._segments = [], 0

    def _packet(self, content: bytes, flags: int = 0) -> None:
        """A header packet on pages of its own."""
        lacing = _lacing(content)
        for at in range(0, len(lacing), _MAX_SEGMENTS):
            part = lacing[at : at + _MAX_SEGMENTS]
            ends = at + _MAX_SEGMENTS >= len(lacing)
            body = content[at * 255 : at * 255 + sum(part)]
            more = _CONTINUED if at else 0
            self._emit(body, part, 0 if ends else _NO_PACKET_ENDS, flags | more)

    def _emit(self, body: bytes, lacing: bytes, granule: int, flags: int) -> None:
        head = b"".join(
            [
                b"OggS\0",
                bytes([flags]),
                granule.to_bytes(8, "little"),
                SERIAL.to_bytes(4, "little"),
                self._page.to_bytes(4, "little"),
                bytes(4),
                bytes([len(lacing)]),
            ]
        )
        page = head + lacing + body
        sum_ = checksum(page).to_bytes(4, "little")
        self._write(page[:22] + sum_ + page[26:])
        self._page += 1


def format_comments(vendor: str, comments: Sequence[tuple[str, str]]) -> bytes:
    """The comment header (RFC 7845 §5.2): `comments` are (NAME, value)."""
    fields = [f"{name}={value}".encode() for name, value in comments]
    parts = [b"OpusTags", _counted(vendor.encode()), len(fields).to_bytes(4, "little")]
    return b"".join(parts + [_counted(field) for field in fields])


def _counted(content: bytes) -> bytes:
    return len(content).to_bytes(4, "little") + content


def _lacing(packet: bytes) -> bytes:
    full, rest = divmod(len(packet), 255)
    return b"\xff" * full + bytes([rest])
