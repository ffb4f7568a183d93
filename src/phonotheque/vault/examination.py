"""What is known of a file before the vault takes it: form, soundness, technical facts."""

import builtins
from pathlib import Path

import msgspec

from phonotheque.model.findings import Finding, Severity


class Limits(msgspec.Struct, frozen=True):
    """What examining one file may cost; beyond it the file gets `audio.limit-exceeded`."""

    seconds: int = 600
    memory_bytes: int = 1 << 30  # on top of what an idle worker holds


class Wants(msgspec.Struct, frozen=True):
    """What an examination is to find out besides form and soundness."""

    loudness: bool = True
    fingerprint: bool = True
    pictures: bool = True


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture inside an audio file. `kind` is the picture type of ID3; 3 = front cover.

    `content` is there only in the answer of the worker that read it; tables never hold it.
    `width` and `height` are pixels, 0 where they could not be read.
    """

    sha256: str
    media_type: str
    bytes: int
    width: int
    height: int
    kind: int
    content: builtins.bytes = b""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What a sound file says about itself and what was heard in it.

    `tags` are canonical names with the values as found; `tags_repaired` only those values whose
    wrong encoding was mended. Loudness is EBU R 128, None where nothing could be measured.
    `fingerprint` is Chromaprint's algorithm 1 over the whole duration, uint32 little-endian, b""
    where there is none.
    """

    tags: dict[str, list[str]] = {}
    tags_repaired: dict[str, list[str]] = {}
    tag_duration_ms: int = 0
    pictures: tuple[Picture, ...] = ()
    integrated_lufs: float | None = None
    range_lu: float | None = None
    true_peak_dbtp: float | None = None
    silent_share: float = 0.0
    clipped_runs: int = 0
    replaygain: dict[str, float] = {}
    fingerprint: bytes = b""
    fingerprint_by: str = ""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """The result of `examine`. Facts are "" or 0 where they could not be found out.

    `duration_ms` is counted from decoded samples, never taken from the container. `bits` is the
    sample size of lossless audio, 0 for lossy.
    """

    path: str
    size_bytes: int = 0
    mtime_ns: int = 0
    puid: str = ""
    format_name: str = ""
    media_type: str = ""
    extension: str = ""
    codec: str = ""
    duration_ms: int = 0
    sample_rate_hz: int = 0
    channels: int = 0
    bits: int = 0
    lossless: bool = False
    decoder: str = ""  # tool and version that proved it sound
    findings: tuple[Finding, ...] = ()
    description: Description | None = None

    @property
    def admissible(self) -> bool:
        """Whether the vault will take the file: decoded, and no finding of severity error."""
        return bool(self.codec) and all(f.severity is not Severity.ERROR for f in self.findings)


def printable(path: Path | str) -> str:
    """A path as text that every report can hold (undecodable bytes as escapes)."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
