"""Making a volume's torrent: hybrid or v2 alone, deterministic (docs/formats/torrent.md).

Equal files, names, piece length, webseeds and trackers give equal bytes: no creation date, no
program name. Files stand in the order of the v2 tree (path components compared as bytes), each
but the empty ones followed by a pad file up to the next piece, the last one too, which is what
libtorrent makes of the same files.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from hashlib import sha1, sha256
from pathlib import Path

from phonotheque.edition.bencode import Bencoded, encode
from phonotheque.edition.hashing import HashedFile, hash_files
from phonotheque.edition.torrent import PAD_DIRECTORY
from phonotheque.model.errors import InputError

_TASK_BYTES = 64 << 20
_TASK_FILES = 256
_TASKS_AHEAD = 64


@dataclass(frozen=True, slots=True)
class VolumeFile:
    """One file that goes into a torrent: `path` in the volume, `source` where it is read from.

    `sha256` (hex) is what the file must hash to, or None when that is not known before. Where
    `pieces_root` (hex) is known with it, of one read, the root proves the file and its SHA-256 is
    not computed again: a third of the work less. A file with `kept` hashes, of an earlier torrent
    with the same piece length, is not read at all.
    """

    path: str
    source: Path
    size_bytes: int
    sha256: str | None = None
    pieces_root: str | None = None
    kept: HashedFile | None = None


@dataclass(frozen=True, slots=True)
class CreatedTorrent:
    """A torrent just made; info hashes are hex digits, the first empty where it is of v2 alone;
    `hashed` is keyed by path.
    """

    content: bytes
    info_hash_v1: str
    info_hash_v2: str
    piece_length: int
    padding_bytes: int
    hashed: dict[str, HashedFile]


def create_torrent(
    name: str,
    files: Sequence[VolumeFile],
    piece_length: int,
    pool: Executor,
    *,
    webseeds: Sequence[str] = (),
    trackers: Sequence[str] = (),
    v1: bool = True,
    advance: Callable[[int], None] = lambda _bytes: None,
) -> CreatedTorrent:
    """Hash `files` in `pool`, each byte read once, and make the torrent of them.

    It is hybrid; of v2 alone where `v1` is not wanted, or some files' hashes were kept from a
    torrent of v2 alone.

    Raises:
        InputError: a file is not what its `sha256`, `pieces_root` or `size_bytes` says.
    """
    ordered = sorted(files, key=lambda file: tree_order(file.path))
    v1 = v1 and all(f.kept is None or f.kept.v1_pieces or not f.size_bytes for f in files)
    hashed: dict[str, HashedFile] = {}
    for file, found in _iter_all(ordered, piece_length, pool, v1=v1):
        _check(file, found, piece_length, v1=v1)
        hashed[file.path] = found
        advance(found.size_bytes)
    info = format_info(name, piece_length, hashed.items(), v1=v1)
    layers: dict[bytes, Bencoded] = {
        found.pieces_root: found.piece_layer for found in hashed.values() if found.piece_layer
    }
    raw = encode(info)
    return CreatedTorrent(
        content=_format_torrent(raw, layers, webseeds, trackers),
        info_hash_v1=sha1(raw, usedforsecurity=False).hexdigest() if v1 else "",
        info_hash_v2=sha256(raw).hexdigest(),
        piece_length=piece_length,
        padding_bytes=sum(-f.size_bytes % piece_length for f in hashed.values()) if v1 else 0,
        hashed=hashed,
    )


def tree_order(path: str) -> tuple[bytes, ...]:
    """What files are sorted by: their path components as bytes."""
    return tuple(part.encode() for part in path.split("/"))


def format_info(
    name: str, piece_length: int, files: Iterable[tuple[str, HashedFile]], *, v1: bool = True
) -> dict[bytes, Bencoded]:
    """The info dictionary; `files` are paths and hashes in `tree_order`. `v1`: with that half."""
    tree: dict[bytes, Bencoded] = {}
    listed: list[Bencoded] = []
    pieces: list[bytes] = []
    for path, found in files:
        parts = tree_order(path)
        _insert(tree, parts, found)
        listed.append({b"length": found.size_bytes, b"path": list[Bencoded](parts)})
        if gap := -found.size_bytes % piece_length:
            pad: list[Bencoded] = [PAD_DIRECTORY.encode(), str(gap).encode()]
            listed.append({b"attr": b"p", b"length": gap, b"path": pad})
        pieces.append(found.v1_pieces)
    info: dict[bytes, Bencoded] = {
        b"file tree": tree,
        b"meta version": 2,
        b"name": name.encode(),
        b"piece length": piece_length,
    }
    return info | {b"files": listed, b"pieces": b"".join(pieces)} if v1 else info


def _insert(tree: dict[bytes, Bencoded], parts: Sequence[bytes], found: HashedFile) -> None:
    for part in parts[:-1]:
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            raise InputError(f"{b'/'.join(parts)!r}: a file stands where a folder should")
        tree = below
    leaf: dict[bytes, Bencoded] = {b"length": found.size_bytes}
    if found.size_bytes:
        leaf[b"pieces root"] = found.pieces_root
    tree[parts[-1]] = {b"": leaf}


def _format_torrent(
    info: bytes, layers: dict[bytes, Bencoded], webseeds: Sequence[str], trackers: Sequence[str]
) -> bytes:
    parts = [b"d"]
    if trackers:
        tiers: list[Bencoded] = [[tracker.encode()] for tracker in trackers]
        parts += [encode(b"announce"), encode(trackers[0].encode())]
        parts += [encode(b"announce-list"), encode(tiers)]
    parts += [encode(b"info"), info, encode(b"piece layers"), encode(layers)]
    if webseeds:
        parts += [encode(b"url-list"), encode([url.encode() for url in webseeds])]
    return b"".join([*parts, b"e"])


def _iter_all(
    files: Sequence[VolumeFile], piece_length: int, pool: Executor, *, v1: bool
) -> Iterator[tuple[VolumeFile, HashedFile]]:
    """Files with their hashes, in order; only those without kept ones are read."""
    read = _iter_hashed([f for f in files if f.kept is None], piece_length, pool, v1=v1)
    for file in files:
        yield next(read) if file.kept is None else (file, file.kept)


def _iter_hashed(
    files: Sequence[VolumeFile], piece_length: int, pool: Executor, *, v1: bool
) -> Iterator[tuple[VolumeFile, HashedFile]]:
    """Files with their hashes, in order; a bounded number of tasks is under way."""
    waiting: deque[tuple[list[VolumeFile], Future[list[HashedFile]]]] = deque()
    for task in _iter_tasks(files):
        sources, whole = [f.source for f in task], [f.pieces_root is None for f in task]
        future = pool.submit(hash_files, sources, piece_length, whole, v1=v1)
        waiting.append((task, future))
        if len(waiting) >= _TASKS_AHEAD:
            done, future = waiting.popleft()
            yield from zip(done, future.result(), strict=True)
    while waiting:
        done, future = waiting.popleft()
        yield from zip(done, future.result(), strict=True)


def _iter_tasks(files: Sequence[VolumeFile]) -> Iterator[list[VolumeFile]]:
    task: list[VolumeFile] = []
    size = 0
    for file in files:
        task.append(file)
        size += file.size_bytes
        if size >= _TASK_BYTES or len(task) >= _TASK_FILES:
            yield task
            task, size = [], 0
    if task:
        yield task


def _check(file: VolumeFile, found: HashedFile, piece_length: int, *, v1: bool) -> None:
    count = -(-found.size_bytes // piece_length)
    layer = 32 * count if count > 1 else 0
    if len(found.piece_layer) != layer or (v1 and len(found.v1_pieces) != 20 * count):
        raise InputError(f"{file.path}: its hashes were kept for pieces of another length")
    if file.pieces_root is not None:
        proved, what = found.pieces_root.hex(), "pieces root"
        wrong = proved != file.pieces_root
    else:
        proved, what = found.sha256.hex(), "sha256"
        wrong = file.sha256 is not None and proved != file.sha256
    if wrong or found.size_bytes != file.size_bytes:
        raise InputError(
            f"{file.source}: its bytes are not those that were admitted ({what} is {proved}); "
            "restore the file from a copy, or ingest the original again"
        )
