"""Addresses of one volume: its torrent, the files in it. Pure."""

from urllib.parse import quote


def torrent_path(volume: str) -> str:
    """Where the torrent of `volume` is served."""
    return f"/torrents/{quote(volume)}.torrent"


def file_path(volume: str, path: str) -> str:
    """Where one file of `volume` is served; the same place a web seed has it."""
    return f"/volumes/{quote(volume)}/{quote(path)}"
