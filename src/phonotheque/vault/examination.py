"""What is known of a file before the vault takes it: form, soundness, technical facts."""

from pathlib import Path

import msgspec

from phonotheque.model.findings import Finding, Severity


class Limits(msgspec.Struct, frozen=True):
    """What examining one file may cost; beyond it the file gets `audio.limit-exceeded`."""

    seconds: int = 600
    memory_bytes: int = 1 << 30  # on top of what an idle worker holds


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

    @property
    def admissible(self) -> bool:
        """Whether the vault will take the file: decoded, and no finding of severity error."""
        return bool(self.codec) and all(f.severity is not Severity.ERROR for f in self.findings)


def printable(path: Path | str) -> str:
    """A path as text that every report can hold (undecodable bytes as escapes)."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
