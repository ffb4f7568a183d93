"""Rounds over the vault: everything is looked at in time, whatever becomes of single runs."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotheque.model.errors import ArchiveBusyError, InputError, TransferError
from phonotheque.model.findings import FindingCode
from phonotheque.model.progress import Silent
from phonotheque.storage.local_store import LocalStore
from phonotheque.storage.lock import writing
from phonotheque.storage.stores import Store
from phonotheque.vault import Vault, fixity, fixity_state, pending, proving
from phonotheque.vault.events import batch_files
from phonotheque.vault.fixity import check_fixity
from phonotheque.vault.fixity_report import FixityReport
from tests.support.crashing import killed_at_every_line
from tests.support.vaults import MemoryStore, admit_bytes, fill, name_of

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SONGS = [b"song %d " % number * 500 for number in range(40)]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.open(tmp_path / "vault") as opened:
        yield opened


def check(vault: Vault, now: datetime = NOW, **options: Any) -> FixityReport:
    return check_fixity(vault, now, Silent(), **options)


def fix_events(root: Path) -> list[dict[str, Any]]:
    with Vault.open(root):
        pass  # moves what waits into a batch
    rows = [row for path in batch_files(root) for row in pq.read_table(path).to_pylist()]
    return [row for row in rows if row["type"] == "fix"]


def spoil(vault: Vault, digest: str, content: bytes = b"spoilt") -> Path:
    path = vault.store.local_path(digest)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(content)
    return path


@pytest.mark.full
@settings(max_examples=25)
@given(
    gaps=st.lists(st.floats(0.05, 1.0), min_size=8, max_size=45),
    kinds=st.lists(st.sampled_from(["run", "run", "run", "killed", "all", "more"]), min_size=45),
    kill_after=st.integers(0, 30),
)
def test_everything_is_looked_at_within_its_days_by_any_runs_that_keep_up(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[float], kinds: list[str], kill_after: int
) -> None:
    days, store = 10.0, MemoryStore()
    root = tmp_path_factory.mktemp("vault", numbered=True)
    now = NOW
    with Vault.open(root, store=cast(Store, store)) as vault:
        looked = dict.fromkeys(fill(vault, SONGS[:20], now), now)
        for number, (gap, kind) in enumerate(zip(gaps, kinds, strict=False)):
            now += gap * DAY
            if kind == "more" and number < 20:
                looked[admit_bytes(vault, SONGS[20 + number], now)] = now
            if kind == "killed":
                store.interrupt_after = kill_after
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(fixity, "STEP_SECONDS", 0.0)
                    with suppress(KeyboardInterrupt):
                        check(vault, now, days=days, jobs=1)
                store.interrupt_after = None
            report = check(vault, now, days=days, everything=kind == "all", jobs=1)
            assert report.status.behind_days < 0.01
            assert report.status.checked_share == 1
            for digest in store.reads:
                looked[digest] = now
            store.reads.clear()
            late = timedelta(minutes=1)
            assert max(now - at for at in looked.values()) <= days * DAY + late
            oldest = report.status.oldest_check
            assert oldest is not None
            assert oldest <= min(looked.values()) + late
            assert all(not finding for finding in report.findings)


def test_a_run_checks_what_is_due_and_no_more(vault: Vault) -> None:
    names = fill(vault, SONGS, NOW)
    assert check(vault).sound == 0  # hashed when they were admitted
    report = check(vault, NOW + 40.5 * DAY)
    half = "80"  # 40.5 of 81 days
    assert report.sound == sum(name < half for name in names)
    assert report.bytes_read == report.sound * 3500 or report.bytes_read > 0
    assert report.status.round_done == report.status.round_due == 0.5
    assert check(vault, NOW + 40.5 * DAY).sound == 0
    assert check(vault, NOW + 80.9 * DAY).sound == len(names) - report.sound
    assert check(vault, NOW + 81 * DAY).status.round == 2


def test_a_vault_that_nobody_checked_for_years_is_due_at_once(vault: Vault) -> None:
    fill(vault, SONGS, NOW)
    report = check(vault, NOW + 1000 * DAY)
    assert report.sound == len(SONGS)
    assert report.status.checked_share == 1
    assert report.findings == []
    assert check(vault, NOW + 1001 * DAY).sound < 5


def test_all_is_a_round_of_its_own_after_which_the_days_begin_anew(vault: Vault) -> None:
    fill(vault, SONGS, NOW)
    check(vault, NOW + 60 * DAY)
    assert check(vault, NOW + 61 * DAY, everything=True).sound == len(SONGS)
    assert check(vault, NOW + 61 * DAY).sound == 0
    assert check(vault, NOW + 142 * DAY).sound == len(SONGS)


def test_pictures_are_looked_at_with_the_objects_round_them(vault: Vault) -> None:
    fill(vault, SONGS, NOW)
    covers = [b"cover %d" % number for number in range(3)]
    kept = LocalStore(vault.root, "pictures")
    for cover in covers:
        (vault.root / "cover").write_bytes(cover)
        kept.put(name_of(cover), vault.root / "cover")
    pending.use_pictures(vault.state, [(name_of(cover), len(cover)) for cover in covers])
    report = check(vault, NOW + DAY, everything=True)
    assert (report.sound, report.pictures, report.findings) == (40, 3, [])
    kept.local_path(name_of(covers[0])).unlink()
    kept.local_path(name_of(covers[1])).chmod(0o644)
    kept.local_path(name_of(covers[1])).write_bytes(b"spoilt")
    report = check(vault, NOW + 2 * DAY, everything=True)
    assert (report.sound, report.pictures) == (40, 3)
    assert {f.code for f in report.findings} == {
        FindingCode.COPY_DAMAGED, FindingCode.COPY_MISSING,
    }  # fmt: skip
    told = {e["sha256"] for e in fix_events(vault.root) if e["sha256"]}
    assert told == {name_of(covers[0]), name_of(covers[1])}


def test_an_empty_vault_is_sound(vault: Vault) -> None:
    report = check(vault, everything=True)
    assert (report.sound, report.findings, report.status.checked_share) == (0, [], 1.0)


def test_what_is_bad_is_found_told_once_to_history_and_looked_at_by_every_run(
    vault: Vault,
) -> None:
    names = fill(vault, SONGS, NOW)
    spoil(vault, names[3])
    missing = vault.store.local_path(names[30])
    assert missing is not None
    content = missing.read_bytes()
    missing.unlink()
    report = check(vault, NOW + DAY, everything=True)
    assert (report.sound, report.damaged, report.missing) == (38, 1, 1)
    assert [f.code for f in report.findings] == [FindingCode.COPY_DAMAGED, FindingCode.COPY_MISSING]
    assert name_of(b"spoilt") in report.findings[0].message
    assert "vault repair" in report.findings[0].message
    for later in (2, 3):
        report = check(vault, NOW + later * DAY)
        assert (report.damaged, report.missing, len(report.findings)) == (1, 1, 2)
        assert (report.status.damaged, report.status.missing) == (1, 1)
    missing.write_bytes(content)
    report = check(vault, NOW + 4 * DAY)
    assert (report.mended, report.damaged, report.missing) == (1, 1, 0)
    told = [e for e in fix_events(vault.root) if e["sha256"]]
    assert [(e["sha256"], e["outcome"]) for e in told] == [
        (names[3], "failure"), (names[30], "failure"), (names[30], "success"),
    ]  # fmt: skip
    assert json.loads(told[1]["detail"]) == {"outcome": "missing", "note": "it is not there"}


def test_a_stretch_is_one_event_that_says_how_far_and_what_was_found(vault: Vault) -> None:
    names = fill(vault, SONGS, NOW)
    spoil(vault, names[0])
    check(vault, NOW + DAY, everything=True)
    events = [e for e in fix_events(vault.root) if e["sha256"] is None]
    said = json.loads(events[0]["detail"])
    assert len(events) == 1
    assert events[0]["outcome"] == "failure"
    assert said["round"] == 1
    assert (said["after"], said["to"]) == ("", "ff" * 32)
    assert (said["objects"], said["sound"], said["damaged"]) == (40, 39, 1)


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_what_cannot_be_read_is_not_checked_and_makes_nothing_sound_and_nothing_damaged(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    names = fill(vault, SONGS, NOW)
    read = proving._read_digest

    def fail(store: Store, name: str, *rest: Any) -> bytes:
        if name == names[5]:
            raise OSError(number, os.strerror(number))
        return read(store, name, *rest)

    monkeypatch.setattr(proving, "_read_digest", fail)
    report = check(vault, NOW + DAY, everything=True)
    assert (report.sound, report.damaged, report.not_checked) == (39, 0, 1)
    assert report.findings[0].code is FindingCode.COPY_NOT_CHECKED
    assert os.strerror(number) in report.findings[0].message
    monkeypatch.undo()
    assert check(vault, NOW + 2 * DAY).mended == 1


def test_a_disk_that_is_not_there_is_no_loss(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixity, "LOST_IN_A_ROW", 10)
    fill(vault, SONGS, NOW)
    (vault.root / "objects").rename(vault.root / "elsewhere")
    with pytest.raises(InputError, match="is the disk mounted"):
        check(vault, NOW + DAY, everything=True)
    assert sum(fixity_state.FixityState(vault.state).count_faults().values()) == 0
    (vault.root / "elsewhere").rename(vault.root / "objects")
    assert check(vault, NOW + DAY, everything=True).sound == 40


def test_a_store_that_does_not_answer_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    with Vault.open(tmp_path, store=cast(Store, store)) as vault:
        fill(vault, SONGS, NOW)

        def fail(name: str, *_: Any) -> Iterator[bytes]:
            raise TransferError(f"s3://bucket/{name}: does not answer")

        monkeypatch.setattr(store, "iter_chunks", fail)
        with pytest.raises(TransferError, match="nothing is concluded"):
            check(vault, NOW + DAY, everything=True)


def test_runs_that_fall_behind_say_so_and_what_rate_it_takes(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(vault, SONGS, NOW)
    store = vault.store
    monkeypatch.setattr(fixity, "STEP_SECONDS", 0.0)
    check(vault, NOW + DAY)

    def stop(*_: Any) -> Iterator[Any]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(fixity, "iter_checked", stop)
        check(vault, NOW + 120 * DAY)
    assert vault.store is store
    status = fixity.fixity_status(vault, NOW + 120 * DAY, 90)
    assert status.checked_share < 0.1
    assert status.behind_days > 70
    [finding] = status.findings("here")
    assert finding.code is FindingCode.COPY_CHECK_OVERDUE
    assert "2026-11-01" in finding.message


def test_only_one_checks_at_a_time(vault: Vault) -> None:
    with writing(vault.root / "fixity"), pytest.raises(ArchiveBusyError):
        check(vault)


def test_an_object_purged_while_it_is_looked_at_is_no_loss(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = fill(vault, SONGS, NOW)
    objects = fixity_state.FixityState.objects

    def purge_what_was_listed(state: Any, after: bytes, upto: bytes) -> Iterator[tuple[bytes, int]]:
        for digest, size in list(objects(state, after, upto)):
            if digest.hex() == names[7]:
                vault.purge(names[7], NOW, "withdrawn")
            yield digest, size

    monkeypatch.setattr(fixity_state.FixityState, "objects", purge_what_was_listed)
    report = check(vault, NOW + DAY, everything=True)
    assert (report.sound, report.missing, report.findings) == (39, 0, [])


def test_reading_is_held_to_a_rate(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clock = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(proving.time, "sleep", sleep)
    monkeypatch.setattr(proving.time, "monotonic", lambda: clock[0])
    pace = proving.Pace(1000)
    for _ in range(11):
        pace.spend(500)
    assert sum(slept) == pytest.approx(5.0)
    proving.Pace(None).spend(10**12)
    assert sum(slept) == pytest.approx(5.0)


@pytest.mark.parametrize("stride", [67, pytest.param(4, marks=pytest.mark.full)])
def test_a_run_killed_at_any_line_goes_on_where_it_was(
    tmp_path: Path, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fixity, "STEP_SECONDS", 0.0)
    root = tmp_path / "vault"
    bad = ""

    def prepare() -> None:
        nonlocal bad
        shutil.rmtree(root, ignore_errors=True)
        with Vault.open(root) as vault:
            names = fill(vault, SONGS[:6], NOW)
            bad = names[2]
            spoil(vault, bad)

    def run() -> None:
        with Vault.open(root) as vault:
            check(vault, NOW + DAY, everything=True, jobs=1)

    for _ in killed_at_every_line([fixity, fixity_state], prepare, run, stride=stride):
        with Vault.open(root) as vault:
            before = fixity_state.FixityState(vault.state).newest()
            report = check(vault, NOW + DAY, everything=True, jobs=1)
            assert report.status.damaged == 1
            assert report.status.oldest_check is not None
            assert report.status.oldest_check >= NOW + DAY
            if before is not None and not before.complete:
                assert report.sound + report.damaged <= 6 - before.objects + 1
        told = [e for e in fix_events(root) if e["sha256"]]
        assert [e["sha256"] for e in told] == [bad]
        stretches = [json.loads(e["detail"]) for e in fix_events(root) if not e["sha256"]]
        for number in {s["round"] for s in stretches}:
            passed = [s for s in stretches if s["round"] == number]
            assert sum(s["objects"] for s in passed) == 6
            ends = [""] + [s["to"] for s in passed]
            assert [s["after"] for s in passed] == ends[:-1]
