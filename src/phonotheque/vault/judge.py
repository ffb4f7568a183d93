"""Examine one file in this process: identify, refuse protection, decode, judge.

`examine_here` is what a worker runs. Everybody else calls `phonotheque.vault.examine`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import av
import msgspec

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.vault import claims, decode, formats
from phonotheque.vault.boxes import UnparseableError
from phonotheque.vault.drm import inspect_container
from phonotheque.vault.examination import Examination, Wants
from phonotheque.vault.formats import AudioFormat, Identified, identify
from phonotheque.vault.ogg import OggPages, walk_ogg
from phonotheque.vault.tags import read_tags

TRUNCATED_MS = 1_000
TRUNCATED_SHARE = 0.02
LOST_MS = 250  # audio that a sample-exact container counts and the decoder did not give
_RF64 = (formats.RF64, formats.RF64_MBWF)
_PERSONAL = (
    "tells who bought the file ({}), and so would every copy given out; "
    "ask that person, or ingest a copy without it"
)
_SAMPLE_EXACT = frozenset(["flac", "alac", "wavpack", "vorbis", "opus"])


class _RefusedError(Exception):
    """Ends an examination early; `form` as far as it is known."""

    def __init__(self, code: FindingCode, message: str, form: AudioFormat | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.form = form


def examine_here(path: Path, name: str, wants: Wants) -> Examination:
    """Examine the file at `path`, which is called `name` where it came from.

    Never raises for what is in the file; MemoryError may pass.
    """
    try:
        with path.open("rb") as stream:
            stat = path.stat()
            seen = Examination(path=name, size_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns)
            seen, found = _examine(path, stream, seen)
            return _with_description(seen, stream, found, wants)
    except OSError as error:
        message = f"cannot be read ({error.strerror or error}); check its permissions"
        return _with(Examination(path=name), [(FindingCode.FILE_UNREADABLE, message)])


def read_tags_here(path: Path, name: str, wants: Wants) -> Examination:
    """Read what the file at `path` says of itself, without decoding: an examination of which only
    `description`, size and the findings on tags are filled. Never raises, as `examine_here`."""
    try:
        with path.open("rb") as stream:
            stat = path.stat()
            seen = Examination(path=name, size_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns)
            return _with_description(seen, stream, identify(stream), wants)
    except OSError as error:
        message = f"cannot be read ({error.strerror or error}); check its permissions"
        return _with(Examination(path=name), [(FindingCode.FILE_UNREADABLE, message)])


def _with_description(
    seen: Examination, stream: BinaryIO, found: Identified | None, wants: Wants
) -> Examination:
    """With what the file says of itself, and what is doubtful in that. Of a protected file nothing
    is read; a refused file of which not all can be read gets no description."""
    if any(finding.code is FindingCode.AUDIO_DRM for finding in seen.findings):
        return seen
    read = read_tags(stream, seen.size_bytes, found, pictures=wants.pictures)
    if read.problem and any(f.severity is Severity.ERROR for f in seen.findings):
        return seen
    if read.problem:
        message = f"the tags cannot be read ({read.problem}); mend them with a tag editor"
        seen = _with(seen, [(FindingCode.TAGS_UNREADABLE, message)], Severity.WARNING)
    if read.pictures_left_out:
        message = f"{'; '.join(read.pictures_left_out[:3])}; the audio is kept with it inside"
        seen = _with(seen, [(FindingCode.TAGS_PICTURE_LEFT_OUT, message)], Severity.WARNING)
    if read.description.tags_repaired:
        names = ", ".join(sorted(read.description.tags_repaired)[:8])
        message = f"text in a wrong encoding in {names}; it is kept, and mended beside that"
        seen = _with(seen, [(FindingCode.TAGS_REPAIRED, message)], Severity.INFO)
    return _replace(seen, description=read.description)


def _examine(
    path: Path, stream: BinaryIO, seen: Examination
) -> tuple[Examination, Identified | None]:
    try:
        found, personal = _admitted_format(stream, seen.size_bytes)
    except _RefusedError as refused:
        seen = _with_format(seen, refused.form) if refused.form else seen
        return _with(seen, [(refused.code, str(refused))]), identify(stream)
    return _examine_sound(path, stream, seen, found, personal), found


def _examine_sound(
    path: Path,
    stream: BinaryIO,
    seen: Examination,
    found: Identified,
    personal: tuple[str, ...],
) -> Examination:
    seen = _with_format(seen, found.format)
    info = claims.read_streaminfo(stream, found) if "flac" in found.format.codecs else None
    try:
        decoded = _decode(path, found.format, info)
    except _RefusedError as refused:
        return _with(seen, [(refused.code, str(refused))])
    if found.format is formats.MP3:
        decoded.claimed_ms = claims.claimed_mpeg_ms(stream, found)
    if found.format is formats.WAVPACK:
        decoded.lossless = not claims.wavpack_is_hybrid(stream)
    structure = _structure(stream, seen.size_bytes, found)
    seen = _with_facts(seen, decoded)
    damage = list(_iter_damage(decoded, info, structure.damage))
    if damage:
        return _with(seen, damage)
    doubts = list(_iter_wrong_headers(decoded, info))
    if personal:
        doubts.append((FindingCode.AUDIO_PERSONAL_DATA, _PERSONAL.format(", ".join(personal))))
    if structure.unended:
        doubts.append((FindingCode.AUDIO_TRUNCATED, "no Ogg page is marked as the last one"))
    return _with(seen, doubts, Severity.WARNING)


def _structure(stream: BinaryIO, size_bytes: int, found: Identified) -> OggPages:
    """What the bytes show of missing or broken parts, without decoding."""
    if found.format.demuxer == "ogg":
        return walk_ogg(stream, size_bytes)
    plain_wave = found.format.demuxer == "wav" and found.format not in _RF64
    return OggPages(claims.find_riff_cut(stream, size_bytes) if plain_wave else None)


def _admitted_format(stream: BinaryIO, size_bytes: int) -> tuple[Identified, tuple[str, ...]]:
    """The form, and what in the container tells who bought the file."""
    found = identify(stream)
    if found is None:
        raise _RefusedError(
            FindingCode.FILE_UNKNOWN_FORMAT,
            "not a form of audio this vault knows by its content; convert it to FLAC",
        )
    try:
        inspection = inspect_container(stream, size_bytes, found)
    except UnparseableError as error:
        raise _RefusedError(
            FindingCode.AUDIO_UNPARSEABLE,
            f"{found.format.name} cannot be read to its end ({error}), so nobody can say whether "
            "it is protected; get a sound copy",
            found.format,
        ) from None
    if inspection.protection is not None:
        raise _RefusedError(
            FindingCode.AUDIO_DRM,
            f"technical protection: {inspection.protection}; only a copy without protection, "
            "from the rights holder, can be kept here",
            inspection.format,
        )
    if not inspection.format.admitted:
        raise _RefusedError(
            FindingCode.FILE_UNKNOWN_FORMAT,
            f"{inspection.format.name} is not a form this vault admits; convert it to FLAC",
            inspection.format,
        )
    return Identified(inspection.format, found.offset_bytes), inspection.personal


def _decode(path: Path, form: AudioFormat, info: claims.StreamInfo | None) -> decode.Decoded:
    try:
        return decode.decode_file(path, form, info)
    except decode.NoAudioError:
        raise _RefusedError(FindingCode.AUDIO_NO_AUDIO, "holds no audio stream") from None
    except decode.CodecNotAdmittedError as error:
        raise _RefusedError(
            FindingCode.FILE_UNKNOWN_FORMAT,
            f"{form.name} holding {error} is not admitted; convert it to FLAC",
        ) from None
    except av.error.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        raise _RefusedError(
            FindingCode.AUDIO_DECODE_FAILED,
            f"{form.name} cannot be opened ({error.strerror}); get a sound copy",
        ) from None


def _iter_damage(
    decoded: decode.Decoded, info: claims.StreamInfo | None, broken: str | None
) -> Iterator[tuple[FindingCode, str]]:
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
    yield from _iter_missing(decoded, broken)
    if info is not None and info.md5 and decoded.md5 != info.md5 and not decoded.errors:
        yield (
            FindingCode.AUDIO_MD5_MISMATCH,
            "the decoded audio is not what the encoder was given (STREAMINFO MD5)",
        )


def _iter_missing(decoded: decode.Decoded, broken: str | None) -> Iterator[tuple[FindingCode, str]]:
    claimed, found = decoded.claimed_ms or 0, decoded.duration_ms
    missing = claimed - found
    if missing > max(TRUNCATED_MS, claimed * TRUNCATED_SHARE):
        yield (
            FindingCode.AUDIO_TRUNCATED,
            f"the container says {claimed} ms, {found} ms could be decoded; get a whole copy",
        )
    elif broken is not None:
        whole = not broken.endswith(("cut off", "bytes"))
        code = FindingCode.AUDIO_DECODE_FAILED if whole else FindingCode.AUDIO_TRUNCATED
        yield code, f"{broken}; get a whole copy"
    elif missing > LOST_MS and decoded.codec in _SAMPLE_EXACT:
        yield FindingCode.AUDIO_DECODE_FAILED, f"{missing} ms did not decode; get a sound copy"


def _iter_wrong_headers(
    decoded: decode.Decoded, info: claims.StreamInfo | None
) -> Iterator[tuple[FindingCode, str]]:
    """The audio is all there, but a header that describes it is not true."""
    if len(decoded.samples) > 1:
        forms = ", ".join(f"{rate} Hz × {channels}" for rate, channels in decoded.samples)
        yield FindingCode.AUDIO_WRONG_HEADER, f"changes its form on the way: {forms}"
    elif info is not None and decoded.samples:
        ((rate, channels), samples) = next(iter(decoded.samples.items()))
        says = (info.sample_rate_hz, info.channels, info.total_samples or samples)
        if says != (rate, channels, samples):
            message = "STREAMINFO says {} Hz, {} channels, {} samples; ".format(*says)
            message += f"the audio has {rate}, {channels}, {samples}"
            yield FindingCode.AUDIO_WRONG_HEADER, message


def _with_format(seen: Examination, form: AudioFormat) -> Examination:
    return _replace(
        seen,
        puid=form.puid,
        format_name=form.name,
        media_type=form.media_type,
        extension=form.extension,
    )


def _with_facts(seen: Examination, decoded: decode.Decoded) -> Examination:
    return _replace(
        seen,
        codec=decoded.codec,
        duration_ms=decoded.duration_ms,
        sample_rate_hz=decoded.sample_rate_hz,
        channels=decoded.channels,
        bits=decoded.bits if decoded.lossless else 0,
        lossless=decoded.lossless,
        decoder=decode.DECODER,
    )


def _with(
    seen: Examination,
    damage: list[tuple[FindingCode, str]],
    severity: Severity = Severity.ERROR,
) -> Examination:
    found = tuple(Finding(code, severity, seen.path, message) for code, message in damage)
    return _replace(seen, findings=seen.findings + found)


def _replace(seen: Examination, **changes: object) -> Examination:
    return msgspec.structs.replace(seen, **changes)
