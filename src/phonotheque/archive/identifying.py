"""`identify`: what a file or a fingerprint is, and whether the archive holds it already.

Asked in turn: are these very bytes held; which files of the vault sound like it; which recordings
have the codes of its tags, or else its artist and title.
"""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import msgspec

from phonotheque.archive.recording_names import (
    NamedRecording,
    recordings_by_tags,
    recordings_of_files,
    same_sounds,
)
from phonotheque.archive.vaults import open_vault
from phonotheque.model.errors import InputError, UsageError
from phonotheque.model.findings import Finding
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from phonotheque.vault import (
    ITEM_SECONDS,
    AcousticIndex,
    Description,
    Likeness,
    SoundHit,
    Vault,
    examine,
    judge,
    parse_fingerprint,
    raw_fingerprint,
    score_of,
    sources_of,
)

MOST_ANSWERS = 8
_SURER = (Likeness.SAME, Likeness.PART, Likeness.WHOLE, Likeness.MAYBE)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A file or a recording that what was asked for may be.

    `by` says how: `bytes`; by ear `same`, `part` (what was asked for is a part of the file),
    `whole` (the file is a part of it), `maybe`; by its tags `isrc`, `mbid`, `text`. `score` goes
    from 0, no more alike than chance, to 1; `offset_seconds` is where in the file it begins.
    `same_sound` are further held files of the same sound.
    """

    by: str
    sha256: str | None = None
    held: bool = False
    score: float | None = None
    error_rate: float | None = None
    offset_seconds: float | None = None
    overlap_seconds: float | None = None
    same_sound: tuple[str, ...] = ()
    recording: NamedRecording | None = None


class Identification(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, and the answers, the surest first. `held`: these bytes, or a file of the
    same sound, or one that has it as a part, are in the vault."""

    name: str
    sha256: str | None
    duration_seconds: float
    fingerprint: bool  # whether there was one to listen by
    held: bool
    answers: tuple[Answer, ...]
    findings: tuple[dict[str, str | int | None], ...] = ()


def identify_file(tree: Tree, path: Path) -> Identification:
    """What the file at `path` is. It is examined as at the door of the vault, and not kept.

    Raises:
        NotFoundError: no archive at `tree`.
        InputError: the file cannot be read.
    """
    read_settings(tree)
    try:
        sha256 = digest_file(path).sha256.hex()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    seen = examine(path)
    said = seen.description or Description()
    answers = _answers(tree, said, sha256)
    return _identification(
        str(path), answers,
        sha256=sha256, seconds=seen.duration_ms / 1000, said=said, findings=seen.findings,
    )  # fmt: skip


def identify_fingerprint(tree: Tree, text: str) -> Identification:
    """What sound a fingerprint is of; `text` as `fpcalc` prints it, with or without its names.

    Raises:
        NotFoundError: no archive at `tree`.
        InputError: no fingerprint.
    """
    read_settings(tree)
    lines = [line.partition("FINGERPRINT=") for line in text.splitlines()]
    named = [rest for _, name, rest in lines if name]
    items = parse_fingerprint(named[0] if named else text)
    if not len(items):
        raise UsageError("the fingerprint is empty; fpcalc makes one of a sound longer than 3 s")
    said = Description(fingerprint=items.astype("<u4").tobytes())
    answers = _answers(tree, said, None)
    seconds = len(items) * ITEM_SECONDS
    return _identification("fingerprint", answers, sha256=None, seconds=seconds, said=said)


def _identification(
    name: str,
    answers: list[Answer],
    *,
    sha256: str | None,
    seconds: float,
    said: Description,
    findings: Iterable[Finding] = (),
) -> Identification:
    sure = {"bytes", Likeness.SAME, Likeness.PART}
    return Identification(
        name=name,
        sha256=sha256,
        duration_seconds=round(seconds, 3),
        fingerprint=bool(said.fingerprint),
        held=any(a.by in sure and (a.held or bool(a.same_sound)) for a in answers),
        answers=tuple(answers[:MOST_ANSWERS]),
        findings=tuple(finding.as_dict() for finding in findings),
    )


def _answers(tree: Tree, said: Description, sha256: str | None) -> list[Answer]:
    """All answers, the surest first; by tags only where the vault has none."""
    if (tree.vault / "state.sqlite").exists():
        with closing(open_vault(tree)) as vault:
            found = _held(tree, vault, said, sha256)
        if found:
            return found
    named = recordings_by_tags(tree, said)
    return [Answer(by=how, recording=recording) for how, recording in named]


def _held(tree: Tree, vault: Vault, said: Description, sha256: str | None) -> list[Answer]:
    """Answers by bytes and by ear."""
    exact = [sha256] if sha256 is not None and vault.object(sha256) is not None else []
    items = raw_fingerprint(said.fingerprint)
    hits = AcousticIndex(tree.acoustic).look_up(items) if len(items) else []
    heard = [
        (likeness, hit)
        for hit in hits
        if (likeness := judge(hit.alignment, len(items), hit.length)) is not Likeness.DIFFERENT
        and hit.sha256 not in exact
    ]
    heard.sort(key=lambda pair: _SURER.index(pair[0]))
    digests = [*exact, *(hit.sha256 for _, hit in heard)]
    masters = [master for one in exact for master in sources_of(vault.state, one)]  # of a copy
    recordings = recordings_of_files(tree, vault, [*digests, *masters])
    others = same_sounds(tree, digests)
    held = {one: _in_vault(vault, others.get(one, ())) for one in digests}
    answers = [
        Answer(
            by="bytes", sha256=one, held=True, score=1.0, same_sound=held[one],
            recording=next((recordings[d] for d in (one, *masters) if d in recordings), None),
        )
        for one in exact
    ]  # fmt: skip
    for likeness, hit in heard:
        one = hit.sha256
        present = vault.object(one) is not None
        answers.append(_heard(likeness, hit, present, held[one], recordings.get(one)))
    return answers


def _in_vault(vault: Vault, digests: Iterable[str]) -> tuple[str, ...]:
    return tuple(one for one in digests if vault.object(one) is not None)


def _heard(
    likeness: Likeness,
    hit: SoundHit,
    present: bool,
    others: tuple[str, ...],
    recording: NamedRecording | None,
) -> Answer:
    alignment = hit.alignment
    return Answer(
        by=likeness.value,
        sha256=hit.sha256,
        held=present,
        score=round(score_of(alignment), 4),
        error_rate=round(alignment.error_rate, 4),
        offset_seconds=round(alignment.offset * ITEM_SECONDS, 1),
        overlap_seconds=round(alignment.overlap * ITEM_SECONDS, 1),
        same_sound=others,
        recording=recording,
    )
