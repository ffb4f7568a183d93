"""A store in S3-compatible object storage: ``PREFIX/objects/ab/cd/<sha256>`` in a bucket.

What is proved of a content on its way up: its SHA-256 is computed from the bytes that are handed to
the library; the library signs them and sends ``x-amz-checksum-sha256``, which a server that knows
it compares; and the ETag of the answer is compared with the MD5 of those bytes (of a content in
parts, with the MD5 of the MD5s). Where a server's ETag is something else, the content is read back
and hashed. On its way down every fetch is hashed.
"""

import io
from collections.abc import Iterator
from hashlib import md5
from hashlib import sha256 as new_sha256
from pathlib import Path
from typing import Any, BinaryIO

from phonotheque.model.errors import NotFoundError, TransferError, TrustError
from phonotheque.storage.durable import partial_file, write_chunks
from phonotheque.storage.s3_bucket import AlreadyThereError, Bucket, Place
from phonotheque.storage.stores import CHUNK_BYTES, is_name

PART_BYTES = 16 << 20
_MOST_PARTS = 9_000  # S3 allows 10,000


class S3Store:
    """The store in the bucket of `place`, below `prefix`. Memory: some 100 MiB for each content
    larger than `part_bytes` that goes up."""

    def __init__(self, place: Place, prefix: str = "", *, part_bytes: int = PART_BYTES) -> None:
        self._name = f"s3://{place.bucket}"
        self._objects = f"{prefix}/objects".lstrip("/")
        self._part_bytes = part_bytes
        self._bucket = Bucket(place)

    def _key(self, sha256: str) -> str:
        return f"{self._objects}/{sha256[:2]}/{sha256[2:4]}/{sha256}"

    def local_path(self, sha256: str) -> Path | None:
        """See `Store`: never one."""
        return None

    def where(self, sha256: str) -> str:
        """See `Store`."""
        return f"{self._name}/{self._key(sha256)}"

    def put(self, sha256: str, content: Path, *, move: bool = False) -> bool:
        """See `Store`. Small contents by one conditional request; larger ones in parts, after a
        look: a content appears whole or not at all, and two writers of one write the same bytes.
        """
        size = content.stat().st_size
        try:
            if size <= self._part_bytes:
                self._put_whole(sha256, content)
            elif self._bucket.size(self._key(sha256)) is None:
                self._put_parts(sha256, content, size)
            else:
                return False
        except AlreadyThereError:
            return False
        if move:
            content.unlink(missing_ok=True)
        return True

    def _put_whole(self, sha256: str, content: Path) -> None:
        held = content.read_bytes()
        _check(new_sha256(held).hexdigest(), sha256, content)
        self._prove(sha256, self._bucket.put_whole(self._key(sha256), held), _md5(held).hex())

    def _put_parts(self, sha256: str, content: Path, size: int) -> None:
        part = max(self._part_bytes, -(-size // _MOST_PARTS))
        sums: list[bytes] = []
        made = self._bucket.put_parts(
            self._key(sha256), lambda: _iter_parts(content, sha256, part, sums), part
        )
        self._prove(sha256, made, f"{_md5(b''.join(sums)).hex()}-{len(sums)}")

    def _prove(self, sha256: str, e_tag: str, expected: str) -> None:
        """The stored bytes are those that were sent: by the ETag, else by reading them again.

        Raises:
            TransferError: they are not; they have been removed.
        """
        if e_tag == expected:
            return
        hasher = new_sha256()
        for chunk in self.iter_chunks(sha256):
            hasher.update(chunk)
        if hasher.hexdigest() != sha256:
            self.remove(sha256)
            raise TransferError(f"{self.where(sha256)}: arrived changed; run this again")

    def open(self, sha256: str) -> BinaryIO:
        """See `Store`."""
        size = self.size(sha256)
        if size is None:
            raise NotFoundError(f"{self.where(sha256)}: there is no such object")
        return io.BufferedReader(_Remote(self, sha256, size), CHUNK_BYTES)

    def iter_chunks(
        self, sha256: str, start: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """See `Store`."""
        return self._bucket.iter_bytes(self._key(sha256), start, length)

    def size(self, sha256: str) -> int | None:
        """See `Store`."""
        return self._bucket.size(self._key(sha256))

    def remove(self, sha256: str) -> bool:
        """See `Store`."""
        if self.size(sha256) is None:
            return False
        self._bucket.delete(self._key(sha256))
        return True

    def set_aside(self, sha256: str, target: Path) -> bool:
        """See `Store`: downloaded, then deleted."""
        if self.size(sha256) is None:
            return False
        write_chunks(target, self.iter_chunks(sha256))
        return self.remove(sha256)

    def names(self, after: str = "") -> Iterator[tuple[str, int]]:
        """See `Store`. Memory: one page of 1,000."""
        for key, size in self._bucket.iter_keys(self._objects, self._key(after) if after else ""):
            name = key.rpartition("/")[2]
            if is_name(name) and key == self._key(name):
                yield name, size

    def strays(self) -> Iterator[str]:
        """See `Store`."""
        for key, _ in self._bucket.iter_keys(self._objects):
            name = key.rpartition("/")[2]
            if not is_name(name) or key != self._key(name):
                yield f"{self._name}/{key}"

    def fetch(self, sha256: str, target: Path) -> None:
        """See `Store`: downloaded, and hashed."""
        hasher = new_sha256()
        with partial_file(target) as temporary:
            with temporary.open("wb") as out:
                for chunk in self.iter_chunks(sha256):
                    hasher.update(chunk)
                    out.write(chunk)
            if hasher.hexdigest() != sha256:
                text = "its bytes have changed there, or on their way; repair the vault"
                raise TrustError(f"{self.where(sha256)}: {text}")
            temporary.chmod(0o444)


class _Remote(io.RawIOBase):
    """A content of a store as a seekable raw stream: one request for each place read from."""

    def __init__(self, store: S3Store, sha256: str, size: int) -> None:
        self._store = store
        self._sha256 = sha256
        self._size = size
        self._position = 0
        self._chunks: Iterator[bytes] = iter(())
        self._rest = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        if base + offset != self._position:
            self._chunks, self._rest = iter(()), b""
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            return 0
        if not self._rest:
            self._rest = next(self._chunks, b"")
        if not self._rest:
            self._chunks = self._store.iter_chunks(self._sha256, self._position)
            self._rest = next(self._chunks, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._position += count
        return count


def _iter_parts(content: Path, sha256: str, part: int, sums: list[bytes]) -> Iterator[bytes]:
    """The file in parts, their MD5s into `sums`.

    Raises:
        TrustError: behind the last one, when they are not `sha256`: the upload is given up.
    """
    sums.clear()
    hasher = new_sha256()
    with content.open("rb") as stream:
        while chunk := stream.read(part):
            hasher.update(chunk)
            sums.append(_md5(chunk))
            yield chunk
    _check(hasher.hexdigest(), sha256, content)


def _check(found: str, sha256: str, content: Path) -> None:
    if found != sha256:
        raise TrustError(f"{content}: is not {sha256}, it changed; run this again")


def _md5(content: bytes) -> bytes:
    return md5(content, usedforsecurity=False).digest()
