"""The build before this one, as tables: live rows, registry, redirects."""

from pathlib import Path
from typing import Any

import ibis

from phonotheque.catalogue.inputs import table_of_numbers
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.reader import NUMBERED
from phonotheque.model import tables
from phonotheque.model.edition import BuildManifest, RecordingFlag, ShardFile
from phonotheque.model.numbers import Kind

TABLES = {kind: table for table, (_, kind) in NUMBERED.items()}
GONE = 0
"""`redirects.new` of a number that names nothing any more."""


class Previous:
    """What the last build left; all tables empty when there was none. Nothing is copied: every
    table is an expression over the files of that build."""

    def __init__(
        self, engine: TableEngine, manifest: BuildManifest | None, directory: Path | None
    ) -> None:
        self._engine = engine
        self.manifest = manifest
        self.shards: list[ShardFile] = list(manifest.shards) if manifest else []
        self.recording_files: list[ShardFile] = list(manifest.recording_files) if manifest else []
        self.directory = directory

    @property
    def exists(self) -> bool:
        """Whether there was a build before."""
        return self.directory is not None

    def files(self, table: str, layer: str | None = None) -> dict[int, ShardFile]:
        """The files of one layer of a table by shard."""
        return {s.shard: s for s in self.shards if s.table == table and layer in (None, s.layer)}

    def layer(self, table: str, layer: str, shards: set[int] | None = None) -> Any:
        """Base or overlay as it is on disk; of some shards, or of all."""
        paths = self._paths(table, layer, shards)
        return self._engine.read(paths, NUMBERED[table][0])

    def content(self, kind: Kind) -> Any:
        """The live rows: the overlay over the base, less what redirects hide."""
        table = TABLES[kind]
        base, over = self.layer(table, "base"), self.layer(table, "overlay")
        hidden = self.redirects(kind).select(number="old")
        if self._paths(table, "overlay"):
            base = base.anti_join(over, "number").union(over, distinct=False)
        live = base.anti_join(hidden, "number") if self._paths("redirects") else base
        return live.view()

    def redirects(self, kind: Kind) -> Any:
        """Columns `old` and `new` of one kind."""
        every = self._engine.read(self._paths("redirects"), tables.REDIRECTS)
        return every.filter(every.kind == kind.value).select("old", "new")

    def retired(self, kind: Kind) -> Any:
        """Keys that hold a number but stand in no table: `key`, `number`."""
        return self._engine.read(self._paths(f"registry-{TABLES[kind]}"), tables.REGISTRY)

    def withdrawn(self, still: list[int]) -> Any:
        """Column `number`: recordings that were flagged withdrawn, less those that were restored.

        Restored is what that build was told of and is not among `still`, with what it was merged
        into; whatever else those were flagged for, `still` says anew.
        """
        rows = self.content(Kind.RECORDING)
        flagged = rows.filter((rows.flags & int(RecordingFlag.WITHDRAWN)) != 0).select("number")
        lifted = sorted(set(self.manifest.withdrawn) - set(still)) if self.manifest else []
        if not lifted:
            return flagged
        told = table_of_numbers(self._engine, lifted)
        moved = self.redirects(Kind.RECORDING)
        moved = told.inner_join(moved, told.number == moved.old).select(number="new")
        every = self._engine.keep(ibis.union(told, moved, distinct=True))
        return self._engine.keep(flagged.anti_join(every, "number"))

    def highest(self, kind: Kind) -> int:
        """The largest number ever given to this kind."""
        every = ibis.union(
            self.layer(TABLES[kind], "base").select("number"),
            self.layer(TABLES[kind], "overlay").select("number"),
            self.redirects(kind).select(number="old"),
            distinct=False,
        )
        ((highest,),) = self._engine.rows(every.agg(highest=every.number.max()))
        return int(highest or 0)

    def _paths(
        self, table: str, layer: str | None = None, shards: set[int] | None = None
    ) -> list[Path]:
        if self.directory is None:
            return []
        return [
            self.directory / s.path
            for s in self.shards
            if s.table == table
            and layer in (None, s.layer)
            and (shards is None or s.shard in shards)
        ]


def source_key(rows: Any) -> Any:
    """The registry's key of a row: ``source:<source>:<source_key>``."""
    return ibis.literal("source:") + rows.source + ":" + rows.source_key
