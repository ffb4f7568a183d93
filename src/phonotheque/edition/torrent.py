"""Reading a volume's torrent: hybrid v1 and v2 metainfo (BEP 3, 47, 52; docs/formats/torrent.md).

Both halves are read and must tell the same story. Whatever comes from outside is bounded, and a
path that leaves the volume is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import cast

from phonotheque.edition.bencode import Bencoded, decode, slice_of
from phonotheque.model.errors import FormatError
from phonotheque.storage.digests import BLOCK

MAX_TORRENT_BYTES = 256 << 20
PAD_DIRECTORY = ".pad"
Tree = dict[bytes, Bencoded]


@dataclass(frozen=True, slots=True)
class TorrentFile:
    """One real file of a torrent.

    `path` is relative to the torrent's name, with ``/``. `index` counts files in v1 order with pad
    files included, as libtorrent's file indexes do; `first_piece` is the piece its bytes begin in
    (every file begins a piece). `pieces_root` is None for an empty file.
    """

    path: str
    size_bytes: int
    pieces_root: bytes | None
    index: int
    first_piece: int


@dataclass(frozen=True, slots=True)
class TorrentInfo:
    """A read torrent. `piece_layers` maps a pieces root to its layer, 32 bytes a piece, for every
    file longer than one piece; `v1_pieces` is 20 bytes a piece; info hashes are hex digits. Of a
    torrent of v2 alone `v1_pieces` and `info_hash_v1` are empty.
    """

    name: str
    piece_length: int
    info_hash_v1: str
    info_hash_v2: str
    files: tuple[TorrentFile, ...]
    piece_layers: dict[bytes, bytes]
    v1_pieces: bytes
    padding_bytes: int
    webseeds: tuple[str, ...]
    trackers: tuple[str, ...]

    @property
    def pieces(self) -> int:
        """How many pieces all files have."""
        return sum(-(-file.size_bytes // self.piece_length) for file in self.files)

    @property
    def size_bytes(self) -> int:
        """Bytes of all real files; padding does not count."""
        return sum(file.size_bytes for file in self.files)

    def piece_hashes(self, file: TorrentFile) -> list[bytes]:
        """The v2 hash of each piece of `file`, in order; its root alone when it is one piece."""
        if file.pieces_root is None:
            return []
        layer = self.piece_layers.get(file.pieces_root, file.pieces_root)
        return [layer[i : i + 32] for i in range(0, len(layer), 32)]


def read_torrent(content: bytes, name: str = "torrent") -> TorrentInfo:
    """The torrent in `content`; `name` is for messages. Piece layers are checked against roots.

    Raises:
        FormatError: not a hybrid torrent, or one whose halves, layers or paths do not hold.
    """
    try:
        return _read(content)
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from None
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise FormatError(f"{name}: not a hybrid torrent ({error!r})") from error


def _read(content: bytes) -> TorrentInfo:
    if len(content) > MAX_TORRENT_BYTES:
        raise FormatError(f"longer than {MAX_TORRENT_BYTES} bytes")
    document = _dictionary(decode(content))
    info = _dictionary(document[b"info"])
    piece_length = _checked_piece_length(info)
    hybrid = b"files" in info or b"pieces" in info
    files, padding = _matched_files(info, piece_length, hybrid=hybrid)
    layers = _checked_layers(document, files, piece_length)
    raw = slice_of(content, b"info")
    pieces = _bytes(info[b"pieces"]) if hybrid else b""
    if hybrid and len(pieces) != 20 * sum(-(-f.size_bytes // piece_length) for f in files):
        raise FormatError("the number of v1 pieces does not fit the files")
    return TorrentInfo(
        name=_component(info[b"name"]),
        piece_length=piece_length,
        info_hash_v1=sha1(raw, usedforsecurity=False).hexdigest() if hybrid else "",
        info_hash_v2=sha256(raw).hexdigest(),
        files=tuple(files),
        piece_layers=layers,
        v1_pieces=pieces,
        padding_bytes=padding,
        webseeds=_webseeds(document),
        trackers=_trackers(document),
    )


def _checked_piece_length(info: Tree) -> int:
    if info.get(b"meta version") != 2:
        raise FormatError("no v2 torrent (meta version is not 2)")
    length = info[b"piece length"]
    if not isinstance(length, int) or length < BLOCK or length & (length - 1):
        raise FormatError(f"piece length {length!r} is no power of two from {BLOCK} up")
    return length


def _matched_files(info: Tree, piece_length: int, *, hybrid: bool) -> tuple[list[TorrentFile], int]:
    """Files of the v2 tree, each found in its place in the v1 list; and the bytes of padding."""
    if not hybrid:
        return _v2_files(info, piece_length), 0
    listed = cast(list[Tree], info[b"files"])
    files: list[TorrentFile] = []
    index = offset = padding = 0
    for path, leaf in _walk(_dictionary(info[b"file tree"]), 0):
        size, root = _leaf(leaf)
        entry = listed[index] if index < len(listed) else {}
        if entry.get(b"path") != path or entry.get(b"length") != size or b"attr" in entry:
            raise FormatError(f"v1 and v2 differ at file {index}")
        joined = "/".join(_component(part) for part in path)
        files.append(TorrentFile(joined, size, root, index, offset // piece_length))
        index, offset = index + 1, offset + size
        gap = -offset % piece_length
        if gap:
            _check_pad(listed[index] if index < len(listed) else {}, gap, index)
            index, offset, padding = index + 1, offset + gap, padding + gap
    if index != len(listed):
        raise FormatError("the v1 half lists files that the v2 half does not have")
    return files, padding


def _v2_files(info: Tree, piece_length: int) -> list[TorrentFile]:
    """Files of the v2 tree; libtorrent counts what would pad them, as in a hybrid torrent."""
    files: list[TorrentFile] = []
    index = piece = 0
    for path, leaf in _walk(_dictionary(info[b"file tree"]), 0):
        size, root = _leaf(leaf)
        joined = "/".join(_component(part) for part in path)
        files.append(TorrentFile(joined, size, root, index, piece))
        piece += -(-size // piece_length)
        index += 2 if size % piece_length else 1
    return files


def _check_pad(entry: Tree, gap: int, index: int) -> None:
    if entry.get(b"attr") != b"p" or entry.get(b"length") != gap:
        raise FormatError(f"file {index} should be {gap} bytes of padding")


def _walk(tree: Tree, depth: int) -> Iterator[tuple[list[bytes], Tree]]:
    if depth > 32:
        raise FormatError("folders are nested more than 32 deep")
    for part, below in tree.items():
        node = _dictionary(below)
        if b"" in node:
            yield [part], _dictionary(node[b""])
            continue
        for path, leaf in _walk(node, depth + 1):
            yield [part, *path], leaf


def _leaf(leaf: Tree) -> tuple[int, bytes | None]:
    size, root = leaf[b"length"], leaf.get(b"pieces root")
    if not isinstance(size, int) or size < 0:
        raise FormatError(f"a file has the length {size!r}")
    if size and (not isinstance(root, bytes) or len(root) != 32):
        raise FormatError("a file has no pieces root")
    return size, cast(bytes, root) if size else None


def _checked_layers(
    document: Tree, files: list[TorrentFile], piece_length: int
) -> dict[bytes, bytes]:
    layers = _dictionary(document.get(b"piece layers", {}))
    found: dict[bytes, bytes] = {}
    for file in files:
        root = file.pieces_root
        if root is None or file.size_bytes <= piece_length or root in found:
            continue
        layer = _bytes(layers.get(root, b""))
        if len(layer) != 32 * -(-file.size_bytes // piece_length):
            raise FormatError(f"{file.path}: its piece layer is missing or has another length")
        if root_of_layer(layer, piece_length) != root:
            raise FormatError(f"{file.path}: its piece layer does not give its root")
        found[root] = layer
    return found


def root_of_layer(layer: bytes, piece_length: int) -> bytes:
    """The root above the piece hashes `layer` (32 bytes a piece; at least one piece)."""
    hashes = [layer[i : i + 32] for i in range(0, len(layer), 32)]
    pad = bytes(32)
    for _ in range((piece_length // BLOCK).bit_length() - 1):
        pad = sha256(pad + pad).digest()
    while len(hashes) > 1:
        if len(hashes) % 2:
            hashes.append(pad)
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [sha256(left + right).digest() for left, right in pairs]
        pad = sha256(pad + pad).digest()
    return hashes[0]


def _webseeds(document: Tree) -> tuple[str, ...]:
    value = document.get(b"url-list", [])
    return tuple(_bytes(v).decode() for v in (value if isinstance(value, list) else [value]))


def _trackers(document: Tree) -> tuple[str, ...]:
    tiers = cast(list[list[bytes]], document.get(b"announce-list", []))
    if tiers:
        return tuple(url.decode() for tier in tiers for url in tier)
    return (_bytes(document[b"announce"]).decode(),) if b"announce" in document else ()


def _component(value: Bencoded) -> str:
    text = _bytes(value).decode()
    if text in ("", ".", "..") or "/" in text or "\\" in text or "\0" in text:
        raise FormatError(f"the path part {text!r} is not allowed")
    return text


def _dictionary(value: Bencoded) -> Tree:
    if not isinstance(value, dict):
        raise FormatError("a dictionary is missing")
    return value


def _bytes(value: Bencoded) -> bytes:
    if not isinstance(value, bytes):
        raise FormatError("a string is missing")
    return value
