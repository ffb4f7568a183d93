"""A small origin for tests of mirrors: bags, hybrid torrents, a TUF repository, and a web server.

What is served may be bent: see `WebServer`. Built from the schemas and python-tuf alone, so that
the mirror is tested against something it does not share code with (but `create_torrent`).
"""

import copy
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from phonotheque.catalogue import iter_wishable, open_edition
from phonotheque.edition import VolumeFile, create_torrent
from phonotheque.model import tables
from phonotheque.model.edition import (
    CatalogueTorrent,
    EditionFile,
    EditionManifest,
    Latest,
    Revocations,
    RevokedFile,
)
from phonotheque.model.numbers import IdKey, format_public_id
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table
from tests.support.editions import ID_KEY, NOW, TinyRecording, write_tiny_edition

PIECE_LENGTH = 32_768
NO_END = datetime(2999, 1, 1, tzinfo=UTC)
ROLES = ("root", "targets", "snapshot", "timestamp", "revocations")


def noise(seed: int, size: int) -> bytes:
    """`size` bytes that look like audio to a hash, the same for the same seed."""
    out = bytearray()
    while len(out) < size:
        out += sha256(f"{seed}:{len(out)}".encode()).digest()
    return bytes(out[:size])


def three_volumes() -> list[TinyRecording]:
    """Seven recordings in three volumes: `tiny-tier1-00001` is dense, `…3` is not listened to."""

    def make(n: int, volume: str, size: int, listens: int, tier: int) -> TinyRecording:
        return TinyRecording(
            f"Song {n}", f"Artist {n}", listens=listens, tier=tier,
            file=(volume, f"data/artist {n}/song-{n}.ogg", noise(n, size)),
        )  # fmt: skip

    return [
        make(1, "tiny-tier1-00001", 200_000, 900, 1),
        make(2, "tiny-tier1-00001", 70_001, 500, 1),
        make(3, "tiny-tier1-00002", 150_000, 100, 1),
        make(4, "tiny-tier1-00002", 32_768, 90, 1),
        make(5, "tiny-tier1-00002", 10_000, 80, 1),
        make(6, "tiny-tier2-00003", 300_000, 3, 2),
        make(7, "tiny-tier2-00003", 5_000, 0, 2),
    ]


