"""From blocks of raw columns to the smaller tables of imports: listens, artists, groups, redirects.

As `row_maker` does for rows: what cannot be used is left out with a finding.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.identifiers import parse_mbid
from phonotheque.model.tables import ARTIST_ROWS, GROUP_ROWS, MBID_REDIRECTS
from phonotheque.sources.columns import Bools, numbers, text_of, texts
from phonotheque.sources.listens import make_listens
from phonotheque.sources.records import Block
from phonotheque.sources.row_maker import RowMaker
from phonotheque.sources.statements import Understand

_YEARS = (1000, 9999)
_ENTITIES = ("recording", "release", "artist")


class Maker(Protocol):
    """Makes batches of one kind of import from the blocks of one input."""

    def make(self, block: Block) -> tuple[pa.RecordBatch, list[Finding]]:
        """What can be used of a block, and what is wrong with it, by row."""


def maker_of(kind: str, source: str, where: str, understand: Understand, now: datetime) -> Maker:
    """The maker of `kind` for the input `where` of `source`."""
    if kind == "rows":
        return RowMaker(source, where, understand, now)
    makers: dict[str, Callable[[str], Maker]] = {
        "listens": ListensMaker,
        "artists": ArtistMaker,
        "groups": GroupMaker,
        "redirects": RedirectMaker,
    }
    return makers[kind](where)


class ListensMaker:
    """`tables.LISTENS`; raw columns `key`, `listens`, `listeners`."""

    def __init__(self, where: str) -> None:
        self._where = where

    def make(self, block: Block) -> tuple[pa.RecordBatch, list[Finding]]:
        """As `Maker.make`."""
        return make_listens(block, self._where)


class _Entities:
    """What artists, groups and redirects have in common: required texts, refused without."""

    def __init__(self, where: str) -> None:
        self.where = where

    def refuse(
        self, block: Block, columns: dict[str, pa.StringArray], wrong: Bools | None = None
    ) -> tuple[Bools, list[Finding]]:
        """(which rows have all the columns and are not wrong, findings for the others)."""
        keep = np.logical_and.reduce([np.asarray(c.is_valid()) for c in columns.values()])
        if wrong is not None:
            keep &= ~wrong
        findings = []
        for index in np.flatnonzero(~keep).tolist():
            missing = [name for name, column in columns.items() if not column[index].is_valid]
            key = not missing or (missing[0] != "name" and missing[0] != "title")
            code = FindingCode.ROW_NO_KEY if key else FindingCode.ROW_NO_TITLE
            message = f"no {' and no '.join(missing)}" if missing else "the ids are no such ids"
            message += "; the row is left out"
            row = int(block.rows[index])
            findings.append(Finding(code, Severity.ERROR, self.where, message, row))
        return keep, findings

    def batch(
        self, schema: pa.Schema, block: Block, columns: dict[str, pa.Array], keep: Bools
    ) -> pa.RecordBatch:
        """The columns with where they come from, less the rows that are refused."""
        rows = len(block.rows)
        columns["origin"] = pa.repeat(self.where, rows)
        columns["origin_row"] = pa.array(np.asarray(block.rows, dtype=np.int64))
        mask = pa.array(keep)
        arrays = [columns[field.name].filter(mask).cast(field.type) for field in schema]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


class ArtistMaker(_Entities):
    """`tables.ARTIST_ROWS`; raw columns `source_key`, `name`, `sort_name`, `aliases`."""

    def make(self, block: Block) -> tuple[pa.RecordBatch, list[Finding]]:
        """As `Maker.make`."""
        rows = len(block.rows)
        said = {n: texts(block.columns.get(n), rows) for n in ("source_key", "name")}
        keep, findings = self.refuse(block, said)
        columns: dict[str, pa.Array] = dict(said)
        columns["sort_name"] = texts(block.columns.get("sort_name"), rows)
        columns["aliases"] = _text_lists(block.columns.get("aliases"), rows)
        return self.batch(ARTIST_ROWS, block, columns, keep), findings


class GroupMaker(_Entities):
    """`tables.GROUP_ROWS`; raw columns `source_key`, `title`, `artist_credit`, `year`."""

    def make(self, block: Block) -> tuple[pa.RecordBatch, list[Finding]]:
        """As `Maker.make`."""
        rows = len(block.rows)
        names = ("source_key", "title", "artist_credit")
        said = {name: texts(block.columns.get(name), rows) for name in names}
        keep, findings = self.refuse(block, said)
        columns: dict[str, pa.Array] = dict(said)
        columns["year"], wrong = numbers(block.columns.get("year"), rows, *_YEARS)
        for index in np.flatnonzero(wrong & keep).tolist():
            message = "year is not between 1000 and 9999; left empty"
            row = int(block.rows[index])
            findings.append(
                Finding(FindingCode.ROW_BAD_NUMBER, Severity.WARNING, self.where, message, row)
            )
        findings.sort(key=lambda finding: finding.row or 0)
        return self.batch(GROUP_ROWS, block, columns, keep), findings


class RedirectMaker(_Entities):
    """`tables.MBID_REDIRECTS`; raw columns `entity`, `old`, `new`."""

    def make(self, block: Block) -> tuple[pa.RecordBatch, list[Finding]]:
        """As `Maker.make`."""
        rows = len(block.rows)
        columns = {name: texts(block.columns.get(name), rows) for name in ("entity", "old", "new")}
        parsed = {name: [parse_mbid(v or "") for v in columns[name].to_pylist()]
                  for name in ("old", "new")}  # fmt: skip
        pairs = zip(parsed["old"], parsed["new"], strict=True)
        wrong = np.array([old is None or new is None or old == new for old, new in pairs], np.bool_)
        wrong |= np.array([entity not in _ENTITIES for entity in columns["entity"].to_pylist()])
        keep, findings = self.refuse(block, columns, wrong)
        made: dict[str, pa.Array] = {n: pa.array(v, pa.string()) for n, v in parsed.items()}
        return self.batch(MBID_REDIRECTS, block, columns | made, keep), findings


def _text_lists(raw: Sequence[Any] | pa.Array | None, rows: int) -> pa.Array:
    """Lists of texts, each once and none empty; [] where nothing is said."""
    values = [None] * rows if raw is None else raw
    listed = values.to_pylist() if isinstance(values, pa.Array) else values
    cleaned = [list(dict.fromkeys(text for item in value or () if (text := text_of(item))))
               for value in listed]  # fmt: skip
    return pa.array(cleaned, pa.list_(pa.string()))
