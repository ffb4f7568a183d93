"""Examine one file in this process: identify, refuse protection, decode, judge.

`examine_here` is what a worker runs. Everybody else calls `phonotheque.vault.examine`.
"""

from pathlib import Path
from typing import BinaryIO, NamedTuple

import av
import msgspec

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.vault import claims, decode, formats
from phonotheque.vault.boxes import UnparseableError
from phonotheque.vault.chunk_claims import check_chunks
from phonotheque.vault.drm import inspect_container
from phonotheque.vault.examination import Examination, Wants
from phonotheque.vault.formats import AudioFormat, Identified, identify
from phonotheque.vault.hearing import Heard
from phonotheque.vault.mpeg_walk import walk_mpeg
from phonotheque.vault.naming import wrong_extension
from phonotheque.vault.ogg import walk_ogg
from phonotheque.vault.soundness import Structure, iter_damage, iter_doubts
from phonotheque.vault.tags import read_tags

_HEARD = (
    "integrated_lufs", "range_lu", "true_peak_dbtp", "silent_share", "clipped_runs",
    "fingerprint", "fingerprint_by",
)  # fmt: skip
_PERSONAL = (
    "tells who bought the file ({}), and so would every copy given out; "
    "ask that person, or ingest a copy without it"
)


class _RefusedError(Exception):
    """Ends an examination early; `form` as far as it is known."""

    def __init__(self, code: FindingCode, message: str, form: AudioFormat | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.form = form


class _Admitted(NamedTuple):
    """The form, and what in the container tells who bought the file."""

    identified: Identified
    personal: tuple[str, ...]


def examine_here(path: Path, name: str, wants: Wants) -> Examination:
    """Examine the file at `path`, which is called `name` where it came from.

    Never raises for what is in the file; MemoryError may pass.
    """
    try:
        with path.open("rb") as stream:
            stat = path.stat()
            seen = Examination(path=name, size_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns)
            return _examine(path, stream, seen, wants)
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


def _examine(path: Path, stream: BinaryIO, seen: Examination, wants: Wants) -> Examination:
    try:
        admitted = _admitted_format(stream, seen.size_bytes)
    except _RefusedError as refused:
        seen = _with_format(seen, refused.form) if refused.form else seen
        seen = _with(seen, [(refused.code, str(refused))])
        return _with_description(seen, stream, identify(stream), wants)
    seen, heard = _examine_admitted(path, stream, seen, admitted, wants)
    seen = _with_description(seen, stream, admitted.identified, wants)
    return _with_heard(seen, heard)


def _with_heard(seen: Examination, heard: Heard) -> Examination:
    """With what was heard; of a refused file nothing that was heard can be trusted."""
    if not seen.admissible or seen.description is None:
        return seen
    said = {name: getattr(heard, name) for name in _HEARD}
    return _replace(seen, description=msgspec.structs.replace(seen.description, **said))


def _examine_admitted(
    path: Path, stream: BinaryIO, seen: Examination, admitted: _Admitted, wants: Wants
) -> tuple[Examination, Heard]:
    """Decode what may be decoded: what was found, and what was heard."""
    found = admitted.identified
    seen = _with_format(seen, found.format)
    info = claims.read_streaminfo(stream, found) if "flac" in found.format.codecs else None
    try:
        decoded = _decode(path, found.format, info, wants)
    except _RefusedError as refused:
        return _with(seen, [(refused.code, str(refused))]), Heard()
    if found.format is formats.MP3:
        claim = claims.claimed_mpeg(stream, found)
        decoded.claimed_ms = claim.duration_ms if claim else None
    if found.format is formats.WAVPACK:
        decoded.lossless = not claims.wavpack_is_hybrid(stream)
        if loss := claims.find_wavpack_loss(stream, sum(decoded.samples.values())):
            decoded.errors.append(loss)
    structure = _structure(stream, seen.size_bytes, found)
    seen = _with_facts(seen, decoded)
    damage = list(iter_damage(decoded, info, structure))
    if damage:
        return _with(seen, damage), decoded.heard
    for code, severity, message in iter_doubts(decoded, info, structure):
        seen = _with(seen, [(code, message)], severity)
    if admitted.personal:
        told = _PERSONAL.format(", ".join(admitted.personal))
        seen = _with(seen, [(FindingCode.AUDIO_PERSONAL_DATA, told)], Severity.WARNING)
    if wrong := wrong_extension(seen.path, found.format):
        seen = _with(seen, [(FindingCode.FILE_WRONG_EXTENSION, wrong)], Severity.INFO)
    return seen, decoded.heard


def _structure(stream: BinaryIO, size_bytes: int, found: Identified) -> Structure:
    """What the bytes show of missing or broken parts, without decoding."""
    if found.format.demuxer == "ogg":
        pages = walk_ogg(stream, size_bytes)
        cut = pages.damage if pages.damage and pages.damage.endswith("cut off") else None
        return Structure(None if cut else pages.damage, cut, unended=bool(pages.unended))
    if found.format.demuxer in ("wav", "aiff"):
        chunks = check_chunks(stream, size_bytes, found.format)
        return Structure(cut=chunks.cut, stray=chunks.stray)
    if found.format is formats.MP3:
        claim = claims.claimed_mpeg(stream, found)
        frames = claim.frames if claim else 0
        return Structure(mpeg=walk_mpeg(stream, size_bytes, found), mpeg_claimed=frames)
    return Structure()


def _admitted_format(stream: BinaryIO, size_bytes: int) -> _Admitted:
    found = identify(stream)
    if found is None:
        message = "not a form of audio this vault knows by its content; convert it to FLAC"
        message = message if size_bytes else "an empty file; get a whole copy"
        raise _RefusedError(FindingCode.FILE_UNKNOWN_FORMAT, message)
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
    return _Admitted(Identified(inspection.format, found.offset_bytes), inspection.personal)


def _decode(
    path: Path, form: AudioFormat, info: claims.StreamInfo | None, wants: Wants
) -> decode.Decoded:
    try:
        return decode.decode_file(path, form, info, wants)
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
