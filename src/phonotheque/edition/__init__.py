"""Editions: volumes as bags and hybrid torrents, the tables beside them, and their signatures.

`plan_volumes`, the names and the piece length are pure; what writes goes through
`storage.durable`. The formats are docs/formats/{edition,volume,torrent,trust}.md.
"""

from phonotheque.edition.changes import Catalogue, iter_changes
from phonotheque.edition.hashing import HashedFile, hash_file, hashing_pool
from phonotheque.edition.keys import has_online_keys
from phonotheque.edition.metainfo import CreatedTorrent, VolumeFile, create_torrent
from phonotheque.edition.names import Naming, iter_names
from phonotheque.edition.packing import PackedVolumes, choose_piece_length, plan_volumes
from phonotheque.edition.signing import (
    OfflineKeys,
    init_repository,
    is_fresh,
    online_expiry,
    publish_revocations,
    publish_targets,
    renew_online,
    renew_root,
)
from phonotheque.edition.torrent import TorrentFile, TorrentInfo, read_torrent
from phonotheque.edition.volume import (
    BuiltVolume,
    VolumeSpec,
    build_volume,
    commit_volume,
    place_file,
)

__all__ = [
    "BuiltVolume",
    "Catalogue",
    "CreatedTorrent",
    "HashedFile",
    "Naming",
    "OfflineKeys",
    "PackedVolumes",
    "TorrentFile",
    "TorrentInfo",
    "VolumeFile",
    "VolumeSpec",
    "build_volume",
    "choose_piece_length",
    "commit_volume",
    "create_torrent",
    "has_online_keys",
    "hash_file",
    "hashing_pool",
    "init_repository",
    "is_fresh",
    "iter_changes",
    "iter_names",
    "online_expiry",
    "place_file",
    "plan_volumes",
    "publish_revocations",
    "publish_targets",
    "read_torrent",
    "renew_online",
    "renew_root",
]
