"""Files on their way below `incoming/`: opened without following links, and carried on with after
a kill without reading all of them again.

Beside a large partial file whose pieces root is known lies a journal of the hashes of its 16 KiB
blocks (docs/formats/mirror.md). A stretch is journalled after it is on the disk, so that neither a
kill nor a power cut leaves a journal that promises more than there is. Whoever ends in order notes
what the file is then; after a kill, blocks all over it are read and compared.
"""

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from phonotheque.storage.digests import BLOCK, READ_BYTES, Digests, FileHasher

JOURNAL_BYTES = 64 << 20  # a stretch; what is read again after a kill is not more
_MAGIC = b"leaves1\n"
_NOTE = (1 << 64) - 1  # in the place of a number of a block
_SPOTS = 64  # blocks that are read where there is no note


class Partial:
    """A file that is being fetched; a context manager. `position` bytes of it are held.

    `known`: its digests as signed for, where its pieces root is among them; with it, a kill costs
    reading one stretch again, without it all that had come.
    """

    def __init__(self, path: Path, size_bytes: int, known: Digests | None = None) -> None:
        self._path = path
        self._known = known
        self._journal = path.with_name(f".{path.name}.leaves.partial")
        self._handle = open_own(path)
        try:
            self._resume(size_bytes)
        except BaseException:
            os.close(self._handle)
            raise
        self.begun_at = self.position

    @property
    def position(self) -> int:
        """Bytes held."""
        return self._hasher.size_bytes

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        view = memoryview(chunk)
        while view:
            view = view[os.write(self._handle, view) :]
        self._hasher.update(chunk)
        if self._known is not None and self.position - self._journalled >= JOURNAL_BYTES:
            self._keep()

    def finish(self) -> Digests:
        """The digests of what is held; where the journal was used, `sha256` is that of `known` if
        the pieces root is, which proves the same bytes, and else empty."""
        found = self._hasher.finish()
        if not found.sha256 and self._known and found.pieces_root == self._known.pieces_root:
            return self._known if found.size_bytes == self._known.size_bytes else found
        return found

    def discard(self) -> None:
        """Throw away what is held."""
        self._leaves = 0
        self._path.unlink(missing_ok=True)
        self._journal.unlink(missing_ok=True)

    def seal(self, *, settle: bool = True) -> None:
        """It is whole and proved: read-only from now on, without a journal, and on the disk, if
        that is not left to who places it."""
        os.fchmod(self._handle, 0o444)
        if settle:
            os.fsync(self._handle)
        self._leaves = 0
        self._journal.unlink(missing_ok=True)

    def __enter__(self) -> "Partial":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._leaves and self._known is not None:
                self._append(_record(_appearance(self._handle), _NOTE))
        except OSError:
            pass  # without a note the next run reads a little more
        finally:
            os.close(self._handle)

    def _resume(self, size_bytes: int) -> None:
        held = os.fstat(self._handle).st_size
        if held > size_bytes:
            os.ftruncate(self._handle, 0)
            held = 0
        leaves = self._trusted(held) if self._known is not None and held else []
        self._hasher = FileHasher(leaves) if leaves else FileHasher()
        self._journalled = position = len(leaves) * BLOCK
        self._leaves = len(leaves)
        if not leaves:
            self._journal.unlink(missing_ok=True)
        os.lseek(self._handle, position, os.SEEK_SET)
        while chunk := os.read(self._handle, READ_BYTES):
            self._hasher.update(chunk)

    def _trusted(self, held: int) -> list[bytes]:
        """The leaves of the journal, where the file is what it was written of."""
        leaves, note, length = _read_journal(self._journal)
        leaves = leaves[: held // BLOCK]
        if note:
            if note != _appearance(self._handle):
                return []
            os.truncate(self._journal, length)  # a kill from now on leaves no note
        elif not all(self._is_block(n, leaves[n]) for n in _spread(len(leaves))):
            return []
        return leaves

    def _is_block(self, number: int, leaf: bytes) -> bool:
        return sha256(os.pread(self._handle, BLOCK, number * BLOCK)).digest() == leaf

    def _keep(self) -> None:
        """Journal what came since the last time, once it is on the disk."""
        leaves = self._hasher.leaves
        content = b"".join(leaves[self._leaves :])
        os.fdatasync(self._handle)
        try:
            self._append(_record(content, self._leaves))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._known = None  # the name is too long, or the like: no journal
            return
        self._leaves = len(leaves)
        self._journalled = self._leaves * BLOCK

    def _append(self, record: bytes) -> None:
        with os.fdopen(open_own(self._journal), "r+b") as journal:
            if journal.seek(0, os.SEEK_END) == 0:
                journal.write(_MAGIC)
            journal.write(record)


def _appearance(handle: int) -> bytes:
    """What tells an unchanged file: its inode, length and time of change."""
    found = os.fstat(handle)
    return b"".join(n.to_bytes(16) for n in (found.st_ino, found.st_size, found.st_mtime_ns))


def _spread(count: int) -> range:
    """Numbers below `count`, the last among them, in equal steps."""
    return range(count - 1, -1, -max(count // _SPOTS, 1))


def _record(content: bytes, first: int) -> bytes:
    head = first.to_bytes(8) + len(content).to_bytes(8)
    return head + sha256(head + content).digest() + content


def _read_journal(path: Path) -> tuple[list[bytes], bytes, int]:
    """The leaves that the journal at `path` vouches for, as far as it is whole; what is noted after
    them, or nothing; and how long it is without that."""
    leaves: list[bytes] = []
    length = 0
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return leaves, b"", length
    with os.fdopen(handle, "rb") as journal:
        if journal.read(len(_MAGIC)) != _MAGIC:
            return leaves, b"", length
        length = journal.tell()
        while len(head := journal.read(48)) == 48:
            first, size = int.from_bytes(head[:8]), int.from_bytes(head[8:16])
            content = journal.read(size) if size <= JOURNAL_BYTES else b""
            if _record(content, first)[:48] != head:
                break
            if first == _NOTE:
                return leaves, content, length
            if first != len(leaves):
                break
            leaves += [content[i : i + 32] for i in range(0, len(content), 32)]
            length = journal.tell()
    return leaves, b"", length


def open_own(path: Path) -> int:
    """Open the file at `path` to read and write, made when it is not there; the handle is ours.

    A link, a device, or a file that has another name elsewhere is no file of ours: it is taken away
    and a new one made, so that nothing is ever written through it.

    Raises:
        OSError: it cannot be.
    """
    if _is_foreign(path):
        path.unlink()
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o644)
    except PermissionError:  # a killed run had made it read-only already
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fchmod(handle, 0o644)
        finally:
            os.close(handle)
        return os.open(path, flags, 0o644)


def sweep_links(folder: Path) -> list[str]:
    """Take away what is no plain file with one name, and no folder, below `folder`; their paths.

    A link that somebody planted there would lead what is fetched out of the mirror.
    """
    taken: list[str] = []
    if folder.is_symlink():
        folder.unlink()
        return [str(folder)]
    for here, folders, names in os.walk(folder, followlinks=False):
        for name in (*folders, *names):
            path = Path(here) / name
            if _is_foreign(path):
                path.unlink()
                taken.append(str(path))
    return taken


def _is_foreign(path: Path) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(found.st_mode):
        return False
    return not stat.S_ISREG(found.st_mode) or found.st_nlink > 1
