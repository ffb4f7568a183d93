"""The SQL that comes before every figure: the tables of one edition as views of DuckDB.

It is text, to be shown and run as it is: in the edition's folder with any DuckDB, or here with the
folder written before each path.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from phonotheque.model import tables
from phonotheque.model.edition import EditionManifest, ShardFile
from phonotheque.model.numbers import Kind
from phonotheque.storage.volume_rows import read_superseded

_NUMBERED = {
    "recordings": (tables.RECORDINGS, Kind.RECORDING),
    "tracks": (tables.TRACKS, Kind.TRACK),
    "releases": (tables.RELEASES, Kind.RELEASE),
    "artists": (tables.ARTISTS, Kind.ARTIST),
}
_EDITIONS = {
    "name": "VARCHAR", "sequence": "INTEGER", "published_at": "VARCHAR",
    "counts": "STRUCT(recordings BIGINT, tracks BIGINT, files BIGINT, audio_bytes BIGINT, "
              "listens BIGINT, withdrawn BIGINT)",
}  # fmt: skip
MAX_MANIFEST_BYTES = 64 << 20

FIRST_DIGIT = """
-- its first digit, then noughts: 1, 2 … 9, 10, 20 … 90, 100, 200 …
CREATE MACRO first_digit(n) AS
    (n // (10 ** (length(n::VARCHAR) - 1))::BIGINT * (10 ** (length(n::VARCHAR) - 1))::BIGINT);
""".strip()

HELD = """
-- files that can be had: those of withdrawn recordings stand in files/ for ever
CREATE VIEW held AS
SELECT f.* REPLACE (coalesce(r.new, f.recording) AS recording)
FROM files f LEFT JOIN redirects r ON r.kind = 'r' AND r.old = f.recording
WHERE f.recording NOT IN (SELECT recording FROM tombstones)
    AND coalesce(r.new, f.recording) NOT IN (SELECT recording FROM tombstones);
""".strip()

RANKED = """
-- listens and audio by tier and rank: the one join of all recordings with all files
CREATE TABLE ranked AS
WITH held_of AS (
    SELECT recording, count(*) AS files, sum(bytes) AS bytes FROM held GROUP BY recording
)
SELECT
    s.tier::INTEGER AS tier,
    first_digit(s.rank) AS from_rank,
    count(*) AS recordings,
    sum(s.listens)::BIGINT AS listens,
    min(s.listens) AS least_listens,
    count(h.files) AS recordings_held,
    coalesce(sum(s.listens) FILTER (WHERE h.files > 0), 0)::BIGINT AS listens_held,
    coalesce(sum(h.files), 0)::BIGINT AS files,
    coalesce(sum(h.bytes), 0)::BIGINT AS bytes
FROM standing s LEFT JOIN held_of h ON h.recording = s.number
WHERE s.number NOT IN (SELECT old FROM redirects WHERE kind = 'r')
GROUP BY ALL;
""".strip()


def format_views(manifest: EditionManifest, edition_dir: Path, prefix: str = "") -> str:
    """The views `recordings`, `tracks`, `releases`, `artists`, `redirects`, `standing`, `volumes`,
    `files`, `tombstones`, `editions` (those that stand beside this one, up to it), `held`, the
    table `ranked` and the macro `first_digit`, as statements.

    `prefix` goes before each path: nothing for who stands in the edition's folder, which is
    `edition_dir`. What is read there is which volumes are superseded.
    """
    shards = manifest.shards
    said = [
        _view("redirects", tables.REDIRECTS, _paths(shards, "redirects"), prefix),
        *(_layered(table, shards, prefix) for table in _NUMBERED),
        _view("standing", tables.STANDING, _paths(shards, "standing"), prefix),
        _volumes(edition_dir, prefix),
        _files(manifest, edition_dir, sorted(read_superseded(edition_dir)), prefix),
        _view("tombstones", tables.TOMBSTONES, ["tombstones.parquet"], prefix),
        format_editions(manifest.sequence, prefix),
        FIRST_DIGIT,
        HELD,
        RANKED,
    ]
    return "\n\n".join(said) + "\n"


def _paths(shards: Sequence[ShardFile], table: str, layer: str | None = None) -> list[str]:
    return [s.path for s in shards if s.table == table and layer in (None, s.layer)]


def _view(name: str, schema: pa.Schema, paths: Sequence[str], prefix: str) -> str:
    return f"CREATE VIEW {name} AS\n{_select(schema, paths, prefix)};"


def _select(schema: pa.Schema, paths: Sequence[str], prefix: str) -> str:
    if not paths:
        columns = ", ".join(f"NULL::{_type(f.type)} AS {f.name}" for f in schema)
        return f"SELECT {columns} WHERE false"
    return f"SELECT * FROM read_parquet([{_listed(paths, prefix)}])"


def _layered(table: str, shards: Sequence[ShardFile], prefix: str) -> str:
    """Base and overlay as one view; numbers that were merged away are no rows."""
    schema, kind = _NUMBERED[table]
    base = _select(schema, _paths(shards, table, "base"), prefix)
    over = _paths(shards, table, "overlay")
    gone = f"number NOT IN (SELECT old FROM redirects WHERE kind = '{kind.value}')"
    if not over:
        merged = f"\nWHERE {gone}" if _paths(shards, "redirects") else ""
        return f"CREATE VIEW {table} AS\nSELECT * FROM ({base}){merged};"
    return (
        f"CREATE VIEW {table}_over AS\n{_select(schema, over, prefix)};\n\n"
        f"CREATE VIEW {table} AS\nSELECT * FROM (\n"
        f"    SELECT b.* FROM ({base}) b ANTI JOIN {table}_over o ON b.number = o.number\n"
        f"    UNION ALL SELECT * FROM {table}_over)\nWHERE {gone};"
    )


def _volumes(edition_dir: Path, prefix: str) -> str:
    path = _listed(["volumes.parquet"], prefix)
    gone = "\nWHERE superseded_by IS NULL" if read_superseded(edition_dir) else ""
    return f"CREATE VIEW volumes AS\nSELECT * FROM read_parquet({path}){gone};"


def volumes_lacking(manifest: EditionManifest, edition_dir: Path) -> list[str]:
    """Volumes whose table of files is not here: a mirror of a part keeps those of its own."""
    here = {path.stem for path in (edition_dir / "files").glob("*.parquet")}
    return [name for name in _files_named(manifest) if name not in here]


def _files_named(manifest: EditionManifest) -> list[str]:
    paths = [e.path for e in manifest.contents if e.path.startswith("files/")]
    return [path.removeprefix("files/").removesuffix(".parquet") for path in paths]


def _files(
    manifest: EditionManifest, edition_dir: Path, superseded: Sequence[str], prefix: str
) -> str:
    columns = [f for f in tables.FILES if f.name != "evidence"]
    if not (set(_files_named(manifest)) - set(volumes_lacking(manifest, edition_dir))):
        nothing = ", ".join(f"NULL::{_type(f.type)} AS {f.name}" for f in columns)
        return f"CREATE VIEW files AS\nSELECT {nothing} WHERE false;"
    path = _listed(["files/*.parquet"], prefix)
    gone = ""
    if superseded:  # what they held stands in later volumes
        named = ", ".join(f"'{name}'" for name in superseded)
        gone = f"\nWHERE parse_filename(filename, true) NOT IN ({named})"
    return (
        "CREATE VIEW files AS\nSELECT * EXCLUDE (evidence)\n"
        f"FROM read_parquet({path}, filename = true, union_by_name = true){gone};"
    )


def format_editions(sequence: int, prefix: str = "") -> str:
    """The view `editions`: those that stand beside the edition of this number, up to it."""
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in _EDITIONS.items())
    path = _listed(["../*/edition.json"], prefix)
    return (
        f"CREATE VIEW editions AS\nSELECT * FROM read_json({path},\n"
        f"    columns = {{{columns}}},\n"
        f"    format = 'unstructured', maximum_object_size = {MAX_MANIFEST_BYTES})\n"
        f"WHERE sequence <= {sequence};"
    )


def _listed(paths: Sequence[str], prefix: str) -> str:
    return ", ".join("'" + f"{prefix}{path}".replace("'", "''") + "'" for path in paths)


def _type(kind: pa.DataType) -> str:
    """The name that DuckDB has for a type of our tables."""
    if pa.types.is_list(kind):
        return f"{_type(kind.value_type)}[]"
    return _TYPES[str(kind)]


_TYPES = {
    "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "string": "VARCHAR", "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
}  # fmt: skip
