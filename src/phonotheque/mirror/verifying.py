"""Proving what is held: every file hashed and compared with what the edition vouches for.

Files are read in the order of the torrent, a few at a time; hashlib lets go of the interpreter
lock, so threads use every core. What is not read is counted as not checked, never as sound.
"""

import os
import random
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from enum import StrEnum

from phonotheque.mirror.checking import (
    Pick,
    Reading,
    Tally,
    check_edition,
    check_volume,
    read_sha256,
    volume_tables,
)
from phonotheque.mirror.formats import VerifyReport
from phonotheque.mirror.scopes import Unreadable, iter_scopes, mirror_state
from phonotheque.mirror.seeding import newest_edition
from phonotheque.mirror.state import Placing, State
from phonotheque.model.edition import EditionManifest, Latest
from phonotheque.model.errors import UsageError
from phonotheque.model.findings import FindingCode, Severity
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree


class VerifyMode(StrEnum):
    """How much is read."""

    FULL = "full"  # every byte
    SAMPLE = "sample"  # a random share of the files; the rest is not checked
    QUICK = "quick"  # lengths only; nothing counts as sound


def verify(
    tree: Tree,
    progress: Progress,
    *,
    now: datetime,
    mode: VerifyMode = VerifyMode.FULL,
    volumes: Collection[str] | None = None,
    sample_percent: float = 5.0,
    sample_seed: int | None = None,
    threads: int | None = None,
) -> VerifyReport:
    """Check what the archive or mirror at `tree` holds against its newest edition.

    `volumes` names those to look at (None: the edition's own files and every volume that ought to
    be here). `sample_seed` makes a sample repeatable. Damage is a finding, never an exception.

    Raises:
        NotFoundError: no edition here, or a named volume that it does not have.
        UsageError: a sample of nothing, or of more than everything.
    """
    pick = _picker(mode, sample_percent, random.Random(sample_seed))  # noqa: S311 - no secret
    tallies = find_damage(tree, progress, pick, now, volumes=volumes, threads=threads)
    return _report(mode, tallies)


def find_damage(
    tree: Tree,
    progress: Progress,
    pick: Pick,
    now: datetime,
    *,
    volumes: Collection[str] | None = None,
    threads: int | None = None,
) -> list[Tally]:
    """The tallies of the edition's own files and of the volumes; `pick` says what is read."""
    name = newest_edition(tree)
    if (broken := _check_manifest(tree, name)) is not None:
        return [broken]
    manifest = read_document(tree.edition(name) / "edition.json", EditionManifest)
    tables = check_edition(tree, manifest, pick, progress, volumes)
    tallies = [tables]
    with mirror_state(tree) as state, ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        reading = Reading(pick, pool, Placing(tree, state, now).note)
        for scope in iter_scopes(tree, manifest, state, volumes):
            if isinstance(scope, Unreadable):
                tally = _unreadable(scope)
            elif lost := tables.bad.keys() & set(volume_tables(scope.volume.name)):
                tally = _unreadable(Unreadable(scope.volume.name, f"{min(lost)} is damaged"))
            else:
                tally = check_volume(tree, scope, reading, progress)
            tallies.append(tally)
            _forget(state, tally)
        _forget(state, tables)
    return tallies


def _check_manifest(tree: Tree, name: str) -> Tally | None:
    """A tally when `edition.json` is not the one that `latest.json` names."""
    path = tree.edition(name) / "edition.json"
    latest = read_document(tree.latest_json, Latest) if tree.latest_json.is_file() else None
    if latest is None or (path.is_file() and read_sha256(path) == latest.edition_sha256):
        return None
    tally = Tally(f"editions/{name}", not_checked=1)
    code = FindingCode.TABLE_DAMAGED if path.is_file() else FindingCode.TABLE_MISSING
    tally.damaged, tally.missing = int(path.is_file()), int(not path.is_file())
    tally.find(code, "edition.json", "is not the one that was signed; run sync, then verify")
    return tally


def _forget(state: State | None, tally: Tally) -> None:
    if state is not None:
        for path in tally.bad:
            state.forget(f"{tally.name}/{path}")


def _unreadable(scope: Unreadable) -> Tally:
    tally = Tally(f"volumes/{scope.name}", not_checked=1)
    tally.find(
        FindingCode.COPY_NOT_CHECKED, "", f"{scope.reason}; run repair, then verify", Severity.ERROR
    )
    return tally


def _picker(mode: VerifyMode, sample_percent: float, chance: random.Random) -> Pick:
    if mode is VerifyMode.SAMPLE and not 0 < sample_percent <= 100:
        raise UsageError(f"a sample is more than 0 and at most 100 %, not {sample_percent:g}")
    match mode:
        case VerifyMode.FULL:
            return lambda _bytes: True
        case VerifyMode.QUICK:
            return lambda _bytes: False
        case VerifyMode.SAMPLE:
            return lambda _bytes: chance.random() * 100 < sample_percent


def _report(mode: VerifyMode, tallies: list[Tally]) -> VerifyReport:
    findings = [f for tally in tallies for f in tally.findings]
    not_checked = sum(t.not_checked for t in tallies)
    return VerifyReport(
        mode=mode.value,
        clean=all(f.severity == Severity.INFO for f in findings),
        complete=not_checked == 0,
        sound=sum(t.sound for t in tallies),
        damaged=sum(t.damaged for t in tallies),
        missing=sum(t.missing for t in tallies),
        extra=sum(t.extra for t in tallies),
        withdrawn=sum(t.withdrawn for t in tallies),
        not_checked=not_checked,
        bytes_read=sum(t.bytes_read for t in tallies),
        places=[t.check() for t in tallies],
        findings=findings,
    )
