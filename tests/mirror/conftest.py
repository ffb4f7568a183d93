"""An origin on the web and one who follows it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from phonotheque.mirror import (
    Limits,
    MirrorPlan,
    RepairReport,
    Seeder,
    SyncReport,
    VerifyReport,
    plan_mirror,
    read_mirror,
    repair,
    save_plan,
    sync,
    verify,
)
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.support.clock import NOW
from tests.support.origin import TinyOrigin, WebServer, copied, three_volumes

LOOPBACK = "127.0.0.1:0"
HASTY = Limits(
    attempts=2, backoff_seconds=0.01, timeout_seconds=5.0, stall_seconds=4.0,
    longest_wait_seconds=0.2,
)  # fmt: skip


class Notes(Silent):
    """A `Progress` that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[str] = []

    def start(self, step: str, total: int | None, unit: str) -> None:
        self.steps.append(step)

    def note(self, text: str) -> None:
        self.lines.append(text)


@dataclass
class Follower:
    """Everything a mirror needs for a test, with an origin at `server`."""

    origin: TinyOrigin
    server: WebServer
    tree: Tree
    notes: Notes = field(default_factory=Notes)

    def plan(self, **options: Any) -> MirrorPlan:
        options.setdefault("origin", self.server.url)
        made = plan_mirror(self.tree, self.notes, now=NOW, **options)
        save_plan(self.tree, made)
        return made

    def sync(self, **options: Any) -> SyncReport:
        options.setdefault("limits", HASTY)
        return sync(self.tree, self.notes, now=NOW, listen=LOOPBACK, **options)

    def verify(self, **options: Any) -> VerifyReport:
        return verify(self.tree, self.notes, now=NOW, **options)

    def repair(self, **options: Any) -> RepairReport:
        options.setdefault("limits", HASTY)
        return repair(self.tree, self.notes, now=NOW, listen=LOOPBACK, **options)

    def codes(self) -> list[tuple[str, str]]:
        """(code, where) of all that a full verify finds."""
        return sorted((f.code, f.where) for f in self.verify().findings)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> TinyOrigin:
    """An origin with one edition of three volumes; tests get copies of it."""
    origin = TinyOrigin(tmp_path_factory.mktemp("published") / "origin")
    origin.publish(three_volumes())
    return origin


@pytest.fixture(scope="session")
def copied_mirror(published: TinyOrigin, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A mirror of everything in `published`."""
    tree = Tree(tmp_path_factory.mktemp("mirrored") / "mirror")
    with WebServer(published.root) as server:
        follower = Follower(published, server, tree)
        follower.plan()
        follower.sync()
    return tree


@pytest.fixture
def follower(published: TinyOrigin, tmp_path: Path) -> Iterator[Follower]:
    """A mirror to be, and an origin with three volumes on the web."""
    origin = copied(published, tmp_path / "origin")
    with WebServer(origin.root) as server:
        yield Follower(origin, server, Tree(tmp_path / "mirror"))


@pytest.fixture
def synced(follower: Follower, copied_mirror: Tree) -> Follower:
    """A mirror that holds everything."""
    shutil.copytree(copied_mirror.root, follower.tree.root, symlinks=True)
    settings = read_mirror(follower.tree)
    moved = msgspec.structs.replace(settings, origin=follower.server.url)
    write_document(follower.tree.mirror_toml, moved)
    return follower


@pytest.fixture
def seeder(follower: Follower) -> Iterator[Seeder]:
    """The origin's volumes in a swarm on loopback."""
    with Seeder(follower.origin.tree, listen=LOOPBACK) as seeding:
        yield seeding


def flip(path: Path, *offsets: int) -> None:
    """Change one bit at each offset."""
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    for offset in offsets:
        content[offset] ^= 1
    path.write_bytes(content)


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative path."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }
