"""The hashes of files in a torrent that exists, for another torrent of the same files. Pure.

A pieces root does not depend on the piece length, and every file begins a piece and is padded to
the end of its last one: so v1 pieces and piece layers of a file are the same in every torrent with
the same piece length. Nothing is read to make a new volume out of the files of old ones.
"""

from phonotheque.edition.hashing import HashedFile
from phonotheque.edition.torrent import TorrentFile, TorrentInfo
from phonotheque.model.errors import FormatError


def kept_hashes(torrent: TorrentInfo, file: TorrentFile, sha256: str) -> HashedFile:
    """What `torrent` says of its `file`, whose SHA-256 (hex) is known from the table of files.

    Raises:
        FormatError: the torrent has not as many v1 pieces as the file should have.
    """
    count = -(-file.size_bytes // torrent.piece_length)
    pieces = torrent.v1_pieces[20 * file.first_piece :][: 20 * count]
    if torrent.info_hash_v1 and len(pieces) != 20 * count:
        raise FormatError(f"{torrent.name}: has no v1 pieces for {file.path}")
    root = file.pieces_root or bytes(32)
    layer = torrent.piece_layers.get(root, b"") if count > 1 else b""
    return HashedFile(file.size_bytes, bytes.fromhex(sha256), root, layer, pieces)
