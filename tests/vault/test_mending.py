"""Objects that went bad come back from wherever their bytes are; nothing is deleted for it."""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phonotheque.model.errors import NoSpaceError, TransferError
from phonotheque.model.findings import FindingCode
from phonotheque.model.progress import Silent
from phonotheque.storage.stores import Store
from phonotheque.vault import Offer, Vault, check_fixity, iter_aside, mending, proving, quarantine
from phonotheque.vault.events import batch_files
from phonotheque.vault.mending import MendReport, mend_objects
from phonotheque.vault.quarantine import quarantine_path
from tests.support.crashing import killed_at_every_line
from tests.support.vaults import fill, name_of

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SONGS = [b"song %d " % number * 500 for number in range(12)]
BY_NAME = {name_of(song): song for song in SONGS}
SPOILT = b"spoilt"


class Giver:
    """A place that has `contents` by digest, whatever the bytes really are."""

    def __init__(self, contents: Mapping[str, bytes], name: str = "giver") -> None:
        self.contents, self.name = contents, name
        self.asked = 0

    def offers(self, wanted: Mapping[str, int]) -> Iterator[Offer]:
        for digest in sorted(self.contents):
            if digest in wanted:
                yield Offer(digest, f"{self.name}/{digest[:4]}", lambda d=digest: self._read(d))

    def _read(self, digest: str) -> Iterator[bytes]:
        self.asked += 1
        yield self.contents[digest]


class Broken:
    """A place that cannot be looked through."""

    name = "broken"

    def offers(self, wanted: Mapping[str, int]) -> Iterator[Offer]:
        raise TransferError("broken: nobody answers")


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.open(tmp_path / "vault") as opened:
        fill(opened, SONGS, NOW)
        yield opened


def path_of(vault: Vault, digest: str) -> Path:
    path = vault.store.local_path(digest)
    assert path is not None
    return path


def spoil(vault: Vault, digest: str, content: bytes = SPOILT) -> None:
    path_of(vault, digest).chmod(0o644)
    path_of(vault, digest).write_bytes(content)


def find_bad(vault: Vault) -> None:
    check_fixity(vault, NOW + DAY, Silent(), everything=True, jobs=1)


def mend(vault: Vault, *donors: Any, **options: Any) -> MendReport:
    return mend_objects(vault, NOW + 2 * DAY, Silent(), donors, **options)


def told(vault: Vault, *kinds: str) -> list[tuple[str, str, dict[str, Any]]]:
    vault.flush_events()
    rows = [row for path in batch_files(vault.root) for row in pq.read_table(path).to_pylist()]
    return [
        (row["type"], row["sha256"], json.loads(row["detail"]))
        for row in rows
        if row["type"] in kinds
    ]


def test_a_damaged_object_is_put_back_and_what_stood_there_is_kept(vault: Vault) -> None:
    bad = sorted(BY_NAME)[4]
    spoil(vault, bad)
    find_bad(vault)
    report = mend(vault, Giver(BY_NAME))
    assert (report.bad, report.mended, report.failed, report.findings) == (1, 1, 0, [])
    assert report.objects[0].quarantined == name_of(SPOILT)
    assert path_of(vault, bad).read_bytes() == BY_NAME[bad]
    assert path_of(vault, bad).stat().st_mode & 0o777 == 0o444
    assert quarantine_path(vault.root, name_of(SPOILT)).read_bytes() == SPOILT
    [aside] = iter_aside(vault)
    assert (aside.sha256, aside.object, aside.returnable) == (name_of(SPOILT), bad, False)
    assert [(kind, digest) for kind, digest, _ in told(vault, "qua", "rec")] == [
        ("qua", name_of(SPOILT)), ("rec", bad),
    ]  # fmt: skip
    [recovery] = told(vault, "rec")
    assert recovery[2] == {"from": f"giver/{bad[:4]}", "quarantined": name_of(SPOILT)}
    after = check_fixity(vault, NOW + 3 * DAY, Silent(), everything=True)
    assert (after.sound, after.damaged, after.status.damaged) == (12, 0, 0)


def test_a_missing_object_is_put_back(vault: Vault) -> None:
    bad = sorted(BY_NAME)[0]
    path_of(vault, bad).unlink()
    find_bad(vault)
    report = mend(vault, Giver(BY_NAME))
    assert (report.mended, report.objects[0].quarantined) == (1, None)
    assert path_of(vault, bad).read_bytes() == BY_NAME[bad]


def test_a_whole_lost_disk_is_put_back_without_reading_what_is_left(vault: Vault) -> None:
    lost = sorted(BY_NAME)[:9]
    for name in lost:
        path_of(vault, name).unlink()
    assert mend(vault, Giver(BY_NAME)).bad == 0  # no check has seen it
    dry = mend(vault, Giver(BY_NAME), look_for_missing=True, dry_run=True)
    assert (dry.bad, dry.mended) == (9, 9)
    assert not path_of(vault, lost[0]).exists()
    report = mend(vault, Giver(BY_NAME), look_for_missing=True)
    assert (report.bad, report.mended, report.failed) == (9, 9, 0)
    assert [d for _, d, said in told(vault, "fix") if said["outcome"] == "missing"] == lost
    assert check_fixity(vault, NOW + 3 * DAY, Silent(), everything=True).sound == 12


