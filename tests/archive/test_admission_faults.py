"""Admission under faults: killed at any durable step, a full disk, reads that fail, rights that are
taken away, files that change. Nothing is lost, nothing half-admitted, and a rerun ends clean."""

import errno
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from phonotheque.archive import IngestReport
from phonotheque.model.errors import NoSpaceError, PhonothequeError
from phonotheque.model.findings import FindingCode
from phonotheque.storage.layout import Tree
from phonotheque.vault import Examination, Examiner, Vault, state, store, worker
from phonotheque.vault.frames import Request
from tests.archive.test_ingest import ingest, new_archive
from tests.support.audio_corpus import sound_file
from tests.support.crashing import killed_at_every_line
from tests.support.faults import READING, WRITING, failing_at, killed_at_every_call
from tests.support.vault_objects import faults

STATE = [state, store]
NOBODY = 65_534
DENIED = 3
LONG = (pytest.mark.full, pytest.mark.timeout(1_800))
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do this")


@pytest.fixture(autouse=True, scope="module")
def examined_here() -> Iterator[None]:
    """Examined in this process: starting workers a hundred times would take minutes."""

    def ask(self: Examiner, request: Request, file: Any) -> tuple[Examination, int]:
        return worker.answer(request, file.descriptor), 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Examiner, "_ask", ask)
        yield


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five sound files under CC0, one of them twice, one damaged, and one of no known form."""
    folder = tmp_path_factory.mktemp("given") / "songs"
    folder.mkdir()
    (folder / "rights.toml").write_text('[[rights]]\nlicence = "CC0-1.0"\nholder = "Nobody"\n')
    forms = {"flac": "flac", "ogg": "vorbis", "mp3": "mp3", "wav": "wav-16", "m4a": "aac"}
    for number, (suffix, name) in enumerate(forms.items()):
        (folder / f"{number}.{suffix}").write_bytes(sound_file(name, 0.3, seed=number))
    (folder / "1-again.ogg").write_bytes(sound_file("vorbis", 0.3, seed=1))
    (folder / "5.flac").write_bytes(sound_file("flac", 0.3)[:9_000])
    (folder / "6.mp3").write_bytes(b"no sound at all" * 99)
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return new_archive(tmp_path / "archive")


def held(tree: Tree) -> dict[str, bytes]:
    """What the vault says that it holds, and its bytes; nothing is written."""
    with closing(Vault.open(tree.vault)) as vault:
        digests = [item.sha256 for item in vault.iter_objects()]
        return {digest: vault.object_path(digest).read_bytes() for digest in digests}


def check_nothing_half(tree: Tree) -> None:
    """Whatever has the name of an object is whole, and whatever is known is there."""
    for path in (tree.vault / "objects").glob("*/*/*"):
        assert sha256(path.read_bytes()).hexdigest() == path.name
    for digest, content in held(tree).items():
        assert sha256(content).hexdigest() == digest


def check_clean(tree: Tree) -> None:
    """Nothing is missing, damaged, or there without being known; the history holds together."""
    with Vault.open(tree.vault) as vault:
        assert faults(vault) == {}
        assert list(vault.check_events()) == []
    assert list((tree.vault / "incoming").glob("*")) == []


@pytest.fixture(scope="module")
def wanted(
    songs: Path, examined_here: None, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """What is held when nothing goes wrong."""
    tree = new_archive(tmp_path_factory.mktemp("undisturbed") / "archive")
    ingest(tree, songs)
    check_clean(tree)
    found = held(tree)
    assert len(found) == 5
    return found


def anew(tree: Tree) -> Callable[[], None]:
    """Makes the archive empty again."""

    def prepare() -> None:
        shutil.rmtree(tree.root)
        new_archive(tree.root)

    return prepare


def complete(tree: Tree, songs: Path, wanted: dict[str, bytes]) -> IngestReport:
    """Run it again, undisturbed: everything is there, and clean."""
    report = ingest(tree, songs)
    assert held(tree) == wanted
    check_clean(tree)
    return report


@pytest.mark.parametrize("stride", [23, pytest.param(1, marks=LONG)])
def test_killed_at_any_durable_step_nothing_is_lost_or_half_there(
    tree: Tree, songs: Path, wanted: dict[str, bytes], stride: int
) -> None:
    deaths = 0
    act = partial(ingest, tree, songs)
    for _ in killed_at_every_call(tree.root, anew(tree), act, stride=stride):
        check_nothing_half(tree)
        complete(tree, songs, wanted)
        deaths += 1
    assert deaths > 5


@pytest.mark.parametrize("stride", [409, pytest.param(13, marks=LONG)])
def test_killed_between_any_two_lines_of_the_state_it_ends_the_same(
    tree: Tree, songs: Path, wanted: dict[str, bytes], stride: int
) -> None:
    """Kills inside the transactions of the state, which are no calls that `os` makes."""
    for _ in killed_at_every_line(STATE, anew(tree), lambda: ingest(tree, songs), stride=stride):
        check_nothing_half(tree)
        complete(tree, songs, wanted)


def iter_failures(
    tree: Tree, songs: Path, error: int, calls: tuple[str, ...], stride: int
) -> Iterator[Exception | IngestReport]:
    """Ingest into an empty archive with the n-th call failing, for n = 1, 1 + stride, …"""
    number, failed = 1, ["begin"]
    while failed:
        anew(tree)()
        with failing_at(tree.root, number, error, calls) as failed:
            try:
                outcome: Exception | IngestReport = ingest(tree, songs)
            except (PhonothequeError, OSError) as raised:
                outcome = raised
        yield outcome
        number += stride


@pytest.mark.parametrize("stride", [23, pytest.param(1, marks=LONG)])
def test_a_disk_that_fills_at_any_call_is_told_and_loses_nothing(
    tree: Tree, songs: Path, wanted: dict[str, bytes], stride: int
) -> None:
    outcomes = set()
    for outcome in iter_failures(tree, songs, errno.ENOSPC, WRITING, stride):
        outcomes.add(type(outcome))
        check_nothing_half(tree)
        complete(tree, songs, wanted)
    assert NoSpaceError in outcomes


@pytest.mark.parametrize("stride", [23, pytest.param(1, marks=LONG)])
def test_a_disk_that_fails_at_any_call_loses_nothing(
    tree: Tree, songs: Path, wanted: dict[str, bytes], stride: int
) -> None:
    for _ in iter_failures(tree, songs, errno.EIO, WRITING, stride):
        check_nothing_half(tree)
        complete(tree, songs, wanted)


def test_a_source_that_cannot_be_read_costs_only_that_file(
    tree: Tree, songs: Path, wanted: dict[str, bytes]
) -> None:
    number, failed, seen = 1, ["begin"], set()
    while failed:
        anew(tree)()
        with failing_at(songs, number, errno.EIO, READING) as failed:
            report = ingest(tree, songs)
        if failed:
            (told,) = [f for f in report.findings if f["code"] == FindingCode.FILE_UNREADABLE]
            assert "Input/output error" in str(told["message"])
            seen.add(told["where"])
        check_nothing_half(tree)
        complete(tree, songs, wanted)
        number += 1
    assert len(seen) >= 6  # which read is the n-th is for the threads to say


def test_a_file_that_changes_while_it_is_read_is_not_taken(
    tree: Tree, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "changing"
    shutil.copytree(songs, folder)
    changing, longer = folder / "3.wav", sound_file("wav-16", 0.4, seed=9)
    read = os.read

    def changed(descriptor: int, count: int) -> bytes:
        if Path(f"/proc/self/fd/{descriptor}").readlink() == changing:
            changing.write_bytes(longer)
        return read(descriptor, count)

    with monkeypatch.context() as patch:
        patch.setattr(os, "read", changed)
        report = ingest(tree, folder)
    told = [f for f in report.findings if f["code"] == FindingCode.FILE_UNREADABLE]
    assert ["changed" in str(f["message"]) for f in told] == [True]
    assert len(held(tree)) == 4
    ingest(tree, folder)
    assert sha256(longer).hexdigest() in held(tree)
    assert len(held(tree)) == 5
    check_clean(tree)


def as_nobody(action: Callable[[], None]) -> int:
    """Do it in a child that is not root; returns its exit status."""
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            action()
            os._exit(0)
        except (PhonothequeError, PermissionError, sqlite3.OperationalError) as error:
            print(error, file=sys.stderr)
            os._exit(DENIED if re.search("ermission|unable to open|readonly", str(error)) else 4)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(5)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def open_place(songs: Path, wanted: dict[str, bytes]) -> Iterator[tuple[Tree, Path]]:
    """An archive and the songs, where and as a user who is not root may use them."""
    with TemporaryDirectory(prefix="phonotheque-") as place:
        Path(place).chmod(0o755)
        tree = new_archive(Path(place) / "archive")
        folder = Path(shutil.copytree(songs, Path(place) / "songs"))
        give(Path(place))
        yield tree, folder


def give(folder: Path) -> None:
    """Let it belong to nobody, where this is root."""
    for path in (folder, *folder.rglob("*")):
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)


def test_a_file_without_permission_costs_only_that_file(open_place: tuple[Tree, Path]) -> None:
    tree, folder = open_place
    (folder / "0.flac").chmod(0)

    def run() -> None:
        report = ingest(tree, folder)
        told = [f["where"] for f in report.findings if f["code"] == FindingCode.FILE_UNREADABLE]
        assert told == ["0.flac"], report.findings
        assert report.files_admitted == 4

    assert as_nobody(run) == 0
    check_clean(tree)
    (folder / "0.flac").chmod(0o644)
    give(tree.root)
    assert as_nobody(lambda: ingest(tree, folder)) == 0
    assert len(held(tree)) == 5
    check_clean(tree)


@pytest.mark.parametrize("place", ["vault", "vault/objects", "vault/incoming", "vault/events"])
def test_a_vault_that_may_not_be_written_to_says_so_and_goes_on_afterwards(
    open_place: tuple[Tree, Path], wanted: dict[str, bytes], place: str
) -> None:
    tree, songs = open_place
    folder = tree.root / place
    folder.mkdir(parents=True, exist_ok=True)
    give(tree.root)
    folder.chmod(0o555)
    status = as_nobody(lambda: ingest(tree, songs))
    assert status == DENIED or (place == "vault/incoming" and status == 0)
    folder.chmod(0o755)
    check_nothing_half(tree)
    give(tree.root)
    assert as_nobody(lambda: ingest(tree, songs)) == 0
    assert held(tree) == wanted
    check_clean(tree)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "phonotheque-test", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.full
@needs_root
def test_a_full_disk_that_is_freed_goes_on_where_it_was(small_disk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "rights.toml").write_text('[[rights]]\nlicence = "CC0-1.0"\nholder = "Nobody"\n')
    for number in range(40):
        (folder / f"{number:02d}.wav").write_bytes(sound_file("wav-16", 0.3, seed=number))
    tree = new_archive(small_disk / "archive")
    with pytest.raises(NoSpaceError):
        ingest(tree, folder)
    with pytest.raises(NoSpaceError):
        ingest(tree, folder)
    check_nothing_half(tree)
    assert 0 < len(list((tree.vault / "objects").glob("*/*/*"))) < 40
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    report = ingest(tree, folder)
    assert report.files_refused == 0
    assert len(held(tree)) == 40
    check_clean(tree)
