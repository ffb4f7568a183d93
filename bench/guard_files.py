"""Files of listening histories as rows of user, time, artist, track and release.

Forms, told from the content: ListenBrainz listens (JSON lines with `listened_at` and
`track_metadata`, or the Parquet of its dumps; in what a user exported the user is the folder),
Last.fm as in its set of 1,000 users (six columns separated by tabs) and as in LFM-1b (five columns
of numbers), and any CSV, TSV, JSON or Parquet whose columns are named as in `NAMES`. A folder is
all its files; those of a folder that are no histories are passed over. Rows that cannot be read, or
have no user, time, artist or track, are left out and counted.
"""

from pathlib import Path

import duckdb

NAMES = {
    "who": ("user_id", "user_name", "user", "userid", "uid", "username", "listener"),
    "at": ("listened_at", "timestamp", "ts", "time", "uts", "utc_time", "date", "played_at"),
    "artist": ("artist_name", "artist", "artistname", "artist_id", "artist_mbid", "artname"),
    "title": ("track_name", "recording_name", "track", "trackname", "title", "track_id",
              "recording_mbid", "recording_msid", "item_id", "song", "song_id"),
    "release": ("release_name", "release", "album", "albumname", "album_name", "album_id",
                "release_mbid"),
}  # fmt: skip
PACKED = (".gz", ".zst", ".bz2")
JSON = (".json", ".jsonl", ".listens", ".ndjson")
LAST_FM = ("who", "heard_at", "artist_id", "artist", "title_id", "title")
LFM_1B = ("who", "artist", "release", "title", "heard_at")
LOOK = 200
"""Lines by which the form of a file is told."""


class NoHistoryError(Exception):
    """A file in no form that is known."""


def listens(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, int]:
    """A query for (who, moment, artist, title, release) of all files of `path`, and how many rows
    they have; moments are seconds since 1970.

    Raises:
        SystemExit: there are no histories.
    """
    files = sorted(p for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file())
    queries, rows, reasons = [], 0, []
    for file in files:
        if file.name.startswith((".", "README")):
            continue
        try:
            query, count = _one(con, file, path)
        except (NoHistoryError, duckdb.Error) as error:
            reasons.append(f"{file}: {error}")
            continue
        queries.append(query)
        rows += count
    if not queries:
        raise SystemExit(
            "\n".join([f"{path}: no histories here; see bench/guard_files.py", *reasons])
        )
    for reason in reasons:
        print(f"passed over: {reason}")
    return " UNION ALL ".join(queries), rows


def _one(con: duckdb.DuckDBPyConnection, file: Path, root: Path) -> tuple[str, int]:
    """The query for one file, and how many rows it has."""
    quoted = _quoted(str(file))
    plain = [s for s in file.suffixes if s not in PACKED]
    kind = plain[-1].lower() if plain else ""
    if kind == ".parquet":
        source = f"read_parquet({quoted})"
        return _named(con, source), _count(con, source)
    lines = (
        f"read_csv({quoted}, columns = {{'line': 'VARCHAR'}}, delim = '\x1f', quote = '',"
        " escape = '', header = false, auto_detect = false, max_line_size = 16777216)"
    )
    rows = con.execute(f"SELECT count(*) FROM {lines} WHERE trim(line) <> ''").fetchall()[0][0]
    some = [row[0] for row in con.execute(f"FROM {lines} LIMIT {LOOK}").fetchall() if row[0]]
    if kind in JSON:
        return _json(con, quoted, some, file, root), rows
    first = some[0].lower() if some else ""
    headed = kind == ".csv" or bool(set(NAMES["who"]) & set(first.split("\t")))
    return _table(con, quoted, some, kind), rows - headed


def _json(
    con: duckdb.DuckDBPyConnection, quoted: str, some: list[str], file: Path, root: Path
) -> str:
    if not any('"track_metadata"' in line for line in some):
        return _named(con, f"read_json({quoted}, union_by_name = true, ignore_errors = true)")
    whose = file.relative_to(root).parts[0] if file != root else file.name
    return (
        f"SELECT coalesce(user_id, user_name, {_quoted(whose)}) AS who,"
        f" coalesce({_seconds('listened_at')}, {_seconds('timestamp')}) AS moment,"
        " track_metadata ->> 'artist_name' AS artist, track_metadata ->> 'track_name' AS title,"
        " track_metadata ->> 'release_name' AS release"
        f" FROM read_json({quoted}, format = 'newline_delimited', ignore_errors = true,"
        " columns = {user_id: 'VARCHAR', user_name: 'VARCHAR', listened_at: 'VARCHAR',"
        " timestamp: 'VARCHAR', track_metadata: 'JSON'})"
    )


def _table(con: duckdb.DuckDBPyConnection, quoted: str, some: list[str], kind: str) -> str:
    """CSV with a header, or columns separated by tabs, with one or without."""
    if kind == ".csv":
        return _named(
            con, f"read_csv({quoted}, all_varchar = true, header = true, ignore_errors = true)"
        )
    widths = [line.count("\t") + 1 for line in some]
    width = max(set(widths), key=widths.count, default=0)
    first = some[0].lower().split("\t") if some else []
    how = "delim = '\t', quote = '', escape = '', ignore_errors = true, auto_detect = false"
    if set(NAMES["who"]) & set(first):
        columns = ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in first)
        return _named(con, f"read_csv({quoted}, columns = {{{columns}}}, header = true, {how})")
    form = {len(LAST_FM): LAST_FM, len(LFM_1B): LFM_1B}.get(width)
    if form is None or "#" in first[0]:
        raise NoHistoryError(f"{width} columns without names that are known")
    columns = ", ".join(f"{name}: 'VARCHAR'" for name in form)
    release = "release" if "release" in form else "NULL::VARCHAR AS release"
    return (
        f"SELECT who, {_seconds('heard_at')} AS moment, artist, title, {release}"
        f" FROM read_csv({quoted}, columns = {{{columns}}}, header = false, {how})"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _count(con: duckdb.DuckDBPyConnection, source: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM {source}").fetchall()[0][0])


def _columns(con: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    return [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]


def _seconds(column: str) -> str:
    """A time in seconds since 1970, from seconds, milliseconds, microseconds or text."""
    number = f"try_cast({column}::VARCHAR AS DOUBLE)"
    text = f"epoch(try_cast({column}::VARCHAR AS TIMESTAMPTZ))"
    return (
        f"coalesce(CASE WHEN {number} > 1e14 THEN {number} / 1e6"
        f" WHEN {number} > 1e11 THEN {number} / 1000 ELSE {number} END, {text})"
    )


def _named(con: duckdb.DuckDBPyConnection, source: str) -> str:
    columns = {c.lower(): c for c in _columns(con, source)}
    found = {
        want: next((columns[n] for n in names if n in columns), None)
        for want, names in NAMES.items()
    }
    if not (found["who"] and found["at"] and found["title"]):
        raise NoHistoryError(f"no columns for user, time and track among {', '.join(columns)}")
    artist = f'"{found["artist"]}"::VARCHAR' if found["artist"] else f'"{found["title"]}"::VARCHAR'
    release = f'"{found["release"]}"::VARCHAR' if found["release"] else "NULL"
    who, title, at = (f'"{found[name]}"' for name in ("who", "title", "at"))
    return (
        f"SELECT {who}::VARCHAR AS who, {_seconds(at)} AS moment, {artist} AS artist,"
        f" {title}::VARCHAR AS title, {release} AS release FROM {source}"
    )
