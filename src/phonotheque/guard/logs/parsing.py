"""Lines to requests, a block at a time, in SQL. What cannot be read is a bad row with a reason."""

import csv
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from phonotheque.guard.logs.forms import Form, LogForm, TimeForm, group_of
from phonotheque.guard.logs.lines import LONGEST_BYTES, Block
from phonotheque.model.errors import InputError, UsageError

SHOWN_CHARACTERS: Final = 200
_BATCH: Final = 1 << 15  # rows a thread takes at a time
_NAMES: Final = (
    "time", "path", "query", "network", "account", "status", "bytes", "agent", "item", "artist",
    "release",
)  # fmt: skip
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_COMMON: Final = (
    r"(\S+) \S+ (.+?) \[([^\]]+)\] " + _QUOTED + r" (\d{3}) (\d+|-)"
    rf"(?: {_QUOTED} {_QUOTED})?(?:\s.*)?$"
)
_CLF_TIME: Final = "%d/%b/%Y:%H:%M:%S %z"


class Fault(StrEnum):
    """Why a row is bad."""

    FORM = "form"
    TOO_LONG = "too-long"
    TIME = "time"
    PATH = "path"
    NOBODY = "nobody"


FAULTS: Final = {
    Fault.FORM: "is no line of this form",
    Fault.TOO_LONG: f"is longer than {LONGEST_BYTES:,} bytes",
    Fault.TIME: "has a time that cannot be read",
    Fault.PATH: "has neither path nor item",
    Fault.NOBODY: "names neither account nor network",
}

TABLES: Final = """
CREATE TABLE requests (file INTEGER, line BIGINT, t DOUBLE, who VARCHAR, named BOOLEAN,
  address VARCHAR, item VARCHAR, artist VARCHAR, release VARCHAR, refused BOOLEAN, bytes BIGINT,
  agent VARCHAR);
CREATE TABLE bad (file INTEGER, line BIGINT, reason VARCHAR, text VARCHAR);
CREATE MACRO host_of(a) AS CASE
  WHEN a LIKE '[%' THEN regexp_extract(a, '^\\[([^\\]]*)', 1)
  WHEN a LIKE '::ffff:%.%' THEN a[8:]
  WHEN a LIKE '%.%:%' THEN split_part(a, ':', 1) ELSE a END;
CREATE MACRO v6_part(a, n) AS
  coalesce(nullif(ltrim(split_part(split_part(a, '::', 1), ':', n), '0'), ''), '0');
CREATE MACRO v6_net(a, n) AS array_to_string(
  list_transform(range(1, n + 1), lambda i: v6_part(a, i)), ':') || '::/' || (n * 16)::VARCHAR;
CREATE MACRO single_of(a) AS CASE WHEN contains(a, ':') THEN v6_net(a, 4) ELSE a END;
CREATE MACRO net_of(a) AS CASE WHEN contains(a, ':') THEN v6_net(a, 3)
  WHEN regexp_matches(a, '^\\d+\\.\\d+\\.\\d+\\.\\d+$')
  THEN regexp_extract(a, '^(\\d+\\.\\d+\\.\\d+)', 1) || '.0/24' ELSE a END;
"""


def make_reader(
    connection: duckdb.DuckDBPyConnection, form: LogForm
) -> Callable[[int, Block], None]:
    """What takes blocks of the file of that number into `requests` and `bad`.

    Raises:
        UsageError: a pattern is not one of RE2's.
    """
    for pattern in (*form.media, *([form.account] if form.account else [])):
        try:
            connection.execute("SELECT regexp_matches('', ?)", [pattern]).fetchall()
        except duckdb.Error as error:
            raise UsageError(f"{pattern!r} is no pattern that RE2 takes: {error}") from None
    insert = _insert(form)

    def read(file: int, block: Block) -> None:
        table, faults = _table(block, form)
        connection.register("block", table)
        connection.execute(insert.replace("$file", str(file)))
        connection.unregister("block")
        rows = [(file, line, fault.value, text[:SHOWN_CHARACTERS]) for line, fault, text in faults]
        if rows:
            connection.executemany("INSERT INTO bad VALUES (?, ?, ?, ?)", rows)

    return read