@dataclass
class TinyOrigin:
    """An archive as a follower sees it, below `root`. Call `publish` for each edition."""

    root: Path
    signers: dict[str, CryptoSigner] = field(
        default_factory=lambda: {role: CryptoSigner.generate_ed25519() for role in ROLES}
    )
    versions: dict[str, int] = field(default_factory=dict)
    revoked: list[RevokedFile] = field(default_factory=list)
    editions: list[str] = field(default_factory=list)
    expires: datetime = NO_END
    piece_length: int = PIECE_LENGTH
    v1: bool = True  # hybrid torrents of volumes; else v2 alone
    catalogue: bool = False  # editions get a torrent of their own files
    barred: dict[int, list[str]] | None = None  # by recording; None: editions have no planning/

    @property
    def tree(self) -> Tree:
        return Tree(self.root)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the first root."""
        return sha256((self.root / "metadata/1.root.json").read_bytes()).hexdigest()

    def publish(self, recordings: list[TinyRecording], name: str = "2026-11") -> EditionManifest:
        """Publish an edition of these recordings and sign it."""
        manifest = write_tiny_edition(
            self.root, recordings, name=name, sequence=len(self.editions) + 1
        )
        edition = self.tree.edition(name)
        rows = [self._finish_volume(edition, row) for row in _read(edition / "volumes.parquet")]
        table = pa.Table.from_pylist(rows, schema=tables.VOLUMES)
        write_table(edition / "volumes.parquet", tables.VOLUMES, [table])
        if self.barred is not None:
            _write_planning(edition, manifest, self.barred)
        torrent = self._write_catalogue_torrent(edition) if self.catalogue else None
        contents = contents_of(edition)
        manifest = msgspec.structs.replace(manifest, contents=contents, catalogue_torrent=torrent)
        write_document(edition / "edition.json", manifest)
        digest = sha256((edition / "edition.json").read_bytes()).hexdigest()
        write_document(
            self.tree.latest_json,
            Latest(format=1, edition=name, sequence=manifest.sequence, edition_sha256=digest),
        )
        self.editions.append(name)
        self.sign()
        return manifest

    def _write_catalogue_torrent(self, edition: Path) -> CatalogueTorrent:
        files = [VolumeFile(e.path, edition / e.path, e.bytes) for e in contents_of(edition)]
        with ThreadPoolExecutor(2) as pool:
            made = create_torrent(edition.name, files, self.piece_length, pool)
        (edition / "torrents" / "catalogue.torrent").write_bytes(made.content)
        return CatalogueTorrent(
            path="torrents/catalogue.torrent",
            info_hash_v1=made.info_hash_v1,
            info_hash_v2=made.info_hash_v2,
            bytes=len(made.content),
        )

    def _finish_volume(self, edition: Path, row: dict[str, Any]) -> dict[str, Any]:
        volume = row["volume"]
        bag = self.tree.volume(volume)
        table = edition / "files" / f"{volume}.parquet"
        files = _read(table)
        for file in files:
            file["pieces_root"] = digest_file(bag / file["path"]).pieces_root.hex()
        write_table(table, tables.FILES, [pa.Table.from_pylist(files, schema=tables.FILES)])
        _write_bag(bag, files)
        everything = [
            VolumeFile(p.relative_to(bag).as_posix(), p, p.stat().st_size)
            for p in sorted(bag.rglob("*"))
            if p.is_file()
        ]
        with ThreadPoolExecutor(2) as pool:
            made = create_torrent(volume, everything, self.piece_length, pool, v1=self.v1)
        target = edition / "torrents" / f"{volume}.torrent"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(made.content)
        return row | {
            "total_bytes": sum(f.size_bytes for f in everything),
            "piece_length": self.piece_length,
            "padding_bytes": made.padding_bytes,
            "torrent_bytes": len(made.content),
            "info_hash_v1": made.info_hash_v1,
            "info_hash_v2": made.info_hash_v2,
            "manifest_sha256": sha256((bag / "manifest-sha256.txt").read_bytes()).hexdigest(),
        }

    def revoke(self, recording: int, edition: str) -> RevokedFile:
        """Withdraw the file of a recording, and sign the list."""
        found = next(
            (table.stem, row)
            for table in sorted((self.tree.edition(edition) / "files").glob("*.parquet"))
            for row in _read(table)
            if row["recording"] == recording
        )
        volume, row = found
        self.revoked.append(
            RevokedFile(
                recording=format_public_id(recording, IdKey(bytes.fromhex(ID_KEY))),
                reason="take-down", since=NOW, sha256=row["sha256"],
                pieces_root=row["pieces_root"], volume=volume, path=row["path"],
            )
        )  # fmt: skip
        self.sign()
        return self.revoked[-1]

    def sign(self) -> None:
        """Write the TUF repository anew: every role's version goes up by one."""
        write_document(
            self.tree.revocations_json,
            Revocations(format=1, sequence=len(self.revoked), files=self.revoked),
        )
        revocations = Targets(self._next("revocations"), expires=self.expires)
        _add_target(revocations, self.root, "revocations.json")
        targets = Targets(self._next("targets"), expires=self.expires)
        for path in ("latest.json", *(f"editions/{e}/edition.json" for e in self.editions)):
            _add_target(targets, self.root, path)
        key = self.signers["revocations"].public_key
        targets.delegations = Delegations(
            {key.keyid: key},
            {"revocations": DelegatedRole("revocations", [key.keyid], 1, True,
                                          paths=["revocations.json"])},
        )  # fmt: skip
        snapshot = Snapshot(self._next("snapshot"), expires=self.expires)
        snapshot.meta = {
            f"{role}.json": MetaFile(self.versions[role]) for role in ("targets", "revocations")
        }
        timestamp = Timestamp(self._next("timestamp"), expires=self.expires)
        timestamp.snapshot_meta = MetaFile(self.versions["snapshot"])
        if "root" not in self.versions:
            self._write("root", self._root())
        for role, signed in (("revocations", revocations), ("targets", targets),
                             ("snapshot", snapshot), ("timestamp", timestamp)):  # fmt: skip
            self._write(role, signed)

    def _root(self) -> Root:
        root = Root(self._next("root"), expires=self.expires, consistent_snapshot=True)
        root.roles = {role: Role([], 1) for role in ("root", "targets", "snapshot", "timestamp")}
        for role in root.roles:
            root.add_key(self.signers[role].public_key, role)
        return root

    def _next(self, role: str) -> int:
        self.versions[role] = self.versions.get(role, 0) + 1
        return self.versions[role]

    def _write(self, role: str, signed: Any) -> None:
        metadata = Metadata(signed)
        metadata.sign(self.signers[role])
        folder = self.root / "metadata"
        folder.mkdir(exist_ok=True)
        names = [f"{signed.version}.{role}.json"] if role != "timestamp" else ["timestamp.json"]
        if role == "root":
            names.append("root.json")
        for name in names:
            metadata.to_file(str(folder / name))


