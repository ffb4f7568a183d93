"""What decoding and walking a file tell of its soundness, as findings (docs/audio.md)."""

from collections.abc import Iterator
from dataclasses import dataclass

from phonotheque.model.findings import FindingCode, Severity
from phonotheque.vault.claims import StreamInfo
from phonotheque.vault.decode import Decoded
from phonotheque.vault.mpeg_walk import MpegFrames

TRUNCATED_MS = 1_000
TRUNCATED_SHARE = 0.02
LOST_MS = 250  # audio that a sample-exact container counts and the decoder did not give
UNCLAIMED_MS = 250  # audio that the decoder gave and the container does not count
QUIET_MS = 30_000  # of digital silence in a row
CLIPPED_RUNS = 10
RIFE_RUNS_PER_SECOND = 10
_SAMPLE_EXACT = frozenset(["flac", "alac", "wavpack", "vorbis", "opus"])

Doubt = tuple[FindingCode, Severity, str]


@dataclass(slots=True)
class Structure:
    """What the bytes show without decoding, in words: parts that are `broken`, an end that is
    `cut` off, what is `stray`, and streams that do not say that they end (`unended`)."""

    broken: str | None = None
    cut: str | None = None
    stray: str | None = None
    unended: bool = False
    mpeg: MpegFrames | None = None
    mpeg_claimed: int = 0  # frames, by the header of an MP3; 0 where it has none


def iter_damage(
    decoded: Decoded, info: StreamInfo | None, structure: Structure
) -> Iterator[tuple[FindingCode, str]]:
    """What keeps a file out."""
    if not decoded.samples:
        code = FindingCode.AUDIO_DECODE_FAILED if decoded.errors else FindingCode.AUDIO_NO_AUDIO
        yield code, "not one sample could be decoded"
        return
    if decoded.errors:
        yield (
            FindingCode.AUDIO_DECODE_FAILED,
            f"{len(decoded.errors)} errors in {decoded.packets} packets ({decoded.errors[0]}); "
            "get a sound copy",
        )
    yield from _iter_missing(decoded, structure)
    if info is not None and info.md5 and decoded.md5 != info.md5 and not decoded.errors:
        yield (
            FindingCode.AUDIO_MD5_MISMATCH,
            "the decoded audio is not what the encoder was given (STREAMINFO MD5)",
        )


def _iter_missing(decoded: Decoded, structure: Structure) -> Iterator[tuple[FindingCode, str]]:
    claimed, found = decoded.claimed_ms or 0, decoded.duration_ms
    missing = claimed - found
    if missing > max(TRUNCATED_MS, claimed * TRUNCATED_SHARE):
        yield (
            FindingCode.AUDIO_TRUNCATED,
            f"the container says {claimed} ms, {found} ms could be decoded; get a whole copy",
        )
    elif structure.cut is not None:
        yield FindingCode.AUDIO_TRUNCATED, f"{structure.cut}; get a whole copy"
    elif structure.broken is not None:
        yield FindingCode.AUDIO_DECODE_FAILED, f"{structure.broken}; get a whole copy"
    elif missing > LOST_MS and decoded.codec in _SAMPLE_EXACT:
        yield FindingCode.AUDIO_DECODE_FAILED, f"{missing} ms did not decode; get a sound copy"


def iter_doubts(decoded: Decoded, info: StreamInfo | None, structure: Structure) -> Iterator[Doubt]:
    """What is told of a file that is kept."""
    for message in _iter_wrong_headers(decoded, info, structure):
        yield FindingCode.AUDIO_WRONG_HEADER, Severity.WARNING, message
    if structure.unended:
        message = "no Ogg page is marked as the last one"
        yield FindingCode.AUDIO_TRUNCATED, Severity.WARNING, message
    if structure.mpeg is not None:
        yield from _iter_mpeg_doubts(decoded, structure.mpeg, structure.mpeg_claimed)
    if decoded.other_streams:
        message = f"not looked at: further streams ({', '.join(decoded.other_streams)})"
        yield FindingCode.AUDIO_OTHER_STREAMS, Severity.WARNING, message
    yield from _iter_heard(decoded)


def _iter_wrong_headers(
    decoded: Decoded, info: StreamInfo | None, structure: Structure
) -> Iterator[str]:
    """The audio is all there, but a header that describes it is not true."""
    if structure.stray is not None:
        yield structure.stray
    if len(decoded.samples) > 1:
        forms = ", ".join(f"{rate} Hz × {channels}" for rate, channels in decoded.samples)
        yield f"changes its form on the way: {forms}"
        return
    ((rate, channels), samples) = next(iter(decoded.samples.items()))
    if info is not None:
        says = (info.sample_rate_hz, info.channels, info.total_samples or samples)
        if says != (rate, channels, samples):
            message = "STREAMINFO says {} Hz, {} channels, {} samples; ".format(*says)
            yield message + f"the audio has {rate}, {channels}, {samples}"
            return
    claimed, found = decoded.claimed_ms, decoded.duration_ms
    if claimed is not None and found - claimed > UNCLAIMED_MS:
        yield f"the container says {claimed} ms, the audio has {found} ms"


def _iter_mpeg_doubts(decoded: Decoded, mpeg: MpegFrames, claimed: int) -> Iterator[Doubt]:
    lost = mpeg.duration_ms - decoded.duration_ms
    if mpeg.stray_bytes:
        message = f"{mpeg.stray_bytes} bytes in {mpeg.stray_places} places are no MPEG frames, the "
        message += f"first at byte {mpeg.first_stray}; compare it with another copy"
        yield FindingCode.AUDIO_LOST_SYNC, Severity.WARNING, message
    elif claimed and mpeg.frames < claimed:
        message = f"its header counts {claimed} frames, {mpeg.frames} are there"
        yield FindingCode.AUDIO_LOST_SYNC, Severity.WARNING, message
    elif lost > LOST_MS:
        message = f"{lost} ms of frames gave no audio; compare it with another copy"
        yield FindingCode.AUDIO_LOST_SYNC, Severity.WARNING, message
    if mpeg.lacking_bytes:
        message = (
            f"the last frame lacks {mpeg.lacking_bytes} bytes; what was behind it may lack too"
        )
        yield FindingCode.AUDIO_TRUNCATED, Severity.WARNING, message


def _iter_heard(decoded: Decoded) -> Iterator[Doubt]:
    heard, seconds = decoded.heard, decoded.duration_ms / 1000
    if heard.silent_share >= 1:
        message = "nothing in it is louder than -70 dBFS; listen to it"
        yield FindingCode.AUDIO_SILENT, Severity.WARNING, message
    elif heard.quiet_ms >= QUIET_MS:
        message = f"{heard.quiet_ms // 1000} s of digital silence in a row"
        yield FindingCode.AUDIO_SILENT, Severity.INFO, message
    if heard.clipped_runs >= CLIPPED_RUNS:
        rife = heard.clipped_runs > RIFE_RUNS_PER_SECOND * seconds
        message = f"{heard.clipped_runs} runs of samples at full scale in {seconds:.0f} s"
        yield FindingCode.AUDIO_CLIPPED, Severity.WARNING if rife else Severity.INFO, message
