"""Which files an edition adds: allowed, not withdrawn, not published yet; in rank order.

Set-based in DuckDB, which spills to the scratch directory. Python looks once at each distinct set
of evidence (to decide) and once at each file (to ask the vault), in batches.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from phonotheque.archive.access import COPIED, COPIES, AccessRules, find_copies
from phonotheque.archive.barring import ALLOWED_RECORDING, REFUSED, find_barred
from phonotheque.archive.tagged import TAGGED, TAGS, UNTAGGED, TagRules, find_tagged
from phonotheque.archive.verdicts import VERDICTS, decide_evidence
from phonotheque.archive.withdrawals import Withdrawal
from phonotheque.edition import MAX_COMPONENT_BYTES, MAX_FOLDER_BYTES
from phonotheque.model import tables
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.findings import FindingCode, Severity
from phonotheque.model.numbers import IdKey, Kind, format_public_ids
from phonotheque.model.tables import WAITING
from phonotheque.storage.tables import write_table
from phonotheque.vault import VaultObject

_BATCH_ROWS = 20_000
_MEMORY = "4GB"
_FACTS = pa.schema(
    [
        pa.field("sha256", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("pieces_root", pa.string()),
        pa.field("puid", pa.string()),
        pa.field("media_type", pa.string()),
        pa.field("extension", pa.string()),
        pa.field("codec", pa.string()),
        pa.field("duration_ms", pa.int32()),
        pa.field("sample_rate_hz", pa.int32()),
        pa.field("channels", pa.int16()),
        pa.field("lossless", pa.bool_()),
        pa.field("held", pa.bool_()),
    ]
)
SELECTED = pa.schema(
    [
        pa.field("recording", pa.int64()),
        pa.field("tier", pa.int8()),
        pa.field("rank", pa.int64()),
        pa.field("disc", pa.int16()),
        pa.field("position", pa.int32()),
        pa.field("title", pa.string()),
        pa.field("artist_credit", pa.string()),
        pa.field("release_title", pa.string()),
        *[f for f in _FACTS if f.name not in ("lossless", "held")],
        *[f for f in VERDICTS if f.name not in ("signature", "allows", "code", "message")],
        pa.field("evidence", pa.list_(tables.EVIDENCE)),
        pa.field("derived_from", pa.string()),
        pa.field("derived_by", pa.string()),
        pa.field("name_bytes", pa.int16()),  # of its paths in a torrent, at most
        pa.field("listens", pa.int64()),
        pa.field("since", pa.string()),  # the edition since which it waits; null: new
        pa.field("sequence", pa.int32()),  # of that edition
    ]
)
_PACKED = ("tier", "bytes", "name_bytes", "listens", "sequence")
PACKED = pa.schema([SELECTED.field(name) for name in _PACKED])
"""What packing volumes asks for: a hundredth of the bytes, without evidence; of access copies that
are not made yet, an estimate."""
TO_COPY = pa.schema(
    [
        pa.field("master", pa.string()),
        *(SELECTED.field(name) for name in ("tier", "title", "artist_credit", "release_title")),
        pa.field("tags", TAGS),  # null: an access copy
    ]
)
"""Masters of which copies are to be made, in the order of tiers: access copies once for each tier,
tagged copies once for each set of tags."""
_SIGNATURE = (
    "sha256(to_json(list_transform(list_filter(evidence, "
    "lambda e: e.claim <> 'provenance' OR e.value <> 'web'), lambda e: "  # an address a file
    "{'c': e.claim, 'v': e.value, 'r': e.raw, 'k': e.kind, 's': e.source, 'w': e.witness, "
    "'p': e.confidence}))::VARCHAR)"
)
_NAME_BYTES = (  # at most: number, digest and extension of a file's name take 24
    f"(2 * (least({MAX_FOLDER_BYTES}, greatest(strlen(f.artist_credit), 13) + 1) + "
    f"least({MAX_COMPONENT_BYTES}, greatest(strlen(f.title), 8) + 24)))::SMALLINT"
)


@dataclass(frozen=True, slots=True)
class Selection:
    """What was selected: rows of `SELECTED` in `path`, in the order of tier and rank; refusals as
    `tables.FINDINGS` in `findings`, counted by code. `to_copy`: access copies that are missing.
    """

    path: Path
    findings: Path
    files: int
    refused: dict[str, int]
    to_copy: int = 0
    listens: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides: the settings' profile and territories, on a day, for an archive's ids."""

    settings: ArchiveSettings
    on: date
    last_tier: int

    @property
    def id_key(self) -> IdKey:
        return IdKey(bytes.fromhex(self.settings.id_key))


