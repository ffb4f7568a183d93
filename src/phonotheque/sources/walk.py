"""The audio files below a folder, in a fixed order and with bounded memory."""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from phonotheque.model.findings import Finding, FindingCode, Severity

AUDIO_SUFFIXES = frozenset(
    [".flac", ".ogg", ".oga", ".opus", ".mp3", ".wav", ".wave", ".m4a", ".m4b", ".mp4", ".aiff",
     ".aif", ".aifc", ".wv", ".ape", ".mka", ".wma", ".asf", ".m4p", ".aax", ".aaxc", ".aa", ".dcf",
     ".odf", ".dm", ".oma", ".aa3", ".mpd", ".m3u8"]
)  # fmt: skip
"""Files with other endings are not looked at. The last ones are here to be refused by name."""

PLAYLIST_HEAD_BYTES = 8_192


@dataclass(frozen=True, slots=True)
class AudioFile:
    """One audio file. `key` is its path in the folder, POSIX, NFC: the source_key of its row."""

    path: Path
    key: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A file that is not audio by its name; counted, not read."""

    key: str


Walked = AudioFile | OtherFile | Finding


def iter_folder(root: Path) -> Iterator[Walked]:
    """Everything below `root`, ordered by key (code points). Memory: one folder per level.

    Links to folders are not followed, links to files only when they stay below `root`.
    """
    yield from _iter_entries(root, root.resolve(), "")


def _iter_entries(folder: Path, root: Path, prefix: str) -> Iterator[Walked]:
    try:
        with os.scandir(folder) as scan:
            entries = sorted(((_key(prefix, e), e) for e in scan), key=lambda pair: pair[0])
    except OSError as error:
        yield _unreadable(prefix or str(folder), f"cannot be listed ({error.strerror})")
        return
    for key, entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _iter_entries(Path(entry.path), root, key)
        else:
            yield _look_at(entry, key, root)


def _key(prefix: str, entry: os.DirEntry[str]) -> str:
    """A folder's key ends with a slash, so that this order is the order of all keys below."""
    name = unicodedata.normalize("NFC", entry.name)
    return f"{prefix}{name}/" if entry.is_dir(follow_symlinks=False) else prefix + name


def _look_at(entry: os.DirEntry[str], key: str, root: Path) -> Walked:
    if not _is_text(key):
        shown = key.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        message = "the name is not UTF-8; rename the file and ingest again"
        return Finding(FindingCode.FILE_UNPORTABLE_NAME, Severity.ERROR, shown, message)
    suffix = Path(entry.name).suffix.lower()
    if suffix not in AUDIO_SUFFIXES or entry.name.startswith("._"):
        return OtherFile(key)
    try:
        if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
            return _unreadable(key, "is a link out of the folder, which is not followed")
        stat = entry.stat()
        if not entry.is_file() or (suffix == ".m3u8" and _is_plain_list(Path(entry.path))):
            return OtherFile(key)
    except OSError as error:
        return _unreadable(key, f"cannot be read ({error.strerror})")
    return AudioFile(Path(entry.path), key, stat.st_size, stat.st_mtime_ns)


def _is_plain_list(path: Path) -> bool:
    """Whether a playlist is a list of files, as players write it, and none of a stream (HLS)."""
    with path.open("rb") as stream:
        return b"#EXT-X-" not in stream.read(PLAYLIST_HEAD_BYTES).replace(b"\0", b"")


def _is_text(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable(where: str, what: str) -> Finding:
    message = f"{what}; put the file itself there and ingest again"
    return Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, where, message)
