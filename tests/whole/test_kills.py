"""Killed at random moments and run again, the archive is the same as if nothing had happened."""

import time
from pathlib import Path

import pytest

from phonotheque.cli.demo.tunes import compose
from tests.whole.program import copy_tree, kill_after, moments, phonotheque, tree_digests

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]
KILLS = 20
TOLD = ("sync.json",)  # when a sync ran, and how it ended


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    compose(folder)
    return folder


@pytest.fixture(scope="module")
def empty_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("empty") / "archive"
    phonotheque("init", root, "--name", "Kill me", "--publisher", "Tests", "--seat", "DE")
    settings = root / "archive.toml"
    text = settings.read_text()
    settings.write_text(text.replace("max_bytes = 100000000000", "max_bytes = 1500000"))
    return root


@pytest.fixture(scope="module")
def built_archive(
    empty_archive: Path, music: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    root = _with_keys(empty_archive, tmp_path_factory.mktemp("built"))
    phonotheque("ingest", root, music, "--source", "tunes")
    phonotheque("build", root)
    return root


@pytest.fixture(scope="module")
def published_archive(built_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = _with_keys(built_archive, tmp_path_factory.mktemp("published"))
    phonotheque("publish", root, "--edition", "2026-11")
    return root


def _with_keys(archive: Path, folder: Path) -> Path:
    root = copy_tree(archive, folder / "archive")
    copy_tree(archive.with_name("archive-OFFLINE-KEYS"), folder / "archive-OFFLINE-KEYS")
    return root


def _seconds(*arguments: str | Path) -> float:
    begun = time.monotonic()
    phonotheque(*arguments)
    return time.monotonic() - begun


def _survives(start: Path, folder: Path, arguments: list[str | Path], seed: int) -> None:
    """Kill `arguments` (ROOT stands for the tree) at random moments; compare with a quiet run."""

    def on(root: Path) -> list[str | Path]:
        return [root if word == "ROOT" else word for word in arguments]

    quiet = _with_keys(start, folder / "quiet")
    seconds = _seconds(*on(quiet))
    expected = tree_digests(quiet)
    hit = 0
    for number, moment in enumerate(moments(seconds, KILLS, seed)):
        root = _with_keys(start, folder / f"kill{number}")
        hit += kill_after(moment, *on(root))
        phonotheque(*on(root))
        assert tree_digests(root) == expected, f"killed after {moment:.2f} s of {seconds:.2f} s"
    assert hit >= KILLS // 2, f"only {hit} of {KILLS} kills met a living process"


def test_ingest_killed_at_random_moments_ends_like_an_uninterrupted_one(
    empty_archive: Path, music: Path, tmp_path: Path
) -> None:
    _survives(empty_archive, tmp_path, ["ingest", "ROOT", music, "--source", "tunes"], seed=1)


def test_publish_killed_at_random_moments_ends_like_an_uninterrupted_one(
    built_archive: Path, tmp_path: Path
) -> None:
    _survives(built_archive, tmp_path, ["publish", "ROOT", "--edition", "2026-11"], seed=2)
    for root in tmp_path.iterdir():
        assert phonotheque("verify", root / "archive", "--json").json["clean"]


def test_sync_killed_at_random_moments_ends_like_an_uninterrupted_one(
    published_archive: Path, tmp_path: Path
) -> None:
    from phonotheque.serve import Server, create_app
    from phonotheque.storage.layout import Tree

    def planned(root: Path, url: str) -> Path:
        phonotheque("plan", root, "--origin", url)
        return root

    from phonotheque.model.progress import Silent
    from phonotheque.search import ensure_index

    tree = Tree(published_archive)
    ensure_index(tree.edition("2026-11"), tree.edition_index("2026-11"), Silent())
    with Server(create_app(tree)) as origin:
        quiet = planned(tmp_path / "quiet", origin.url)
        seconds = _seconds("sync", quiet)
        expected = tree_digests(quiet, leave_out=TOLD)
        hit = 0
        for number, moment in enumerate(moments(seconds, KILLS, seed=3)):
            root = planned(tmp_path / f"kill{number}", origin.url)
            hit += kill_after(moment, "sync", root)
            phonotheque("sync", root)
            found = tree_digests(root, leave_out=TOLD)
            assert found == expected, f"killed after {moment:.2f} s"
            assert phonotheque("verify", root, "--json").json["clean"]
    assert hit >= KILLS // 2
