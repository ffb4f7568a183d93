"""An archive with a build written straight from the schemas and a vault of made-up bytes: for
tests of publishing, which must not wait for audio to be decoded."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import pyarrow as pa
import pytest

from phonotheque.archive import execute_init, plan_init, read_withdrawals
from phonotheque.catalogue import build_directory
from phonotheque.model import tables
from phonotheque.model.edition import BuildManifest, RecordingFlag, ShardFile
from phonotheque.model.progress import Silent
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table
from phonotheque.vault import VaultObject
from tests.support.clock import NOW


@dataclass
class Song:
    """One recording with one file. `licence` None: no evidence at all."""

    title: str
    artist: str = "Nobody"
    listens: int = 0
    tier: int = 1
    size: int = 40_000
    licence: str | None = "CC-BY-4.0"
    isrcs: list[str] = field(default_factory=list)

    @property
    def content(self) -> bytes:
        seed = sha256(f"{self.title}|{self.artist}".encode()).digest()
        return (seed * (self.size // 32 + 1))[: self.size]

    @property
    def digest(self) -> str:
        return sha256(self.content).hexdigest()


@contextmanager
def cut_off_at(monkeypatch: pytest.MonkeyPatch, module: Any, function: str) -> Iterator[None]:
    """What runs inside ends, as by Ctrl-C, where it comes to call ``module.function``."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(module, function, interrupt)
        yield


class FolderVault:
    """Stands for the vault: objects are files of a folder, all of them Ogg Vorbis."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of(cls, tree: Tree) -> "FolderVault":
        return cls(tree.vault)

    def __enter__(self) -> "FolderVault":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def object_path(self, digest: str) -> Path:
        return self.root / "objects" / digest

    @property
    def store(self) -> SimpleNamespace:
        return SimpleNamespace(local_path=self.object_path)

    def object(self, digest: str) -> VaultObject | None:
        path = self.object_path(digest)
        if not path.exists():
            return None
        digests = digest_file(path)
        return VaultObject(
            sha256=digest, bytes=digests.size_bytes, pieces_root=digests.pieces_root.hex(),
            puid="fmt/203", media_type="audio/ogg", extension="ogg", codec="vorbis",
            duration_ms=1000, sample_rate_hz=44_100, channels=2, bits=0, lossless=False,
        )  # fmt: skip


class Workshop:
    """Makes an archive at `root` and builds of the songs given; numbers follow the list."""

    def __init__(self, root: Path, **overrides: Any) -> None:
        plan = plan_init(
            root, name="Work", publisher="Tests", seat="DE",
            overrides={"volumes": {"max_files": 3}, "publish": {"webseeds": ["http://x/"]},
                       **overrides},
        )  # fmt: skip
        execute_init(plan, None, NOW, Silent())
        self.tree = Tree(root)
        self.builds = 0
        self.distribute: dict[int, str] = {}  # verdicts of recordings, where not ALLOW_IF

    def build(self, songs: list[Song]) -> None:
        """Write the next build of the catalogue; shards equal to earlier ones keep their names."""
        self.builds += 1
        gone = {w.recording for w in read_withdrawals(self.tree)}
        for song in songs:
            path = FolderVault(self.tree.vault).object_path(song.digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_bytes(song.content)
                path.chmod(0o444)
        shards = [
            self._shard("recordings", tables.RECORDINGS, _recordings(songs, gone, self.distribute)),
            self._shard("tracks", tables.TRACKS, _tracks(songs)),
            self._shard("releases", tables.RELEASES, []),
            self._shard("artists", tables.ARTISTS, []),
            self._shard("standing", tables.STANDING, _standing(songs)),
        ]
        files = [self._shard("recording_files", tables.RECORDING_FILES, _recording_files(songs))]
        manifest = BuildManifest(
            format=1, build=self.builds, inputs=["tiny/0001"], rows_per_shard=4_194_304,
            shards=shards, recording_files=files, recordings=len(songs), tracks=len(songs),
            releases=0, artists=0, conflicts=0, unmatched_listens=0,
            tier_cuts_percent=[50.0, 80.0, 100.0], withdrawn=sorted(gone),
        )  # fmt: skip
        write_document(self._directory / "build.json", manifest)
        current = self.tree.catalogue / "current.json"
        current.write_text(json.dumps({"format": 1, "build": self.builds}))

    @property
    def _directory(self) -> Path:
        return build_directory(self.tree, self.builds)

    def _shard(self, table: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> ShardFile:
        folder = table if table in ("standing", "recording_files") else f"catalogue/{table}"
        path = self._directory / folder / "00000.parquet"
        write_table(path, schema, [pa.Table.from_pylist(rows, schema=schema)])
        digest = sha256(path.read_bytes()).hexdigest()
        final = path.rename(path.with_name(f"00000-{digest[:16]}.parquet"))
        return ShardFile(
            table=table, shard=0, layer="base", path=f"{folder}/{final.name}", rows=len(rows),
            bytes=final.stat().st_size, sha256=digest,
        )  # fmt: skip


def _recordings(
    songs: list[Song], gone: set[int], distribute: dict[int, str]
) -> list[dict[str, Any]]:
    return [
        {"number": n, "isrcs": s.isrcs, "recording_mbid": None,
         "title": s.title, "artist_credit": s.artist, "artist_numbers": [], "duration_ms": 1000,
         "first_release_year": None, "collections": [], "licence": s.licence,
         "stream": "ALLOW_IF", "distribute": distribute.get(n, "ALLOW_IF"),
         "flags": int(RecordingFlag.WITHDRAWN) if n in gone else 0}
        for n, s in enumerate(songs, 1)
    ]  # fmt: skip


def _tracks(songs: list[Song]) -> list[dict[str, Any]]:
    return [
        {"number": n, "recording": n, "release": None, "disc": None, "position": n,
         "position_text": None, "title": None, "met": None,
         "artist_credit": None, "duration_ms": None, "source": "tiny", "source_key": str(n)}
        for n in range(1, len(songs) + 1)
    ]  # fmt: skip


def _standing(songs: list[Song]) -> list[dict[str, Any]]:
    order = sorted(range(len(songs)), key=lambda i: (songs[i].tier, -songs[i].listens, i))
    rank = {i: p for p, i in enumerate(order, 1)}
    return [
        {"number": i + 1, "listens": s.listens, "listeners": None, "rank": rank[i], "tier": s.tier}
        for i, s in enumerate(songs)
    ]


def _recording_files(songs: list[Song]) -> list[dict[str, Any]]:
    def evidence(song: Song) -> list[dict[str, Any]]:
        if song.licence is None:
            return []
        return [{"claim": "licence", "value": song.licence, "raw": song.licence,
                 "kind": "sidecar", "source": "rights.toml", "captured_at": NOW,
                 "sha256": None}]  # fmt: skip

    return [
        {"recording": n, "sha256": s.digest, "title": s.title, "artist_credit": s.artist,
         "release_title": "Demo", "disc": 1, "position": n, "evidence": evidence(s)}
        for n, s in enumerate(songs, 1)
    ]  # fmt: skip