def header_of(form: LogForm, block: Block) -> LogForm:
    """`form` with the names of its columns, from the first line of `block` where they stand there.

    Raises:
        InputError: a column that the mapping names is not there.
    """
    if form.form is not Form.CSV:
        return form
    header = form.header
    if not header:
        first = block.data[: block.ends[0]].decode().strip("\r\n").removeprefix("\ufeff")
        header = tuple(
            name.strip().strip(form.quote or '"') for name in first.split(form.delimiter)
        )
    missing = [n for n in _NAMES if (c := getattr(form.fields, n)) and c not in header]
    needed = [n for n in missing if n not in ("query", "agent")]
    if needed:
        names = ", ".join(f"{getattr(form.fields, n)!r} ({n})" for n in needed)
        raise InputError(f"no column {names}; there are: {', '.join(header)}")
    return LogForm(
        form=form.form, media=form.media, account=form.account, fields=form.fields, time=form.time,
        delimiter=form.delimiter, quote=form.quote, header=header, comment=form.comment,
    )  # fmt: skip


# ---------------------------------------------------------------------------- blocks to columns


def _table(block: Block, form: LogForm) -> tuple[pa.Table, list[tuple[int, Fault, str]]]:
    """The block as the table that `_insert` reads, and the rows of which it is known already that
    they are bad: line, reason, text."""
    faults = [(line, Fault.TOO_LONG, "") for line in block.too_long]
    if form.form is not Form.CSV:
        numbers = pa.array(np.arange(block.first, block.first + len(block.ends)))
        whole = pa.table({"line": numbers, "text": block.lines()})
        return pa.Table.from_batches(whole.to_batches(max_chunksize=_BATCH)), faults
    names = [f"c{place}" for place in range(len(form.header))]
    wrong: list[tuple[int, str]] = []

    def skip(row: pa_csv.InvalidRow) -> str:
        wrong.append((row.number, row.text))
        return "skip"

    found = pa_csv.read_csv(
        pa.BufferReader(block.data),
        read_options=pa_csv.ReadOptions(
            use_threads=False, column_names=names, block_size=len(block.data) + 1
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=form.delimiter, quote_char=form.quote or False,
            invalid_row_handler=skip, ignore_empty_lines=False,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )  # fmt: skip
    if found.num_rows + len(wrong) != len(block.ends):
        return _by_line(block, form, names, faults)
    numbers = np.arange(block.first, block.first + len(block.ends))
    # rows are numbered from 1 in the block
    kept = np.delete(numbers, [number - 1 for number, _ in wrong])
    for number, text in wrong:
        line = block.first + number - 1
        if text.strip() and line not in block.too_long and not _commented(text, form):
            faults.append((line, Fault.FORM, text))
    return found.append_column("line", pa.array(kept)), faults


def _commented(text: str, form: LogForm) -> bool:
    return bool(form.comment) and text.startswith(form.comment)


def _by_line(
    block: Block, form: LogForm, names: list[str], faults: list[tuple[int, Fault, str]]
) -> tuple[pa.Table, list[tuple[int, Fault, str]]]:
    """The slow way, for blocks in which a quote is opened and not closed: each line by itself."""
    rows: list[list[str]] = []
    numbers = []
    for place, text in enumerate(block.lines().to_pylist()):
        line = block.first + place
        bare = text.rstrip("\r\n")
        if not bare or _commented(bare, form) or line in block.too_long:
            continue
        try:
            cells = next(
                csv.reader(
                    [bare], delimiter=form.delimiter, quotechar=form.quote or None,
                    quoting=csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE, strict=True,
                )
            )  # fmt: skip
        except csv.Error:
            cells = []
        if len(cells) != len(names):
            faults.append((line, Fault.FORM, bare))
        else:
            rows.append(cells)
            numbers.append(line)
    columns = {
        name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)
    }
    return pa.table({**columns, "line": pa.array(numbers, pa.int64())}), faults


# ------------------------------------------------------------------------------------------ SQL


