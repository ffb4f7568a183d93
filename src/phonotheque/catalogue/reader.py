"""Reading a catalogue: base shards with the overlay laid over them, as DuckDB views.

The rule (docs/formats/catalogue.md): within one table, a row of an overlay shard takes the place
of the base row with the same number, and a number that stands in `redirects.old` for its kind is
not a row any more.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir

import duckdb
import pyarrow as pa

from phonotheque.model import tables
from phonotheque.model.edition import EditionManifest, ShardFile
from phonotheque.model.numbers import Kind
from phonotheque.storage.documents import read_document
from phonotheque.storage.part_tables import paths_here
from phonotheque.storage.volume_rows import read_superseded

_VOLUMES = "volumes.parquet"
_SPILL = str(Path(gettempdir()) / f"phonotheque-spill-{os.getuid()}")  # not where one stands
NUMBERED = {
    "recordings": (tables.RECORDINGS, Kind.RECORDING),
    "tracks": (tables.TRACKS, Kind.TRACK),
    "releases": (tables.RELEASES, Kind.RELEASE),
    "artists": (tables.ARTISTS, Kind.ARTIST),
}
_GROWN = "union_by_name = true"
"""Evidence in older files has fewer fields; the missing ones are null."""
_TYPES = {
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}


class CatalogueReader:
    """Views `recordings`, `tracks`, `releases`, `artists`, `redirects`, `merged_ids`, `standing`
    and, for an edition, `volumes`, `files` (with a column `volume`) and `tombstones`. Superseded
    volumes and their files stand in `all_volumes` and `all_files` only.

    One reader serves one thread; `cursor()` gives another thread its own connection.
    """

    def __init__(self, root: Path, shards: Sequence[ShardFile], *, threads: int = 2) -> None:
        self.root = root
        self._connection = duckdb.connect(
            ":memory:", config={"threads": threads, "temp_directory": _SPILL}
        )
        self._create_view("redirects", tables.REDIRECTS, _paths(shards, "redirects"))
        self._create_view("merged_ids", tables.MERGED_IDS, _paths(shards, "merged_ids"))
        for table, (schema, kind) in NUMBERED.items():
            self._create_layered_view(table, schema, kind, shards)
        self._create_view("standing", tables.STANDING, _paths(shards, "standing"))

    def add_view(self, name: str, schema: pa.Schema, paths: Sequence[str]) -> None:
        """Add a view `name` over the Parquet files `paths` (relative to the root)."""
        self._create_view(name, schema, paths)

    def add_files_view(
        self, volumes: Sequence[str], superseded: Sequence[str] = (), *, below: Path | None = None
    ) -> None:
        """Add the views `files` over ``files/<volume>.parquet`` of `volumes`, and `all_files` over
        those of both; of the edition in `below`, if not here."""
        self._create_empty("files_without_rows", tables.FILES)
        edition = below or self.root
        self._create_files_view("files", volumes, edition)
        self._create_files_view("all_files", [*volumes, *superseded], edition)

    def _create_files_view(self, name: str, volumes: Sequence[str], edition: Path) -> None:
        if not volumes:
            self._connection.execute(
                f"CREATE VIEW {name} AS SELECT ''::VARCHAR AS volume, * FROM files_without_rows"
            )
            return
        listed = ", ".join(_literal(edition / f"files/{v}.parquet") for v in volumes)
        self._connection.execute(
            f"CREATE VIEW {name} AS SELECT parse_filename(filename, true) AS volume, "
            f"* EXCLUDE (filename) FROM read_parquet([{listed}], filename=true, {_GROWN}) "
            # columns that older files lack
            "UNION ALL BY NAME SELECT derived_from, derived_by FROM files_without_rows"
        )

    def add_volumes_view(self) -> None:
        """Add the views `volumes` and, with superseded ones, `all_volumes`."""
        empty = "volumes_without_rows"
        self._create_empty(empty, tables.VOLUMES)
        self._connection.execute(
            f"CREATE VIEW all_volumes AS SELECT * FROM read_parquet({self._quoted(_VOLUMES)}) "
            f"UNION ALL BY NAME SELECT * FROM {empty}"  # columns that older files lack
        )
        self._connection.execute(
            "CREATE VIEW volumes AS SELECT * FROM all_volumes WHERE superseded_by IS NULL"
        )

    def add_training_view(self, paths: Sequence[str]) -> None:
        """Add the view `files` over ``ai-training/<volume>.parquet``: a row for each published
        file, with its volume and, as `number`, that of its recording."""
        self._create_view("training", tables.AI_TRAINING, paths)
        source, volume = "training", "''::VARCHAR"
        if paths:
            listed = ", ".join(self._quoted(path) for path in paths)
            source = f"read_parquet([{listed}], filename=true)"
            volume = "parse_filename(filename, true)"
        rest = "* EXCLUDE (recording, filename)" if paths else "* EXCLUDE (recording)"
        self._connection.execute(
            f"CREATE VIEW files AS SELECT {volume} AS volume, recording AS number, {rest} "
            f"FROM {source}"
        )

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same views."""
        return self._connection.cursor()

    def close(self) -> None:
        """Let go of files and memory."""
        self._connection.close()

    def _quoted(self, path: str) -> str:
        return _literal(self.root / path)

    def _create_view(self, name: str, schema: pa.Schema, paths: Sequence[str]) -> None:
        self._connection.execute(f"CREATE VIEW {name} AS {self._select(schema, paths, name)}")

    def _select(self, schema: pa.Schema, paths: Sequence[str], name: str) -> str:
        if not paths:
            empty = f"{name}_without_rows"
            self._create_empty(empty, schema)
            return f"SELECT * FROM {empty}"
        listed = ", ".join(self._quoted(path) for path in paths)
        grown = f", {_GROWN}" if "evidence" in schema.names else ""
        return f"SELECT * FROM read_parquet([{listed}]{grown})"

    def _create_empty(self, name: str, schema: pa.Schema) -> None:
        self._connection.execute(f"CREATE TABLE {name} ({_columns(schema)})")

    def _create_layered_view(
        self, table: str, schema: pa.Schema, kind: Kind, shards: Sequence[ShardFile]
    ) -> None:
        base = self._select(schema, _paths(shards, table, "base"), f"{table}_base")
        overlay = self._select(schema, _paths(shards, table, "overlay"), f"{table}_overlay")
        self._connection.execute(f"CREATE VIEW {table}_over AS {overlay}")
        self._connection.execute(
            f"CREATE VIEW {table} AS SELECT * FROM ("
            f"SELECT b.* FROM ({base}) b ANTI JOIN {table}_over o ON b.number = o.number "
            f"UNION ALL SELECT * FROM {table}_over) r "
            f"WHERE r.number NOT IN (SELECT old FROM redirects WHERE kind = '{kind.value}')"
        )