def select_files(
    cursor: duckdb.DuckDBPyConnection,
    find_object: Callable[[str], VaultObject | None],
    withdrawals: Sequence[Withdrawal],
    published: Sequence[Path],
    rules: Rules,
    *,
    scratch: Path,
    schema: pa.Schema = SELECTED,
    access: AccessRules | None = None,
    tags: TagRules | None = None,
    waiting: Path | None = None,
) -> Selection:
    """Select from the views of an open build and write ``selection.parquet`` to `scratch`.

    `schema` is `SELECTED`, or `PACKED` or `TO_COPY` for planning alone. `published` are the files
    tables of the edition before. `access` says which files go out as access copies; None: all as
    they are. `tags` says with which tags the rest goes out; None: as it is. `waiting` is the table
    of that name of the edition before, if it has one. The result depends on nothing but the
    arguments' contents.
    """
    _prepare(cursor, withdrawals, published, scratch)
    _read_waiting(cursor, waiting)
    _decide(cursor, rules)
    _ask_vault(cursor, find_object)
    _choose(cursor, rules.last_tier, access, tags)
    target = scratch / "findings.parquet"
    told = (_UNCOPIED if access else "") + (UNTAGGED if tags else "")
    told = told if schema is SELECTED else ""
    findings, refused = _write_findings(cursor, rules.id_key, target, told=told)
    path = scratch / "selection.parquet"
    sql = _TO_COPY if schema is TO_COPY else _selected_sql(schema)
    files = write_table(path, schema, _stream(cursor, sql))
    ((missing, listens),) = cursor.execute(
        "SELECT (SELECT count(*) FROM copies WHERE NOT made) + "
        "(SELECT count(*) FROM tagged WHERE fit AND NOT made), "
        "(SELECT coalesce(sum(listens), 0)::BIGINT FROM standing)"
    ).fetchall()
    return Selection(path, findings, files, refused, missing, listens)


def _prepare(
    cursor: duckdb.DuckDBPyConnection,
    withdrawals: Sequence[Withdrawal],
    published: Sequence[Path],
    scratch: Path,
) -> None:
    """The table `candidates`: recordings with audio that is neither out nor withdrawn."""
    cursor.execute(f"SET temp_directory = {_quoted(scratch / 'spill')}")
    cursor.execute(f"SET memory_limit = '{_MEMORY}'")
    cursor.execute("SET preserve_insertion_order = false")
    _read_published(cursor, published)
    find_barred(
        cursor,
        [w.recording for w in withdrawals],
        [digest for w in withdrawals for digest in w.files],
    )
    cursor.execute(
        f"CREATE TABLE unpublished AS SELECT recording, sha256, {_SIGNATURE} AS signature "
        "FROM recording_files WHERE recording NOT IN (SELECT recording FROM published) "
        "AND recording NOT IN (SELECT number FROM gone)"
    )
    cursor.execute("CREATE TABLE candidates AS FROM unpublished ANTI JOIN barred USING (sha256)")


def _read_published(cursor: duckdb.DuckDBPyConnection, published: Sequence[Path]) -> None:
    """The table `published`: what is out, under the numbers that recordings have now; of an access
    copy, the digest of its master."""
    if not published:
        cursor.execute("CREATE TABLE published (recording BIGINT, sha256 VARCHAR, volume VARCHAR)")
        return
    listed = ", ".join(_quoted(path) for path in published)
    cursor.execute(
        "CREATE TABLE published AS SELECT coalesce(nullif(r.new, 0), f.recording) AS recording, "
        "coalesce(f.derived_from, f.sha256) AS sha256, parse_filename(f.filename, true) AS volume "
        "FROM (SELECT recording, sha256, derived_from, filename FROM (SELECT * FROM "
        f"read_parquet([{listed}], filename=true, union_by_name=true) "
        "UNION ALL BY NAME SELECT NULL::VARCHAR AS derived_from WHERE false)) f "
        "LEFT JOIN redirects r ON r.kind = 'r' AND r.old = f.recording"
    )


