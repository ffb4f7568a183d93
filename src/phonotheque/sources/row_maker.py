"""From blocks of raw columns to rows of an import: checked, normalised, with all that is computed.

Every reader's rows go through here (docs/formats/source-rows.md, docs/formats/import.md).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.matching import digests64, match_columns
from phonotheque.model.rights import Claim, Evidence, EvidenceKind
from phonotheque.model.tables import CREDITED, ROWS
from phonotheque.model.text import normalise
from phonotheque.sources.columns import Bools, Raw, each_once, mbids, numbers, text_of, texts
from phonotheque.sources.folder import evidence_value
from phonotheque.sources.isrc_columns import isrc_columns
from phonotheque.sources.records import Block
from phonotheque.sources.stated import Said, parse_claims
from phonotheque.sources.statements import Understand

REQUIRED = ("source_key", "title", "artist_credit")
TEXTS = (
    "release_title", "release_artist", "release_key", "release_group", "release_country", "label",
    "barcode", "position_text", "collection",
)  # fmt: skip
NUMBERS = {
    "release_year": (1000, 9999),
    "disc": (1, 2**15 - 1),
    "position": (1, 2**31 - 1),
    "duration_ms": (1, 2**31 - 1),
    "year": (1000, 9999),
}
MBIDS = ("recording_mbid", "release_mbid")
STATEMENTS = ("licence", "holder")
LISTS = ("artists", "genres", "isrcs", "claims")
COLUMNS = (*REQUIRED, *TEXTS, *NUMBERS, *MBIDS, *LISTS, *STATEMENTS)
"""Every raw column that is read; others are ignored."""
_SHOWN_CHARS = 40
_ARTISTS, _GENRES = pa.list_(CREDITED), pa.list_(pa.string())


class RowMaker:
    """Makes rows of one input. `source` is the name of the source, `where` of the input."""

    def __init__(self, source: str, where: str, understand: Understand, now: datetime) -> None:
        self.source = source
        self.where = where
        self.understand = understand
        self.now = now

    def make(self, block: Block) -> tuple[pa.RecordBatch, list[Finding]]:
        """The rows with the columns of `tables.ROWS` (`place` is 0 still) and what is wrong, by
        row; rows without key, title or artist are left out."""
        rows = _Rows(self, block)
        batch = rows.batch()
        return batch, sorted(rows.findings, key=lambda finding: finding.row or 0)


class _Rows:
    """One block on its way to a batch."""

    def __init__(self, maker: RowMaker, block: Block) -> None:
        self._maker = maker
        self.findings: list[Finding] = []
        self._texts = {n: texts(block.columns.get(n), len(block.rows)) for n in REQUIRED}
        self._numbers: Sequence[int] = block.rows
        self._raw: dict[str, Raw] = dict(block.columns)
        if any(column.null_count for column in self._texts.values()):
            self._leave_out()
        self._count = len(self._numbers)

    def _leave_out(self) -> None:
        """Refuse the rows that lack something required."""
        columns = [self._texts[name] for name in REQUIRED]
        keep = np.logical_and.reduce([np.asarray(column.is_valid()) for column in columns])
        for index in np.flatnonzero(~keep).tolist():
            key, title, _ = (column[index].as_py() for column in columns)
            self._refuse(self._numbers[index], key, title)
        mask = pa.array(keep)
        self._texts = {name: column.filter(mask) for name, column in self._texts.items()}
        self._numbers = [int(n) for n in np.asarray(self._numbers)[keep]]
        kept = np.flatnonzero(keep).tolist()
        self._raw = {
            name: raw.filter(mask) if isinstance(raw, pa.Array) else raw and [raw[i] for i in kept]
            for name, raw in self._raw.items()
        }

    def _refuse(self, row: int, key: str | None, title: str | None) -> None:
        if key is None:
            message = "no source_key; give each row an id that never changes"
            self._find(FindingCode.ROW_NO_KEY, Severity.ERROR, message, row)
            return
        message = f"no {'artist_credit' if title else 'title'}; fill it in at the source"
        self._find(FindingCode.ROW_NO_TITLE, Severity.ERROR, message, row)

    def _find(self, code: FindingCode, severity: Severity, message: str, row: int) -> None:
        self.findings.append(Finding(code, severity, self._maker.where, message, int(row)))

    def batch(self) -> pa.RecordBatch:
        """The batch with the columns of `tables.ROWS`."""
        columns: dict[str, pa.Array] = dict(self._texts)
        for name in TEXTS:
            columns[name] = texts(self._raw.get(name), self._count)
        for name, (low, high) in NUMBERS.items():
            columns[name], wrong = numbers(self._raw.get(name), self._count, low, high)
            self._doubt(name, wrong, f"is not between {low} and {high}")
        for name in MBIDS:
            columns[name], wrong = mbids(self._raw.get(name), self._count)
            self._doubt(name, wrong, "is no MusicBrainz id")
        columns["artists"] = self._lists("artists", _ARTISTS, _credited)
        columns["genres"] = self._lists("genres", _GENRES, _genres)
        isrcs, findings = isrc_columns(self._raw.get("isrcs"), self._numbers, self._maker.where)
        columns["isrcs"], columns["isrcs_raw"], columns["isrc_class"] = isrcs
        self.findings += findings
        columns["evidence"] = self._evidence()
        columns["file_sha256"] = pa.nulls(self._count, pa.string())
        columns["origin"] = pa.repeat(self._maker.where, self._count)
        columns["origin_row"] = pa.array(np.asarray(self._numbers, dtype=np.int64))
        columns |= computed_columns(self._maker.source, columns)
        arrays = [columns[field.name].cast(field.type) for field in ROWS]
        return pa.RecordBatch.from_arrays(arrays, schema=ROWS)

    def _doubt(self, name: str, wrong: Bools, what: str) -> None:
        """Say of the rows marked `wrong` that a value was left out."""
        raw = self._raw.get(name)
        for index in np.flatnonzero(wrong).tolist():
            value = raw[index] if raw is not None else None
            shown = text_of(value.as_py() if isinstance(value, pa.Scalar) else value)
            message = f"{name} {shown[:_SHOWN_CHARS]!r} {what}; left empty"
            row = self._numbers[index]
            self._find(FindingCode.ROW_BAD_NUMBER, Severity.WARNING, message, row)

    def _lists(self, name: str, kind: pa.DataType, parse: Callable[[Any], Any]) -> pa.Array:
        """A column of lists; what is no such list is left empty, and said."""
        raw = self._raw.get(name)
        if raw is None:
            return pa.nulls(self._count, kind)
        if isinstance(raw, pa.Array):
            if raw.null_count == self._count or raw.type == kind:
                return raw.cast(kind)
            raw = raw.to_pylist()
        if not any(raw):
            return pa.nulls(self._count, kind)
        out = [parse(value) for value in raw]
        wrong = np.array([o is None and bool(v) for o, v in zip(out, raw, strict=True)])
        self._doubt(name, wrong, "is not such a list")
        return pa.array(out, kind)

    def _evidence(self) -> pa.Array:
        """A catalogue's word on a licence is evidence, not a grant: kind `catalogue`."""
        kind = ROWS.field("evidence").type
        licence, holder = (texts(self._raw.get(name), self._count) for name in STATEMENTS)
        facts = self._given("claims")
        if licence.null_count == holder.null_count == self._count and not facts:
            return pa.array([[]], kind).take(pa.array(np.zeros(self._count, dtype=np.int64)))
        coded = [column.dictionary_encode() for column in (licence, holder)]
        codes = [np.asarray(column.indices.fill_null(-1)).astype(np.int64) for column in coded]
        width = len(coded[1].dictionary) + 1
        pairs, inverse = np.unique(codes[0] * width + codes[1] + 1, return_inverse=True)
        said = [[*column.dictionary.to_pylist(), None] for column in coded]
        values = [self._claims(said[0][p // width], said[1][p % width - 1]) for p in pairs.tolist()]
        if facts:
            values, inverse = self._with_facts(values, inverse.tolist())
        return pa.array(values, kind).take(pa.array(inverse))

    def _given(self, name: str) -> bool:
        """Whether any row has something in the raw column."""
        raw = self._raw.get(name)
        return raw.null_count < len(raw) if isinstance(raw, pa.Array) else any(raw or ())

    def _with_facts(
        self, values: list[list[dict[str, Any]]], rows: list[int]
    ) -> tuple[list[list[dict[str, Any]]], Any]:
        """The distinct evidence of rows, and which each row has, with its claims on facts."""
        given = self._raw["claims"]
        raw = given.to_pylist() if isinstance(given, pa.Array) else given or []
        claims = [parse_claims(value) for value in raw]
        wrong = np.array([c is None and bool(v) for c, v in zip(claims, raw, strict=True)])
        self._doubt("claims", wrong, "is not such a list")
        places: dict[tuple[int, tuple[Said, ...]], int] = {}
        inverse = [places.setdefault((row, claims[i] or ()), len(places))
                   for i, row in enumerate(rows)]  # fmt: skip
        out = [values[row] + [self._fact(said) for said in facts] for row, facts in places]
        return out, np.array(inverse, dtype=np.int64)

    def _fact(self, said: Said) -> dict[str, Any]:
        kind, where, now = EvidenceKind.CATALOGUE, self._maker.where, self._maker.now
        return evidence_value(
            Evidence(
                said.claim, said.value, said.raw, kind, where, now,
                witness=said.witness, confidence=said.confidence,
            )
        )  # fmt: skip

    def _claims(self, licence: str | None, holder: str | None) -> list[dict[str, Any]]:
        claims = []
        if licence:
            claims.append((Claim.LICENCE, self._maker.understand(licence), licence))
        if holder:
            claims.append((Claim.HOLDER, holder, holder))
        kind, where, now = EvidenceKind.CATALOGUE, self._maker.where, self._maker.now
        return [
            evidence_value(Evidence(claim, value, raw, kind, where, now))
            for claim, value, raw in claims
        ]


def folder_batch(source: str, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """Rows made by `folder_row`, completed by what is computed; columns of `tables.ROWS`."""
    said = [field for field in ROWS if field.name in rows[0]]
    columns = {f.name: pa.array([row[f.name] for row in rows], f.type) for f in said}
    columns |= computed_columns(source, columns)
    return pa.RecordBatch.from_arrays([columns[name] for name in ROWS.names], schema=ROWS)


def computed_columns(source: str, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """What is computed of rows: norms, match columns, `release_match`, `bucket`; `place` is 0."""
    titles, credits = columns["title"].to_pylist(), columns["artist_credit"].to_pylist()
    match = match_columns(titles, credits)
    out = {
        "artist_norm": pa.array(match.artist_norm, pa.string()),
        "release_norm": _norms(columns["release_title"]).fill_null(""),
        "title_match": pa.array(match.title_match),
        "text_match": pa.array(match.text_match, mask=~match.text_usable),
        "wording": pa.array(match.wording),
        "bucket": pa.array(match.bucket),
        "place": pa.array(np.zeros(len(titles), dtype=np.int64)),
    }
    out["release_match"] = _release_match(source, columns | out)
    return out


def _norms(strings: pa.StringArray) -> pa.StringArray:
    return each_once(strings, lambda values: [normalise(v) for v in values], pa.string())


def _release_match(source: str, columns: dict[str, pa.Array]) -> pa.Int64Array:
    """Digest of what identifies the release (docs/formats/import.md)."""
    artist = _norms(columns["release_artist"])
    artist = pc.if_else(pc.equal(artist, "").fill_null(True), columns["artist_norm"], artist)
    year = columns["release_year"].cast(pa.string()).fill_null("")
    title = columns["release_norm"]
    title = pc.if_else(pc.equal(title, ""), pa.scalar(None, pa.string()), title)
    named = pc.binary_join_element_wise("name:", artist, "|", title, "|", year, "")
    identity = pc.coalesce(
        pc.binary_join_element_wise("mbid:", columns["release_mbid"], ""),
        pc.binary_join_element_wise(f"source:{source}:", columns["release_key"], ""),
        named,
    )
    return each_once(identity, digests64, pa.int64())


def _credited(value: Any) -> list[dict[str, Any]] | None:
    """Artist credits as `CREDITED`, or None for what is none."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return None
    out = [
        {
            "key": text_of(item.get("key")) or None,
            "name": text_of(item.get("name")),
            "join": "" if item.get("join") is None else str(item["join"]),
        }
        for item in value
    ]
    return out if out and all(item["name"] for item in out) else None


def _genres(value: Any) -> list[str] | None:
    items = value if isinstance(value, list) else text_of(value).split(";")
    return [text for item in items if (text := text_of(item))] or None
