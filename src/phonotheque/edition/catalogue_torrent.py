"""The torrent of an edition's own files (docs/formats/torrent.md, "The torrent of an edition").

Most files of an edition are those of the edition before, so most hashes are in its torrent: only
what is new is read.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from hashlib import sha1, sha256
from itertools import repeat

from phonotheque.edition.bencode import Bencoded, encode
from phonotheque.edition.hashing import HashedFile, hash_file
from phonotheque.edition.metainfo import CreatedTorrent, VolumeFile, format_info, tree_order
from phonotheque.edition.packing import choose_piece_length
from phonotheque.edition.torrent import TorrentInfo
from phonotheque.model.errors import InputError

_CHUNK_FILES = 8


@dataclass(frozen=True, slots=True)
class KnownTorrent:
    """The catalogue torrent of the edition before, and the SHA-256 (hex) of its files by path."""

    torrent: TorrentInfo
    sha256s: Mapping[str, str]


def create_catalogue_torrent(
    name: str,
    files: Sequence[VolumeFile],
    before: KnownTorrent | None,
    pool: Executor,
    *,
    collection: str,
    webseeds: Sequence[str] = (),
    trackers: Sequence[str] = (),
) -> CreatedTorrent:
    """A hybrid torrent of `files`, each with its sha256, in a folder `name`.

    `collection` is the same for all editions of an archive (BEP 38): a client that has one takes
    equal files of the next from there. Hashes of files that `before` has are taken from it.

    Raises:
        InputError: a file is not what its `sha256` or `size_bytes` says.
    """
    ordered = sorted(files, key=lambda file: tree_order(file.path))
    length = _piece_length(ordered, before)
    known = (
        dict(_known(before, ordered)) if before and before.torrent.piece_length == length else {}
    )
    new = [file for file in ordered if file.path not in known]
    sources = [file.source for file in new]
    for file, found in zip(
        new, pool.map(hash_file, sources, repeat(length), chunksize=_CHUNK_FILES), strict=True
    ):
        if found.sha256.hex() != file.sha256 or found.size_bytes != file.size_bytes:
            raise InputError(f"{file.source}: it changed while it was published; publish again")
        known[file.path] = found
    hashed = {file.path: known[file.path] for file in ordered}
    info = format_info(name, length, hashed.items())
    document: dict[bytes, Bencoded] = {
        b"collections": [collection.encode()],
        b"info": info,
        b"piece layers": {h.pieces_root: h.piece_layer for h in hashed.values() if h.piece_layer},
    }
    if trackers:
        document[b"announce"] = trackers[0].encode()
        document[b"announce-list"] = [[tracker.encode()] for tracker in trackers]
    if webseeds:
        document[b"url-list"] = [url.encode() for url in webseeds]
    raw = encode(info)
    return CreatedTorrent(
        content=encode(document),
        info_hash_v1=sha1(raw, usedforsecurity=False).hexdigest(),
        info_hash_v2=sha256(raw).hexdigest(),
        piece_length=length,
        padding_bytes=sum(-h.size_bytes % length for h in hashed.values()),
        hashed=hashed,
    )


def _piece_length(files: Sequence[VolumeFile], before: KnownTorrent | None) -> int:
    """The best one; but that of before while it is no worse than the next one to the best."""
    best = choose_piece_length([file.size_bytes for file in files])
    last = before.torrent.piece_length if before else best
    return last if best // 2 <= last <= best * 2 else best


def _known(before: KnownTorrent, files: Sequence[VolumeFile]) -> Iterator[tuple[str, HashedFile]]:
    """Hashes of the files that stand in the torrent of before under the same path and digest."""
    wanted = {file.path: file.sha256 for file in files}
    torrent, length = before.torrent, before.torrent.piece_length
    for file in torrent.files:
        digest = before.sha256s.get(file.path)
        if digest is None or wanted.get(file.path) != digest:
            continue
        first, count = file.first_piece, -(-file.size_bytes // length)
        root = file.pieces_root or bytes(32)
        yield (
            file.path,
            HashedFile(
                size_bytes=file.size_bytes,
                sha256=bytes.fromhex(digest),
                pieces_root=root,
                piece_layer=torrent.piece_layers.get(root, b""),
                v1_pieces=torrent.v1_pieces[20 * first : 20 * (first + count)],
            ),
        )
