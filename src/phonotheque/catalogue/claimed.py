"""Claims that the operator recorded on recordings, by number (docs/formats/import.md).

They were made by hand, so there are few: they are held in memory, at most MOST_CLAIMS.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.catalogue.evidence import parse_signature
from phonotheque.catalogue.inputs import ImportFiles, table_of_numbers
from phonotheque.catalogue.ports import DecideSummary, TableEngine
from phonotheque.model import tables
from phonotheque.model.errors import InputError
from phonotheque.model.rights import evidence_of, standing_claims
from phonotheque.storage.tables import check_schema

MOST_CLAIMS = 1_000_000
_EVIDENCE = pa.list_(tables.EVIDENCE)
_OF_RECORDING = pa.schema([pa.field("recording", pa.int64()), pa.field("told", _EVIDENCE)])
_LOST = pa.schema([pa.field("where", pa.string()), pa.field("message", pa.string())])
_SUMMARIES = pa.schema(
    [
        pa.field("number", pa.int64()),
        pa.field("licence_c", pa.string()),
        pa.field("stream_c", pa.string()),
        pa.field("distribute_c", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Claims:
    """`standing`: items of `tables.EVIDENCE` by the number of the recording they were recorded
    for, less those taken back; `standing_rows` their rows of `tables.CLAIM_ROWS` without it.
    `named`: every number that each import names, by its label."""

    standing: dict[int, list[dict[str, Any]]]
    standing_rows: list[dict[str, Any]]
    named: dict[str, set[int]]

    def numbers_beside(self, known: Collection[str]) -> set[int]:
        """The numbers that imports with other labels than `known` name."""
        return {n for label, named in self.named.items() if label not in known for n in named}


def read_claims(imports: Sequence[ImportFiles]) -> Claims:
    """All claims of some imports.

    Raises:
        InputError: more than MOST_CLAIMS.
        FormatError: a file that this program does not read.
    """
    rows: list[dict[str, Any]] = []
    named: dict[str, set[int]] = {}
    for each in imports:
        for path in each.paths:
            check_schema(path, tables.CLAIM_ROWS)
            read = pq.read_table(path).to_pylist()
            rows += [row | {"label": each.label} for row in read]
            named.setdefault(each.label, set()).update(row["recording"] for row in read)
        if len(rows) > MOST_CLAIMS:
            raise InputError(
                f"more than {MOST_CLAIMS:,} claims: state rights with the rows instead"
            )
    standing: dict[int, list[dict[str, Any]]] = {}
    standing_rows = standing_claims(rows)
    for row in standing_rows:
        standing.setdefault(row["recording"], []).extend(row.pop("evidence"))
    return Claims(standing, standing_rows, named)


def living_numbers(engine: TableEngine, numbers: Collection[int], redirects: Any) -> dict[int, int]:
    """Which number each of `numbers` has now; 0: none. `redirects`: old, new."""
    if not numbers:
        return {}
    wanted = table_of_numbers(engine, sorted(numbers))
    moved = wanted.inner_join(redirects, wanted.number == redirects.old).select("old", "new")
    found = {int(old): int(new) for old, new in engine.rows(moved)}
    return {number: found.get(number, number) for number in numbers}


def living_claims(
    engine: TableEngine, claims: Claims, redirects: Any
) -> dict[int, list[dict[str, Any]]]:
    """The standing claims by the numbers that their recordings have now."""
    found: dict[int, list[dict[str, Any]]] = {}
    for old, new in living_numbers(engine, claims.standing, redirects).items():
        if new:
            found.setdefault(new, []).extend(claims.standing[old])
    return found


def lost_claims(engine: TableEngine, claims: Claims, recordings: Any, redirects: Any) -> Any:
    """Kept: `where` and `message` of the claims that stand for a recording that is gone."""
    now = living_numbers(engine, claims.standing, redirects)
    living = recordings.semi_join(table_of_numbers(engine, sorted(set(now.values()))), "number")
    there = {int(number) for (number,) in engine.rows(living.select("number"))} if now else set()
    lost = [row for row in claims.standing_rows if now[row["recording"]] not in there]
    rows = [{"where": row["label"], "message": _lost(row)} for row in lost]
    return engine.keep_batches(_LOST, [pa.RecordBatch.from_pylist(rows, schema=_LOST)])


def _lost(row: dict[str, Any]) -> str:
    return (
        f"{row['public_id']} ({row['artist_credit']} – {row['title']}) is no recording any more, "
        "so this claim counts for none; it will again if that comes back; else record it for "
        f"another, and take it back: rights claim --take-back {row['claim']}"
    )


def evidence_table(engine: TableEngine, claims: dict[int, list[dict[str, Any]]]) -> Any:
    """Kept: `recording`, `told` (a list of evidence), of `living_claims`."""
    rows = [{"recording": number, "told": claims[number]} for number in sorted(claims)]
    return engine.keep_batches(
        _OF_RECORDING, [pa.RecordBatch.from_pylist(rows, schema=_OF_RECORDING)]
    )


Reconsider = Callable[[Any, Callable[[], Any]], Any]
"""`with_claims` of some claims: recordings and their redirects give recordings."""


def with_claims(
    engine: TableEngine,
    every: Claims,
    decide: DecideSummary,
    recordings: Any,
    redirects: Callable[[], Any],
) -> Any:
    """Recordings (`number`, `signature`, `licence`, `stream`, `distribute`, …), those that have
    claims decided anew by their signature and the claims together."""
    claims = living_claims(engine, every, redirects()) if every.standing else {}
    if not claims:
        return recordings
    made = engine.keep(recordings)
    theirs = made.semi_join(table_of_numbers(engine, sorted(claims)), "number")

    def decided() -> Iterator[pa.RecordBatch]:
        for batch in engine.stream(theirs.select("number", "signature"), ["number"]):
            rows = []
            for row in batch.to_pylist():
                said = tuple(evidence_of(item) for item in claims[row["number"]])
                answer = decide((*parse_signature(row["signature"]), *said))
                rows.append((row["number"], *answer))
            columns = [list(column) for column in zip(*rows, strict=True)]
            yield pa.RecordBatch.from_arrays(
                [pa.array(c, f.type) for c, f in zip(columns, _SUMMARIES, strict=True)],
                schema=_SUMMARIES,
            )

    table = made.left_join(engine.keep_batches(_SUMMARIES, decided()), "number", rname="{name}_r")
    anew = table.stream_c.notnull()
    return table.mutate(
        licence=ibis.ifelse(anew, table.licence_c, table.licence),
        stream=ibis.coalesce(table.stream_c, table.stream),
        distribute=ibis.coalesce(table.distribute_c, table.distribute),
    ).select(made.columns)
