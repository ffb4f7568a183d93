"""Proving what is held: every file hashed and compared with what the edition vouches for.

How a disk is read is told in `disks`, how a verification is stopped and goes on in `journal`. What
is not read is counted as not checked, never as sound. Nothing is held in memory in proportion to
what is wrong but the findings of one volume.
"""

from collections.abc import Collection, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path

from phonotheque.mirror.checking import (
    Reading,
    Tally,
    check_edition,
    check_volume,
    read_sha256,
    volume_tables,
)
from phonotheque.mirror.disks import Disk, disk_below
from phonotheque.mirror.findings_log import FindingsLog, log_path
from phonotheque.mirror.formats import VerifyReport, VolumeCheck
from phonotheque.mirror.journal import Round, VerifyMode, Wishes
from phonotheque.mirror.sampling import SampleStatement, share_for, state_sample
from phonotheque.mirror.scopes import Unreadable, iter_scopes, mirror_state
from phonotheque.mirror.seeding import newest_edition
from phonotheque.mirror.state import State
from phonotheque.model.edition import EditionManifest, Latest
from phonotheque.model.errors import UsageError
from phonotheque.model.findings import FindingCode, Severity
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree


def verify(
    tree: Tree,
    progress: Progress,
    *,
    now: datetime,
    mode: VerifyMode = VerifyMode.FULL,
    volumes: Collection[str] | None = None,
    sample_percent: float = 5.0,
    sample_seed: int | None = None,
    below_percent: float | None = None,
    confidence_percent: float = 95.0,
    days: float | None = None,
    afresh: bool = False,
    findings: Path | None = None,
    threads: int | None = None,
) -> VerifyReport:
    """Check what the archive or mirror at `tree` holds against its newest edition.

    `volumes` names those to look at (None: the edition's own files and every volume that ought to
    be here). A verification that was stopped goes on where the same is asked for again, unless
    `afresh`; an archive has no journal, and begins anew. `sample_seed` makes a sample repeatable;
    `below_percent` draws as many files as can show that fewer are damaged. `days`: in mode changed,
    what was proved so long ago is read as well. `findings` names a file for all of them. `threads`:
    files read at once, 1 as for a disk that turns. Damage is a finding, never an exception.

    Raises:
        NotFoundError: no edition here, or a named volume that it does not have.
        UsageError: a sample of nothing, or of more than everything; a share or confidence that no
            sample can show.
    """
    _check_shares(sample_percent, below_percent, confidence_percent)
    confidence = confidence_percent / 100
    share = sample_percent / 100
    if below_percent is not None:
        share = share_for(below_percent / 100, confidence, _population(tree))
    if mode is not VerifyMode.SAMPLE:
        share = 1.0
    wishes = Wishes(
        mode=mode, volumes=volumes, share=share, seed=sample_seed,
        days=days if mode is VerifyMode.CHANGED else None,
    )  # fmt: skip
    sums = _Sums()
    with mirror_state(tree) as state:
        path = log_path(tree, may_write=state is not None, named=findings)
        under_way = Round(state, wishes, now, afresh=afresh)
        if under_way.went_on:
            progress.note(f"going on with the verification of {under_way.started_at:%Y-%m-%d}")
        disk = disk_below(tree.root, threads)
        found = find_damage(tree, progress, under_way, state, disk, volumes=volumes)
        with FindingsLog(path) as log, closing(found) as tallies:
            for tally in tallies:
                log.add(tally.findings)
                sums.add(tally)
        under_way.finish()
    statement = sums.statement(confidence) if mode is VerifyMode.SAMPLE else None
    return _report(mode, sums, log, under_way.started_at, statement)


def find_damage(
    tree: Tree,
    progress: Progress,
    under_way: Round,
    state: State | None,
    disk: Disk,
    *,
    volumes: Collection[str] | None = None,
) -> Generator[Tally]:
    """The tallies of the edition's own files, then of the volumes, each when it was read.

    What the caller takes out of `bad` of the first tally, having mended it, counts as sound for the
    volumes that follow.
    """
    name = newest_edition(tree)
    if (broken := check_manifest(tree, name)) is not None:
        yield broken
        return
    manifest = read_document(tree.edition(name) / "edition.json", EditionManifest)
    with ThreadPoolExecutor(disk.threads) as pool:
        try:
            tables = check_edition(tree, manifest, under_way, progress, volumes)
            under_way.leave(tables.name, tables.bad)
            yield tables
            reading = Reading(under_way, pool, disk)
            for scope in iter_scopes(tree, manifest, state, volumes):
                if isinstance(scope, Unreadable):
                    tally = _unreadable(scope)
                elif lost := tables.bad.keys() & set(volume_tables(scope.volume.name)):
                    tally = _unreadable(Unreadable(scope.volume.name, f"{min(lost)} is damaged"))
                else:
                    tally = check_volume(tree, scope, reading, progress)
                    under_way.leave(tally.name, tally.bad)
                yield tally
        finally:
            under_way.keep()


def check_manifest(tree: Tree, name: str) -> Tally | None:
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


def _unreadable(scope: Unreadable) -> Tally:
    tally = Tally(f"volumes/{scope.name}", not_checked=1)
    tally.find(
        FindingCode.COPY_NOT_CHECKED, "", f"{scope.reason}; run repair, then verify", Severity.ERROR
    )
    return tally


def _check_shares(sample: float, below: float | None, confidence: float) -> None:
    if not 0 < sample <= 100:
        raise UsageError(f"a sample is more than 0 and at most 100 %, not {sample:g}")
    if below is not None and not 0 < below < 100:
        raise UsageError(f"a sample shows shares between 0 and 100 %, not {below:g}")
    if not 0 < confidence < 100:
        raise UsageError(f"a confidence is between 0 and 100 %, not {confidence:g}")


def _population(tree: Tree) -> int:
    """About how many files there are to draw from: those of the edition that are audio."""
    path = tree.edition(newest_edition(tree)) / "edition.json"
    return read_document(path, EditionManifest).counts.files


class _Sums:
    """The counts of all places; memory: one small row a place."""

    def __init__(self) -> None:
        self.places: list[VolumeCheck] = []
        self.carried = self.proved = self.unlike = 0

    def add(self, tally: Tally) -> None:
        """Take in one place."""
        self.places.append(tally.check())
        self.carried += tally.carried
        self.proved += tally.proved
        self.unlike += tally.unlike

    def total(self, count: str) -> int:
        """The sum of one count of `VolumeCheck`."""
        return sum(int(getattr(place, count)) for place in self.places)

    def statement(self, confidence: float) -> SampleStatement:
        """What the files that were read say of all that have the right length."""
        read = self.total("sound") + self.unlike
        return state_sample(read + self.total("not_checked"), read, self.unlike, confidence)


def _report(
    mode: VerifyMode, sums: _Sums, log: FindingsLog, started_at: datetime,
    statement: SampleStatement | None,
) -> VerifyReport:  # fmt: skip
    return VerifyReport(
        mode=mode.value,
        clean=log.clean,
        complete=sums.total("not_checked") == 0,
        sound=sums.total("sound"),
        damaged=sums.total("damaged"),
        missing=sums.total("missing"),
        extra=sums.total("extra"),
        withdrawn=sums.total("withdrawn"),
        not_checked=sums.total("not_checked"),
        bytes_read=sums.total("bytes_read"),
        places=sums.places,
        findings=log.kept,
        findings_left_out=log.left_out,
        findings_file=log.written,
        carried=sums.carried,
        proved=sums.proved,
        started_at=started_at,
        sample=statement,
        not_held=sums.total("not_held"),
    )