def test_bytes_that_are_wrong_are_not_taken_and_the_next_place_is_asked(vault: Vault) -> None:
    bad = sorted(BY_NAME)[2]
    spoil(vault, bad)
    find_bad(vault)
    wrong, right = Giver({bad: BY_NAME[bad][:-1] + b"?"}, "wrong"), Giver(BY_NAME, "right")
    report = mend(vault, wrong, Broken(), right)
    assert report.objects[0].source == f"right/{bad[:4]}"
    assert (wrong.asked, right.asked) == (1, 1)


def test_what_no_place_has_stays_as_it_is_and_says_what_was_tried(vault: Vault) -> None:
    first, second = sorted(BY_NAME)[:2]
    spoil(vault, first)
    path_of(vault, second).unlink()
    find_bad(vault)
    report = mend(vault, Giver({first: b"something else"}, "wrong"), Broken())
    assert (report.bad, report.mended, report.failed) == (2, 0, 2)
    assert [f.code for f in report.findings] == [FindingCode.COPY_DAMAGED, FindingCode.COPY_MISSING]
    assert "wrong/" in report.findings[0].message
    assert "nobody answers" in report.findings[0].message
    assert path_of(vault, first).read_bytes() == SPOILT
    assert list(iter_aside(vault)) == []
    assert list((vault.root / "incoming").iterdir()) == []


def test_a_dry_run_changes_nothing(vault: Vault) -> None:
    bad = sorted(BY_NAME)[2]
    spoil(vault, bad)
    find_bad(vault)
    giver = Giver(BY_NAME)
    report = mend(vault, giver, dry_run=True)
    assert (report.dry_run, report.bad, report.mended, giver.asked) == (True, 1, 1, 0)
    assert path_of(vault, bad).read_bytes() == SPOILT
    assert told(vault, "rec", "qua") == []


def test_what_is_sound_again_is_left_alone(vault: Vault) -> None:
    bad = sorted(BY_NAME)[2]
    spoil(vault, bad)
    find_bad(vault)
    spoil(vault, bad, BY_NAME[bad])
    giver = Giver(BY_NAME)
    report = mend(vault, giver)
    assert (report.bad, report.sound_again, report.mended, giver.asked) == (1, 1, 0, 0)
    assert mend(vault, giver).bad == 0


@pytest.mark.parametrize(("number", "mended"), [(errno.EIO, 1), (errno.EACCES, 0)])
def test_a_failing_disk_is_replaced_and_a_forbidden_file_is_not(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, number: int, mended: int
) -> None:
    bad = sorted(BY_NAME)[6]
    read, inode = proving._read_digest, path_of(vault, bad).stat().st_ino

    def fail(store: Store, name: str, *rest: Any) -> bytes:
        if name == bad and path_of(vault, bad).stat().st_ino == inode:
            raise OSError(number, os.strerror(number))
        return read(store, name, *rest)

    monkeypatch.setattr(proving, "_read_digest", fail)
    find_bad(vault)
    report = mend(vault, Giver(BY_NAME))
    assert (report.mended, report.failed) == (mended, 1 - mended)
    if mended:
        assert quarantine_path(vault.root, bad).stat().st_ino == inode  # renamed, never read
        assert path_of(vault, bad).read_bytes() == BY_NAME[bad]
    else:
        assert report.findings[0].code is FindingCode.COPY_NOT_CHECKED
        assert "see to that first" in report.findings[0].message


def test_a_full_disk_ends_the_repair_and_leaves_everything_where_it_is(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = sorted(BY_NAME)[2]
    spoil(vault, bad)
    find_bad(vault)

    def full(*_: object, **__: object) -> int:
        raise NoSpaceError("the disk is full")

    monkeypatch.setattr(mending, "write_chunks", full)
    with pytest.raises(NoSpaceError):
        mend(vault, Giver(BY_NAME))
    assert path_of(vault, bad).read_bytes() == SPOILT


@pytest.mark.parametrize("stride", [23, pytest.param(1, marks=pytest.mark.full)])
def test_a_repair_killed_at_any_line_is_complete_after_running_again(
    tmp_path: Path, stride: int
) -> None:
    root, bad = tmp_path / "vault", sorted(BY_NAME)[2]

    def prepare() -> None:
        shutil.rmtree(root, ignore_errors=True)
        with Vault.open(root) as vault:
            fill(vault, SONGS[:4], NOW)
            spoil(vault, sorted(name_of(s) for s in SONGS[:4])[1])
            find_bad(vault)

    def run() -> None:
        with Vault.open(root) as vault:
            mend(vault, Giver(BY_NAME))

    bad = sorted(name_of(s) for s in SONGS[:4])[1]
    for _ in killed_at_every_line([mending, quarantine], prepare, run, stride=stride):
        kept = [p for p in root.rglob("*") if p.is_file() and p.read_bytes() == SPOILT]
        assert len(kept) == 1  # nothing is ever deleted
        run()
        with Vault.open(root) as vault:
            assert path_of(vault, bad).read_bytes() == BY_NAME[bad]
            assert quarantine_path(root, name_of(SPOILT)).read_bytes() == SPOILT
            assert [d for _, d, _ in told(vault, "rec")] in ([bad], [])
            assert [d for _, d, _ in told(vault, "qua")] == [name_of(SPOILT)]
            vault.sweep()
            assert list((root / "incoming").iterdir()) == []
            report = check_fixity(vault, NOW + 3 * DAY, Silent(), everything=True, jobs=1)
            assert (report.sound, report.status.damaged, report.status.missing) == (4, 0, 0)