def _insert(form: LogForm) -> str:
    """Two inserts out of the table `block`; `$file` stands for the number of the file."""
    apart = form.form in (Form.JSON, Form.CSV)  # else an empty path is a request that is no HTTP
    url = "path || CASE WHEN query <> '' THEN '?' || query ELSE '' END"
    return f"""
    CREATE OR REPLACE TEMP TABLE judged AS
    WITH fields AS MATERIALIZED ({_fields(form)}),
    located AS MATERIALIZED (
      SELECT * EXCLUDE (path, query), CASE WHEN path LIKE 'http%'
        THEN regexp_replace({url}, '^https?://[^/]*', '') ELSE {url} END AS url,
        lower(CASE WHEN contains(network, ',') THEN trim(split_part(network, ',', 1))
          ELSE network END) AS net FROM fields
    ), told AS (
      SELECT line, shown, {_time(form)} AS t, url,
        coalesce(nullif(nullif(account, '-'), ''), {_in_path(form.account)}) AS account,
        nullif(host_of(net), '') AS address,
        {_media(form, "item")} AS item, {_media(form, "artist")} AS artist,
        {_media(form, "release")} AS release,
        coalesce(try_cast(status AS INTEGER), 200) >= 400 AS refused,
        coalesce(try_cast(bytes AS BIGINT), 0) AS bytes, agent, well
      FROM located
    )
    SELECT line, shown, t, account, nullif(address, '-') AS address, url_decode(item) AS item,
      artist, release, refused, bytes, agent,
      CASE WHEN NOT well THEN '{Fault.FORM}' WHEN t IS NULL THEN '{Fault.TIME}'
           WHEN {"url = '' AND item IS NULL" if apart else "false"} THEN '{Fault.PATH}'
           WHEN account IS NULL AND nullif(address, '-') IS NULL THEN '{Fault.NOBODY}' END AS fault
    FROM told;
    INSERT INTO requests SELECT $file, line, t,
      CASE WHEN account IS NULL THEN single_of(address) ELSE url_decode(account) END,
      account IS NOT NULL, coalesce(address, ''), item, artist, release, refused, bytes, agent
    FROM judged WHERE fault IS NULL;
    INSERT INTO bad SELECT $file, line, fault, left(rtrim(shown, chr(10) || chr(13)),
      {SHOWN_CHARACTERS}) FROM judged WHERE fault IS NOT NULL;
    """


def _fields(form: LogForm) -> str:
    """The columns `_NAMES` as texts, `shown` for a bad row, `well` whether the form was met."""
    if form.form is Form.CSV:
        return _csv_fields(form)
    if form.form is Form.JSON:
        paths = [_json_path(getattr(form.fields, name)) for name in _NAMES]
        got = "json_extract_string(text, [" + ", ".join(map(_text, paths)) + "])"
        columns = ", ".join(f"coalesce(c[{i}], '') AS {n}" for i, n in enumerate(_NAMES, 1))
        return f"""
        WITH cut AS MATERIALIZED (
          SELECT line, text, CASE WHEN json_valid(text) AND ltrim(text) LIKE '{{%' THEN {got} END
            AS c FROM block WHERE {_used(form)})
        SELECT line, text AS shown, c IS NOT NULL AS well, {columns} FROM cut"""
    return _combined_fields(form)


