"""EditionTables of an edition: those the mirror has, else the origin's, proved."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.mirror.origin import Origin, read_all
from phonotheque.model.edition import EditionFile, EditionManifest
from phonotheque.model.errors import FormatError, TrustError
from phonotheque.storage.layout import Tree


@dataclass(frozen=True)
class EditionTables:
    """Where an edition's tables come from: `tree`, else `origin`."""

    tree: Tree
    origin: Origin
    manifest: EditionManifest
    fetched: list[int] = field(default_factory=list)  # bytes of each table that was not here

    @cached_property
    def _entries(self) -> dict[str, EditionFile]:
        return {entry.path: entry for entry in self.manifest.contents}

    @property
    def is_here(self) -> bool:
        """Whether the mirror has the edition."""
        return (self._folder / "edition.json").is_file()

    def has(self, path: str) -> bool:
        """Whether the edition has such a file."""
        return path in self._entries

    def missing_bytes(self, paths: Iterable[str]) -> int:
        """How much of these would have to be fetched."""
        return sum(e.bytes for e in map(self.entry, paths) if not self.is_held(e.path))

    def is_held(self, path: str) -> bool:
        """Whether the mirror has this file of the edition."""
        here = self._folder / path
        return here.is_file() and here.stat().st_size == self.entry(path).bytes

    def entry(self, path: str) -> EditionFile:
        """What the manifest says of a file."""
        if path not in self._entries:
            raise TrustError(f"edition {self.manifest.name} vouches for no {path}")
        return self._entries[path]

    def read(self, path: str, columns: list[str], **options: Any) -> pa.Table:
        """Columns of a table, proved against the manifest where it is fetched; `options` are those
        of `pyarrow.parquet.ParquetFile`.

        Raises:
            TrustError: it is not the one that the manifest vouches for.
            FormatError: it cannot be read.
        """
        try:
            with pq.ParquetFile(self.source(path), **options) as table:
                return table.read(columns=columns, use_threads=False)
        except (OSError, pa.ArrowInvalid) as error:
            raise FormatError(f"{path}: not a readable table ({error}); sync again") from error

    def source(self, path: str) -> Path | pa.BufferReader:
        """The file here, or its fetched and proved bytes."""
        if self.is_held(path):
            return self._folder / path
        entry = self.entry(path)
        content = read_all(self.origin, f"editions/{self.manifest.name}/{path}", entry.bytes)
        if sha256(content).hexdigest() != entry.sha256:
            raise TrustError(f"{self.origin.address}: {path} is not what the edition vouches for")
        self.fetched.append(len(content))
        return pa.BufferReader(content)

    @property
    def _folder(self) -> Path:
        return self.tree.edition(self.manifest.name)
