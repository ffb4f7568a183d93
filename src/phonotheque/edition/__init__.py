"""Editions: volumes as bags and hybrid torrents, the tables beside them, and their signatures.

`plan_volumes`, the names and the piece length are pure; what writes goes through
`storage.durable`. The formats are docs/formats/{edition,volume,torrent,trust}.md.
"""

from phonotheque.edition.bag_rules import bagit_faults, parse_manifest
from phonotheque.edition.catalogue_torrent import KnownTorrent, create_catalogue_torrent
from phonotheque.edition.ceremony import (
    Committed,
    RoleStatus,
    collect_files,
    commit_proposals,
    is_complete,
    list_proposals,
    list_roles,
    open_draft,
    stage,
)
from phonotheque.edition.changes import Catalogue, iter_changes
from phonotheque.edition.hashing import HashedFile, hash_file, hashing_pool
from phonotheque.edition.kept import kept_hashes
from phonotheque.edition.key_changes import change_keys, replace_key
from phonotheque.edition.keys import (
    OFFLINE_ROLES,
    ONLINE_ROLES,
    OfflineKeys,
    has_online_keys,
    make_key,
    next_key_path,
    open_keys,
    read_public_key,
)
from phonotheque.edition.metainfo import CreatedTorrent, VolumeFile, create_torrent
from phonotheque.edition.names import (
    MAX_COMPONENT_BYTES,
    MAX_FOLDER_BYTES,
    Naming,
    iter_kept_names,
    iter_names,
)
from phonotheque.edition.packing import choose_piece_length, estimate_metainfo
from phonotheque.edition.planning import (
    FilesToPack,
    PackingLimits,
    VolumesPlan,
    order_files,
    plan_volumes,
)
from phonotheque.edition.role_files import sweep
from phonotheque.edition.signing import (
    Outcome,
    check_publishing,
    init_repository,
    is_fresh,
    online_expiry,
    publish_revocations,
    publish_targets,
    renew_online,
    renew_root,
)
from phonotheque.edition.staging import Proposal, SignedFile, drop_staged, sign_file, staged_paths
from phonotheque.edition.torrent import TorrentFile, TorrentInfo, read_torrent
from phonotheque.edition.volume import (
    BuiltVolume,
    VolumeSpec,
    build_volume,
    commit_volume,
    place_file,
)

__all__ = [
    "MAX_COMPONENT_BYTES",
    "MAX_FOLDER_BYTES",
    "OFFLINE_ROLES",
    "ONLINE_ROLES",
    "BuiltVolume",
    "Catalogue",
    "Committed",
    "CreatedTorrent",
    "FilesToPack",
    "HashedFile",
    "KnownTorrent",
    "Naming",
    "OfflineKeys",
    "Outcome",
    "PackingLimits",
    "Proposal",
    "RoleStatus",
    "SignedFile",
    "TorrentFile",
    "TorrentInfo",
    "VolumeFile",
    "VolumeSpec",
    "VolumesPlan",
    "bagit_faults",
    "build_volume",
    "change_keys",
    "check_publishing",
    "choose_piece_length",
    "collect_files",
    "commit_proposals",
    "commit_volume",
    "create_catalogue_torrent",
    "create_torrent",
    "drop_staged",
    "estimate_metainfo",
    "has_online_keys",
    "hash_file",
    "hashing_pool",
    "init_repository",
    "is_complete",
    "is_fresh",
    "iter_changes",
    "iter_kept_names",
    "iter_names",
    "kept_hashes",
    "list_proposals",
    "list_roles",
    "make_key",
    "next_key_path",
    "online_expiry",
    "open_draft",
    "open_keys",
    "order_files",
    "parse_manifest",
    "place_file",
    "plan_volumes",
    "publish_revocations",
    "publish_targets",
    "read_public_key",
    "read_torrent",
    "renew_online",
    "renew_root",
    "replace_key",
    "sign_file",
    "stage",
    "staged_paths",
    "sweep",
]
