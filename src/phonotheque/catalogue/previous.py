"""The build before this one, as tables: content, registry, redirects."""

from pathlib import Path
from typing import Any

import ibis

from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.reader import NUMBERED
from phonotheque.model import tables
from phonotheque.model.edition import BuildManifest, RecordingFlag, ShardFile
from phonotheque.model.numbers import Kind

TABLES = {kind: table for table, (_, kind) in NUMBERED.items()}


class Previous:
    """What the last build left; all tables empty when there was none."""

    def __init__(
        self, engine: TableEngine, manifest: BuildManifest | None, directory: Path | None
    ) -> None:
        self._engine = engine
        self.shards: list[ShardFile] = list(manifest.shards) if manifest else []
        self.recording_files: list[ShardFile] = list(manifest.recording_files) if manifest else []
        self.directory = directory
        self._contents: dict[Kind, Any] = {}
        self._registries: dict[Kind, Any] = {}

    @property
    def exists(self) -> bool:
        """Whether there was a build before."""
        return self.directory is not None

    def files(self, table: str, layer: str | None = None) -> dict[int, ShardFile]:
        """The files of one layer of a table by shard."""
        return {s.shard: s for s in self.shards if s.table == table and layer in (None, s.layer)}

    def base(self, table: str) -> Any:
        """Base shards as they are on disk."""
        return self._read(table, "base")

    def content(self, kind: Kind) -> Any:
        """The live rows: the overlay over the base, less what redirects hide. Kept."""
        if kind not in self._contents:
            self._contents[kind] = self._engine.keep(self._live(kind))
        return self._contents[kind]

    def _live(self, kind: Kind) -> Any:
        table = TABLES[kind]
        base, over = self._read(table, "base"), self._read(table, "overlay")
        hidden = self.redirects(kind).select(number="old")
        return (
            base.anti_join(over, "number").union(over, distinct=False).anti_join(hidden, "number")
        )

    def redirects(self, kind: Kind) -> Any:
        """Columns `old` and `new` of one kind."""
        every = self._engine.read(self._paths("redirects", None), tables.REDIRECTS)
        return every.filter(every.kind == kind.value).select("old", "new")

    def registry(self, kind: Kind) -> Any:
        """Every key ever given a number of this kind: `key`, `number`; keys are distinct. Kept."""
        if kind not in self._registries:
            self._registries[kind] = self._engine.keep(self._every_key(kind))
        return self._registries[kind]

    def _every_key(self, kind: Kind) -> Any:
        retired = self._engine.read(self._paths(f"registry-{TABLES[kind]}", None), tables.REGISTRY)
        parts = [retired, *keys_of_tables(kind, self.content)]
        return ibis.union(*parts, distinct=False).distinct()

    def withdrawn(self) -> Any:
        """Column `number`: recordings that were flagged withdrawn."""
        rows = self.content(Kind.RECORDING)
        return rows.filter((rows.flags & int(RecordingFlag.WITHDRAWN)) != 0).select("number")

    def highest(self, kind: Kind) -> int:
        """The largest number ever given to this kind."""
        tables_ = [
            self.base(TABLES[kind]).select("number"),
            self._read(TABLES[kind], "overlay").select("number"),
            self.redirects(kind).select(number="old"),
        ]
        every = ibis.union(*tables_, distinct=False)
        ((highest,),) = self._engine.rows(every.agg(highest=every.number.max()))
        return int(highest or 0)

    def _paths(self, table: str, layer: str | None) -> list[Path]:
        if self.directory is None:
            return []
        return [
            self.directory / s.path
            for s in self.shards
            if s.table == table and layer in (None, s.layer)
        ]

    def _read(self, table: str, layer: str) -> Any:
        return self._engine.read(self._paths(table, layer), NUMBERED[table][0])


def keys_of_tables(kind: Kind, content: Any) -> list[Any]:
    """The keys that the tables themselves give: the part of the registry that is not written."""
    if kind is Kind.TRACK:
        tracks = content(Kind.TRACK)
        return [tracks.select(key=_track_key(tracks), number="number")]
    own = content(kind).select("key", "number")
    if kind is not Kind.RECORDING:
        return [own]
    tracks = content(Kind.TRACK)
    return [own, tracks.select(key=_track_key(tracks), number="recording")]


def _track_key(tracks: Any) -> Any:
    return ibis.literal("source:") + tracks.source + ":" + tracks.source_key
