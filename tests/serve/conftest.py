"""A tiny published edition, and clients of it."""

import io
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from phonotheque.model.edition import Latest, RecordingFlag
from phonotheque.model.numbers import IdKey, Kind, format_public_id
from phonotheque.model.progress import Silent
from phonotheque.search import ensure_index
from phonotheque.serve import create_app
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.support.editions import ID_KEY, TinyRecording, write_tiny_edition

KEY = IdKey(bytes.fromhex(ID_KEY))
VOLUME = "tiny-tier1-00001"
OTHER_VOLUME = "tiny-tier2-00002"
WITHDRAWN, DENIED, WITHOUT_AUDIO, REVIEWED = 4, 5, 6, 7


def recording_id(number: int) -> str:
    return format_public_id(number, KEY, Kind.RECORDING)


def silence(seconds: float = 0.2) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(int(16_000 * seconds)))
    return held.getvalue()


def noise(size: int, seed: int) -> bytes:
    return bytes((i * 31 + i // 251 + seed) % 256 for i in range(size))


def recordings() -> list[TinyRecording]:
    def file(name: str, seed: int, volume: str = VOLUME) -> tuple[str, str, bytes]:
        return volume, f"data/{name}", noise(5000 + seed, seed)

    return [
        TinyRecording("Le jardin d'hiver", "Zaz à la plage", "Café", ["FRX872100001"], 900,
                      file=file("Jardin d'hiver été 100%.ogg", 1), ai_train="ALLOW"),
        TinyRecording("夜の電車", "東京少年", "都市", listens=800, file=file("b.ogg", 2),
                      ai_train="ALLOW_IF"),
        TinyRecording("<b>أغنية</b> & \"البحر\"", "فرقة", "موج", listens=700,
                      file=file("c.ogg", 3), ai_train="DENY"),
        TinyRecording("Gone", "Somebody", listens=600, flags=int(RecordingFlag.WITHDRAWN),
                      file=file("gone.ogg", 4)),
        TinyRecording("Denied", "Somebody", listens=500, stream="DENY", file=file("d.ogg", 5)),
        TinyRecording("Only known", "Somebody", listens=400),
        TinyRecording("In review", "Somebody", listens=300, stream="REVIEW",
                      file=file("e.ogg", 6, OTHER_VOLUME), tier=2),
        *(TinyRecording(f"Blue hour {i}", "Anna Lind", "Blue Hours", listens=100 - i, tier=2,
                        position_text="B12" if i == 24 else None) for i in range(25)),
    ]  # fmt: skip


def publish(tree: Tree) -> None:
    """Write the edition, what else a tree holds, and the index."""
    manifest = write_tiny_edition(tree.root, recordings())
    latest = Latest(format=1, edition=manifest.name, sequence=1, edition_sha256="00" * 32)
    write_document(tree.latest_json, latest)
    for path in ("sources/a.txt", "vault/b", "catalogue/c.json", "online-keys/k.pem",
                 "metadata/1.root.json", "metadata/timestamp.json", ".lock", "archive.toml",
                 f"editions/2026-11/torrents/{VOLUME}.torrent", f"volumes/{VOLUME}/bagit.txt",
                 f"volumes/{VOLUME}/.hidden"):  # fmt: skip
        target = tree.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"this is {path}\n")
    ensure_index(tree.edition(manifest.name), tree.edition_index(manifest.name), Silent())


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Shared by all tests that only read."""
    tree = Tree(tmp_path_factory.mktemp("published") / "archive")
    publish(tree)
    return tree


@pytest.fixture(scope="session")
def app(published: Tree) -> Litestar:
    return create_app(published)


@pytest.fixture(scope="session")
def client(app: Litestar) -> Iterator[TestClient]:
    with TestClient(app) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture
def own_tree(published: Tree, tmp_path: Path) -> Tree:
    """A copy to be changed."""
    shutil.copytree(published.root, tmp_path / "archive")
    return Tree(tmp_path / "archive")


@pytest.fixture
def own_client(own_tree: Tree) -> Iterator[TestClient]:
    with TestClient(create_app(own_tree)) as client:
        client.follow_redirects = False
        yield client
