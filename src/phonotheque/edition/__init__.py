"""Editions: volumes as bags and hybrid torrents, the tables beside them, and their signatures.

`plan_volumes`, the names and the piece length are pure; what writes goes through
`storage.durable`. The formats are docs/formats/{edition,volume,torrent,trust}.md.
"""

from phonotheque.edition.torrent import TorrentFile, TorrentInfo, read_torrent

__all__ = ["TorrentFile", "TorrentInfo", "read_torrent"]