def _write_planning(edition: Path, manifest: EditionManifest, barred: dict[int, list[str]]) -> None:
    """``planning/`` as publishing writes it."""
    heard = []
    with closing(open_edition(edition, manifest)) as reader:
        for volume, told in iter_wishable(reader.cursor()):
            files = _read(edition / "files" / f"{volume}.parquet")
            rows = [
                row | {"place": place, "barred": barred.get(file["recording"], [])}
                for place, (row, file) in enumerate(zip(told.to_pylist(), files, strict=True))
            ]
            heard += [{**row, "volume": volume} for row in rows]
            table = pa.Table.from_pylist(rows, schema=tables.PLANNING)
            write_table(edition / "planning" / f"{volume}.parquet", tables.PLANNING, [table])
    table = pa.Table.from_pylist(heard, schema=tables.PLANNING_LISTENS)
    write_table(edition / "planning" / "listens.parquet", tables.PLANNING_LISTENS, [table])


def _read(path: Path) -> list[dict[str, Any]]:
    return list(pq.ParquetFile(path).read().to_pylist())


def _add_target(targets: Targets, root: Path, path: str) -> None:
    targets.targets[path] = TargetFile.from_file(path, str(root / path))


def contents_of(edition: Path) -> list[EditionFile]:
    """What an edition's folder holds, as `edition.json` lists it."""
    return [
        EditionFile(
            path=path.relative_to(edition).as_posix(),
            bytes=path.stat().st_size,
            sha256=sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(edition.rglob("*"))
        if path.is_file() and path.name != "edition.json"
    ]


def _write_bag(bag: Path, files: list[dict[str, Any]]) -> None:
    manifest = "".join(f"{f['sha256']}  {f['path']}\n" for f in files)
    (bag / "manifest-sha256.txt").write_text(manifest)
    (bag / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    size = sum(f["bytes"] for f in files)
    (bag / "bag-info.txt").write_text(f"Payload-Oxum: {size}.{len(files)}\n")
    tags = "".join(
        f"{sha256((bag / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")
    )
    (bag / "tagmanifest-sha256.txt").write_text(tags)


@dataclass
class Served:
    """One answer the server gave: path, the Range asked for, User-Agent, bytes sent."""

    path: str
    range: str | None
    agent: str | None
    bytes: int


class WebServer:
    """Serves a tree on loopback, with ranges. `bend` may change what it answers.

    `bend(path, content)` returns the bytes to send instead, or a status to answer with, or None to
    leave it as it is. `cut` maps a path to how many bytes to send before hanging up, once.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.served: list[Served] = []
        self.bend: Callable[[str, bytes], bytes | int | None] = lambda path, content: None
        self.cut: dict[str, int] = {}
        self.error_headers: dict[str, str] = {}
        self.delay_seconds = 0.0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                """Quiet."""

            def do_GET(self) -> None:
                server._answer(self)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> "WebServer":
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def bytes_of(self, prefix: str) -> int:
        """Bytes sent of paths that begin with `prefix`."""
        return sum(s.bytes for s in self.served if s.path.startswith(prefix))

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = unquote(request.path).lstrip("/")
        time.sleep(self.delay_seconds)
        full = self.root / path
        content = full.read_bytes() if ".." not in path and full.is_file() else None
        bent = self.bend(path, content or b"")
        if isinstance(bent, int) or (content is None and bent is None):
            request.send_response(bent if isinstance(bent, int) else 404)
            for name, value in self.error_headers.items():
                request.send_header(name, value)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        body = content if bent is None else bent
        assert body is not None
        asked = request.headers.get("Range")
        if asked and bent is None:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            end = min(int(last) + 1, len(body)) if last else len(body)
            total, body = len(body), body[int(first) : end]
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {first}-{end - 1}/{total}")
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        sent = body[: self.cut.pop(path, len(body))]
        self.served.append(Served(path, asked, request.headers.get("User-Agent"), len(sent)))
        try:
            request.wfile.write(sent)
        except OSError:
            return
        if len(sent) < len(body):
            request.close_connection = True


def copied(origin: TinyOrigin, root: Path) -> TinyOrigin:
    """The same origin at another place, to be changed by itself; much cheaper than publishing."""
    shutil.copytree(origin.root, root)
    twin = copy.copy(origin)
    twin.root = root
    twin.versions, twin.revoked = dict(origin.versions), list(origin.revoked)
    twin.editions = list(origin.editions)
    return twin


def without(recordings: list[TinyRecording], number: int, flags: int = 2) -> list[TinyRecording]:
    """The same recordings with one flagged as withdrawn."""
    changed = copy.deepcopy(recordings)
    changed[number - 1].flags = flags
    return changed
