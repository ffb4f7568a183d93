"""A shelf with real audio on it, accounts, and callers."""

import io
import itertools
import math
import shutil
import struct
import wave
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from phonotheque.accounts import ACCOUNTS_FILE, CHEAP, Accounts, Door, Passwords, Role
from phonotheque.model.edition import Latest
from phonotheque.model.progress import Silent
from phonotheque.search import ensure_index
from phonotheque.serve import Players, create_app
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.support.editions import TinyRecording, write_tiny_edition

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WORDS = "correct horse battery"
VOLUMES = ("tiny-tier1-00001", "tiny-tier1-00002")
Caller = Callable[..., Any]
_COUNTED = itertools.count(1)


def tone(seconds: float, hertz: int = 440) -> bytes:
    """A WAV file of a tone, 8 kHz, mono."""
    held = io.BytesIO()
    with wave.open(held, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        values = (int(9000 * math.sin(2 * math.pi * hertz * i / 8000))
                  for i in range(int(8000 * seconds)))  # fmt: skip
        out.writeframes(b"".join(struct.pack("<h", value) for value in values))
    return held.getvalue()


def recordings() -> list[TinyRecording]:
    def file(name: str, volume: int = 0, seconds: float = 1.0) -> tuple[str, str, bytes]:
        return VOLUMES[volume], f"data/{name}.wav", tone(seconds, 200 + len(name) * 30)

    return [
        TinyRecording("Le jardin d'hiver", "Zaz", "Café", ["FRX872100001"], 900, release_year=1999,
                      duration_ms=30_000, file=file("a", seconds=30), genres=["Chanson", "Jazz"]),
        TinyRecording("L'été", "Zaz", "Café", listens=10, release_year=1999, duration_ms=1000,
                      file=file("b"), genres=["Chanson", "Jazz"]),
        TinyRecording("夜の電車", "東京少年", "都市", listens=800, release_year=2005,
                      duration_ms=1000, file=file("c", 1), genres=["Jazz"]),
        TinyRecording("<b>أغنية</b> & \"البحر\"", "فرقة", "موج", listens=700, duration_ms=1000,
                      file=file("d"), release_year=None),
        TinyRecording("Denied", "Somebody", "Kept", listens=600, stream="DENY", file=file("e")),
        TinyRecording("Only heard", "Somebody", "Kept", listens=500, distribute="DENY",
                      duration_ms=1000, file=file("f")),
        TinyRecording("Loose end", "Zaz", None, listens=20, duration_ms=1000, file=file("g")),
        TinyRecording("Only known", "Zaz", "Café", listens=9000),
        TinyRecording("Blue hour", "Zaz and friends", "Blue Hours", listens=5, release_year=2010,
                      duration_ms=1000, file=file("h", 1)),
    ]  # fmt: skip


@pytest.fixture(scope="session")
def shelved(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """An edition with songs, and accounts beside it. Shared by all tests that only read."""
    tree = Tree(tmp_path_factory.mktemp("shelved") / "archive")
    manifest = write_tiny_edition(tree.root, recordings())
    latest = Latest(format=1, edition=manifest.name, sequence=1, edition_sha256="00" * 32)
    write_document(tree.latest_json, latest)
    ensure_index(tree.edition(manifest.name), tree.edition_index(manifest.name), Silent())
    with Accounts(tree.state / ACCOUNTS_FILE, create=True, passwords=Passwords(CHEAP)) as made:
        made.add("lea", NOW, "test")
        made.set_password("lea", WORDS, NOW, "test")
        made.add("jo", NOW, "test", territory="JP")
        made.add("op", NOW, "test", role=Role.OPERATOR)
    return tree


@pytest.fixture
def own_shelf(shelved: Tree, tmp_path: Path) -> Tree:
    """A copy to be changed."""
    for place in (shelved.root, shelved.state):
        shutil.copytree(place, tmp_path / place.name)
    return Tree(tmp_path / shelved.root.name)


def opened(tree: Tree, players: Players | None = None) -> TestClient:  # type: ignore[type-arg]
    """A client of a server over the tree."""
    door = Door(tree.state / ACCOUNTS_FILE, lambda: NOW, Passwords(CHEAP))
    return TestClient(create_app(tree, door=door, players=players))


@pytest.fixture(scope="session")
def player(shelved: Tree) -> Iterator[TestClient]:  # type: ignore[type-arg]
    with opened(shelved) as client:
        yield client


@pytest.fixture
def own_player(own_shelf: Tree) -> Iterator[TestClient]:  # type: ignore[type-arg]
    with opened(own_shelf) as client:
        yield client


def key_of(tree: Tree, name: str) -> str:
    """A new key of an account."""
    with Accounts(tree.state / ACCOUNTS_FILE) as found:
        return found.add_key(name, "test", NOW, "test").key


def caller(client: TestClient, **always: Any) -> Caller:  # type: ignore[type-arg]
    """`call(name, **parameters)`: what a call is answered with, or the error's code."""

    def call(name: str, /, **parameters: Any) -> Any:
        given = {"f": "json", "v": "1.16.1", "c": "test", **always, **parameters}
        answer = client.get(f"/rest/{name}", params=given)
        document = answer.json()["subsonic-response"]
        if document["status"] == "failed":
            return document["error"]["code"]
        named = [key for key in document if key not in
                 ("status", "version", "type", "serverVersion", "openSubsonic")]  # fmt: skip
        return document[named[0]] if named else None

    return call


@pytest.fixture
def call(player: TestClient) -> Caller:  # type: ignore[type-arg]
    """Calls of nobody in particular."""
    return caller(player)


@pytest.fixture
def member(shelved: Tree) -> str:
    """The name of an account that no other test has."""
    name = f"lea-{next(_COUNTED)}"
    with Accounts(shelved.state / ACCOUNTS_FILE) as found:
        found.add(name, NOW, "test")
    return name


@pytest.fixture
def lea(player: TestClient, shelved: Tree, member: str) -> Caller:  # type: ignore[type-arg]
    """Calls of that account."""
    return caller(player, apiKey=key_of(shelved, member))
