"""What the vault heard: that two files are the same sound (docs/formats/sounds.md)."""

from enum import StrEnum

import msgspec
import pyarrow as pa

from phonotheque.model.tables import FORMAT_VERSION

SOUNDS = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),  # the smaller of the two digests
        pa.field("other", pa.string(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),  # SoundVerdict
        pa.field("score", pa.float64(), nullable=False),  # 0 … 1
        pa.field("overlap_ms", pa.int32(), nullable=False),
        pa.field("offset_ms", pa.int32(), nullable=False),  # where in other sha256 begins
        pa.field("found_by", pa.string(), nullable=False),  # rules and their version
    ],
    metadata={"phonotheque.table": "sounds", "phonotheque.format": str(FORMAT_VERSION)},
)
"""Which files of the vault are the same sound, as the vault heard it."""


class SoundVerdict(StrEnum):
    """What was found of two files; the newest word on a pair counts."""

    SAME = "same"  # one performance: their rows become one recording
    MAYBE = "maybe"  # alike; joins nothing, shown to whoever asks why rows are apart
    NONE = "none"  # takes back what was said of the pair before


class SoundMatch(msgspec.Struct, frozen=True, kw_only=True):
    """Two files of the vault by SHA-256 (64 hex digits each), in either order.

    `offset_ms` is where in `other` the file `sha256` begins; negative: it begins before `other`.
    `score` goes from 0 to 1. `found_by` names the rules that found it, with their version.
    """

    sha256: str
    other: str
    verdict: SoundVerdict
    score: float
    overlap_ms: int
    offset_ms: int
    found_by: str

    def in_order(self) -> "SoundMatch":
        """The same with the smaller digest first, as tables have it."""
        if self.sha256 <= self.other:
            return self
        return msgspec.structs.replace(
            self, sha256=self.other, other=self.sha256, offset_ms=-self.offset_ms
        )
