"""Which Debian package an audio file in an unpacked tree belongs to."""

from functools import lru_cache
from pathlib import Path

from phonotheque.sources.debian import CopyrightFile, parse_copyright
from phonotheque.sources.imports import MAX_EVIDENCE_BYTES

DOCS = "usr/share/doc"
FOLDERS_REMEMBERED = 256


class Packages:
    """Finds copyright files above audio files of the folder `root`; remembers the last few."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._in_tree = lru_cache(maxsize=FOLDERS_REMEMBERED)(self._read_tree)

    def find(self, key: str) -> tuple[CopyrightFile, str] | None:
        """(copyright file, path in the package) of the file `key`, or None.

        In a tree with several packages, that one whose name begins with the name of a folder the
        file is in; where that leaves more than one or none, None: nothing is guessed.
        """
        tree, found, below = self._tree_of(key)
        if not found:
            return None
        packages = self._in_tree(tree)
        if len(packages) > 1:
            folders = [f for f in below.split("/")[:-1] if f not in ("usr", "share", "games")]
            packages = tuple(
                p for p in packages if any(_named_after(p.package, f) for f in folders)
            )
        return (packages[0], below) if len(packages) == 1 else None

    def _tree_of(self, key: str) -> tuple[str, bool, str]:
        """The innermost tree (its key, "" for the root) with a ``usr`` that the file is below."""
        parts = key.split("/")
        for depth in range(len(parts) - 1, -1, -1):
            if parts[depth] == "usr" and depth < len(parts) - 1:
                return "/".join(parts[:depth]), True, "/".join(parts[depth:])
        return "", False, key

    def _read_tree(self, tree: str) -> tuple[CopyrightFile, ...]:
        docs = self._root / tree / DOCS
        found = []
        for path in sorted(docs.glob("*/copyright")) if docs.is_dir() else []:
            if path.is_file() and path.resolve().is_relative_to(self._root.resolve()):
                with path.open("rb") as stream:
                    content = stream.read(MAX_EVIDENCE_BYTES)
                name = path.relative_to(self._root).as_posix()
                found.append(parse_copyright(path.parent.name, name, content))
        return tuple(found)


def _named_after(package: str, folder: str) -> bool:
    return package == folder or package.startswith(folder + "-")