def open_edition(directory: Path, manifest: EditionManifest | None = None) -> CatalogueReader:
    """The catalogue of the edition in `directory` (with `volumes`, `files`, `tombstones`); in a
    mirror of part of an archive, `files` are those of the volumes whose tables it keeps.

    Raises:
        NotFoundError, FormatError: no edition there, or not one this program reads.
    """
    manifest = manifest or read_document(directory / "edition.json", EditionManifest)
    reader = CatalogueReader(directory, manifest.shards)
    reader.add_volumes_view()
    reader.add_view("tombstones", tables.TOMBSTONES, ["tombstones.parquet"])
    prefix, suffix = "files/", ".parquet"
    listed = [entry.path for entry in manifest.contents if entry.path.startswith(prefix)]
    named = [path[len(prefix) : -len(suffix)] for path in paths_here(directory, listed)]
    gone = read_superseded(directory)
    reader.add_files_view([v for v in named if v not in gone], [v for v in named if v in gone])
    return reader


def _columns(schema: pa.Schema) -> str:
    """The columns of a DuckDB table for rows of `schema`."""
    return ", ".join(f'"{field.name}" {duckdb_type(field.type)}' for field in schema)


def duckdb_type(kind: pa.DataType) -> str:
    """The DuckDB type of the values of an Arrow type. DuckDB itself tells it only after it has
    imported pandas, half a second.

    Raises:
        KeyError: no table of ours has such values.
    """
    if pa.types.is_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return f"STRUCT({_columns(pa.schema(kind))})"
    return _TYPES[kind]


def _paths(shards: Sequence[ShardFile], table: str, layer: str | None = None) -> list[str]:
    return [s.path for s in shards if s.table == table and layer in (None, s.layer)]


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