def _combined_fields(form: LogForm) -> str:
    """Nearly all lines can be cut at their quotes and spaces, in a tenth of the time that the
    pattern takes; the pattern has the others (0.5 and 4 microseconds a line)."""
    more = form.form is Form.VHOST_COMBINED
    pattern = _text((r"^\S+ " if more else "^") + _COMMON)
    host, user, began, zone, parts = (2, 4, 5, 6, 7) if more else (1, 3, 4, 5, 6)
    groups = "['network', 'account', 'time', 'request', 'status', 'bytes', 'referer', 'agent']"
    quick = f"""{{'network': h[{host}], 'account': h[{user}],
      'time': (h[{began}] || ' ' || h[{zone}])[2:-2], 'request': p[2], 'status': s[2],
      'bytes': rtrim(s[3], chr(10) || chr(13)), 'referer': '', 'agent': coalesce(p[6], '')}}"""
    return f"""
    WITH parts AS MATERIALIZED (
      SELECT line, text, string_split(text, '"') AS p FROM block WHERE {_used(form)}
    ), pieces AS MATERIALIZED (
      SELECT line, text, p, string_split(p[1], ' ') AS h, string_split(p[3], ' ') AS s FROM parts
    ), cut AS MATERIALIZED (
      SELECT line, text, CASE
        WHEN NOT contains(text, '\\') AND (len(p) = 3 OR len(p) >= 7) AND len(h) = {parts}
          AND h[{began}] LIKE '[%' AND h[{zone}] LIKE '%]' AND len(s) >= 3 AND s[1] = ''
          AND length(s[2]) = 3 AND try_cast(s[2] AS SMALLINT) IS NOT NULL
        THEN {quick} ELSE regexp_extract(text, {pattern}, {groups}, 's') END AS c
      FROM pieces)
    SELECT line, text AS shown, c.time <> '' AS well, c.time AS time,
      split_part(c.request, ' ', 2) AS path, '' AS query, c.network AS network,
      c.account AS account, c.status AS status, c.bytes AS bytes, c.agent AS agent,
      '' AS item, '' AS artist, '' AS release
    FROM cut"""


def _used(form: LogForm) -> str:
    """Which lines are looked at: no blank ones, no comments."""
    comment = f" AND NOT starts_with(text, {_text(form.comment)})" if form.comment else ""
    return f"text NOT IN ('', chr(10), chr(13) || chr(10)){comment}"


def _csv_fields(form: LogForm) -> str:
    columns = []
    for name in _NAMES:
        field = getattr(form.fields, name)
        known = field in form.header
        columns.append(f"{f'c{form.header.index(field)}' if known else _text('')} AS {name}")
    all_of = f" || {_text(form.delimiter)} || ".join(f"c{i}" for i in range(len(form.header)))
    wanted = [f"trim({all_of}, {_text(form.delimiter + ' ')}) <> ''"]
    if form.comment:
        wanted.append(f"NOT starts_with(c0, {_text(form.comment)})")
    return f"""
    SELECT line, {all_of} AS shown, true AS well, {", ".join(columns)}
    FROM block WHERE {" AND ".join(wanted)}"""


def _time(form: LogForm) -> str:
    if form.form in (Form.COMBINED, Form.VHOST_COMBINED):
        return f"epoch(try_strptime(time, '{_CLF_TIME}'))"
    scale = {TimeForm.SECONDS: 1, TimeForm.MILLISECONDS: 10**3, TimeForm.MICROSECONDS: 10**6}
    for unit, over in scale.items():
        if form.time == unit:
            return f"try_cast(time AS DOUBLE) / {over}.0"
    if form.time == TimeForm.ISO:
        return "epoch(try_cast(time AS TIMESTAMPTZ))"
    return f"epoch(try_strptime(time, {_text(form.time)}))"


def _media(form: LogForm, name: str) -> str:
    """Where an item, artist or release stands: a field of its own first, then the patterns."""
    found = [f"nullif({name}, '')"] if getattr(form.fields, name) else []
    for pattern in form.media:
        group = group_of(pattern, name)
        if group is not None:
            found.append(f"nullif(regexp_extract(url, {_text(pattern)}, {group}), '')")
    return f"coalesce({', '.join([*found, 'NULL'])})"


def _in_path(pattern: str) -> str:
    return f"nullif(regexp_extract(url, {_text(pattern)}, 1), '')" if pattern else "NULL"


def _json_path(field: str) -> str:
    """``request.headers.User-Agent[0]`` as DuckDB's path; an empty one leads nowhere."""
    steps = []
    for part in field.split(".") if field else ["\x00"]:
        match = re.fullmatch(r"(.*?)((?:\[\d+\])*)", part)
        assert match is not None
        escaped = match[1].replace('"', "")
        steps.append(f'."{escaped}"{match[2]}')
    return "$" + "".join(steps)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