def _read_waiting(cursor: duckdb.DuckDBPyConnection, waiting: Path | None) -> None:
    """The table `waited`: since when files wait, under the numbers that recordings have now."""
    schema = WAITING.empty_table()
    cursor.register("nothing_waits", schema)
    rows = f"read_parquet({_quoted(waiting)})" if waiting else "nothing_waits"
    cursor.execute(
        "CREATE TABLE waited AS SELECT coalesce(nullif(r.new, 0), w.recording) AS recording, "
        "min(w.sequence) AS sequence, arg_min(w.since, w.sequence) AS since "
        f"FROM {rows} w LEFT JOIN redirects r ON r.kind = 'r' AND r.old = w.recording GROUP BY 1"
    )
    cursor.unregister("nothing_waits")


def _decide(cursor: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """The table `verdicts`: one row for each distinct set of evidence."""
    cursor.execute(
        "CREATE TABLE evidences AS "
        "SELECT signature, arg_min(f.evidence, f.sha256) AS evidence "
        "FROM candidates c JOIN recording_files f USING (recording, sha256) GROUP BY signature"
    )
    batches = (
        decide_evidence(batch, rules.settings, rules.on)
        for batch in _stream(cursor, "SELECT signature, evidence FROM evidences")
    )
    _insert(cursor, "verdicts", VERDICTS, batches)


def _ask_vault(
    cursor: duckdb.DuckDBPyConnection, find_object: Callable[[str], VaultObject | None]
) -> None:
    """The table `facts`: what the vault knows of each allowed file."""
    wanted = _stream(
        cursor,
        "SELECT DISTINCT sha256 FROM candidates JOIN verdicts USING (signature) WHERE allows",
    )
    batches = (
        pa.RecordBatch.from_pylist(
            [_fact(digest, find_object(digest)) for digest in batch.column(0).to_pylist()],
            schema=_FACTS,
        )
        for batch in wanted
    )
    _insert(cursor, "facts", _FACTS, batches)


def _fact(digest: str, found: VaultObject | None) -> dict[str, Any]:
    if found is None:
        return {"sha256": digest, "held": False}
    return {name: getattr(found, name) for name in _FACTS.names if name != "held"} | {"held": True}


def _choose(
    cursor: duckdb.DuckDBPyConnection,
    last_tier: int,
    access: AccessRules | None,
    tags: TagRules | None,
) -> None:
    """`best`, the file of each recording that goes out; `copies`, those made for its tier, and
    `tagged`, those with tags of its own."""
    kind = (
        "VIEW" if access is None and tags is None else "TABLE"
    )  # a view is asked once, and then as fast
    cursor.execute(f"""
        CREATE {kind} best AS SELECT b.*, coalesce(s.tier, {last_tier}) AS tier,
            coalesce(s.rank, 1 << 62) AS rank, coalesce(s.listens, 0) AS listens
        FROM (
            SELECT recording, sha256, signature FROM candidates
            JOIN verdicts USING (signature) JOIN facts USING (sha256)
            WHERE allows AND held AND {ALLOWED_RECORDING}
            QUALIFY row_number() OVER (PARTITION BY recording ORDER BY lossless DESC, sha256) = 1
        ) b LEFT JOIN standing s ON s.number = b.recording""")
    if access is None:
        _insert(cursor, "copies", COPIES, iter(()))
    else:
        find_copies(cursor, access, _insert, _stream)
    if tags is None:
        _insert(cursor, "tagged", TAGGED, iter(()))
    else:
        find_tagged(cursor, tags, _insert, _stream)


def _selected_sql(schema: pa.Schema) -> str:
    """What is published of each file in `best`; a copy that is missing counts when planning."""
    columns = ", ".join(schema.names)
    copied = ", ".join(f"coalesce(c.{name}, t.{name}, fact.{name}) AS {name}" for name in COPIED)
    there, fit = ("c.made", "t.made") if schema is SELECTED else ("true", "t.fit")
    return f"""
        SELECT {columns} FROM (
            SELECT f.* EXCLUDE (sha256), coalesce(c.sha256, t.sha256, b.sha256) AS sha256,
                {copied},
                v.* EXCLUDE (signature), b.tier, b.rank, b.listens, w.since, w.sequence,
                {_NAME_BYTES} AS name_bytes,
                CASE WHEN c.made OR t.made THEN b.sha256 END AS derived_from,
                coalesce(c.derived_by, t.derived_by) AS derived_by
            FROM best b JOIN recording_files f USING (recording, sha256)
            JOIN facts fact USING (sha256) JOIN verdicts v USING (signature)
            LEFT JOIN copies c ON c.master = b.sha256 AND c.tier = b.tier AND {there}
            LEFT JOIN tagged t ON t.recording = b.recording AND {fit}
            LEFT JOIN waited w ON w.recording = b.recording)
        ORDER BY tier, rank, recording"""


_TO_COPY = """
    SELECT * EXCLUDE (rank, recording) FROM (
    SELECT c.master, c.tier, f.title, f.artist_credit, f.release_title, NULL AS tags, b.rank,
    b.recording FROM best b JOIN copies c ON c.master = b.sha256 AND c.tier = b.tier
    JOIN recording_files f ON f.recording = b.recording AND f.sha256 = b.sha256 WHERE NOT c.made
    QUALIFY row_number() OVER (PARTITION BY c.master, c.tier ORDER BY b.rank, b.recording) = 1
    UNION ALL
    SELECT t.master, t.tier, NULL, NULL, NULL, t.tags, b.rank, b.recording
    FROM tagged t JOIN best b USING (recording) WHERE t.fit AND NOT t.made)
    ORDER BY tier, rank, recording"""

_UNCOPIED = f"""
    UNION ALL SELECT recording, b.sha256, '{FindingCode.COPY_NOT_MADE.value}',
        'its tier gives out copies, and none could be made of this file; the original goes out'
    FROM best b JOIN copies c ON c.master = b.sha256 AND c.tier = b.tier WHERE NOT c.made"""


def _write_findings(
    cursor: duckdb.DuckDBPyConnection, key: IdKey, target: Path, *, told: str
) -> tuple[Path, dict[str, int]]:
    """Refusals; and, by the SQL `told`, which files go out as they are for want of a copy."""
    missing = FindingCode.COPY_MISSING.value
    refused: Counter[str] = Counter()
    rows = _stream(
        cursor,
        "SELECT DISTINCT recording, sha256, v.code, v.message FROM candidates c "
        f"JOIN verdicts v USING (signature) WHERE NOT allows UNION ALL {REFUSED} UNION ALL "
        f"SELECT DISTINCT recording, sha256, '{missing}', 'the vault does not hold this file; "
        "ingest it again' FROM candidates JOIN facts USING (sha256) WHERE NOT held "
        f"{told} ORDER BY recording, sha256, code",
    )

    def findings() -> Iterator[pa.RecordBatch]:
        for batch in rows:
            numbers, digests, codes, messages = (column.to_pylist() for column in batch.columns)
            refused.update(codes)
            ids = format_public_ids(numbers, key, Kind.RECORDING) if numbers else []
            yield pa.RecordBatch.from_pylist(
                [
                    {
                        "code": code,
                        "severity": _severity(code),
                        "where": public_id,
                        "row": None,
                        "message": f"{digest[:8]}: {message}",
                    }
                    for public_id, digest, code, message in zip(
                        ids, digests, codes, messages, strict=True
                    )
                ],
                schema=tables.FINDINGS,
            )

    write_table(target, tables.FINDINGS, findings())
    return target, dict(sorted(refused.items()))


def _severity(code: str) -> str:
    lost = code == FindingCode.COPY_MISSING.value
    return (Severity.ERROR if lost else Severity.WARNING).value


def _insert(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    schema: pa.Schema,
    batches: Iterator[pa.RecordBatch],
) -> None:
    """Make `table` of `batches`, one after the other.

    They are drawn in this thread: DuckDB would draw from a reader in one of its own, where the
    vault's SQLite connection may not be used.
    """
    cursor.register("incoming", schema.empty_table())
    cursor.execute(f"CREATE TABLE {table} AS SELECT * FROM incoming")
    for batch in batches:
        cursor.register("incoming", pa.Table.from_batches([batch], schema))
        cursor.execute(f"INSERT INTO {table} SELECT * FROM incoming")
    cursor.unregister("incoming")


def _stream(cursor: duckdb.DuckDBPyConnection, sql: str) -> Iterator[pa.RecordBatch]:
    yield from cursor.cursor().sql(sql).to_arrow_reader(_BATCH_ROWS)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
