"""Rows of metadata from table files (docs/formats/source-rows.md)."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from phonotheque.model.errors import InputError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.identifiers import parse_mbid
from phonotheque.model.rights import Claim, Evidence, EvidenceKind
from phonotheque.model.tables import ROWS
from phonotheque.model.text import normalise
from phonotheque.sources.folder import evidence_value
from phonotheque.sources.identifiers import sort_isrcs
from phonotheque.sources.records import Block, iter_records, read_columns
from phonotheque.sources.statements import Understand

REQUIRED = ("source_key", "title", "artist_credit")
TEXTS = ("release_title", "release_artist", "release_key", "label", "barcode", "collection")
NUMBERS = {
    "release_year": (1000, 9999),
    "disc": (1, 2**15 - 1),
    "position": (1, 2**31 - 1),
    "duration_ms": (1, 2**31 - 1),
    "year": (1000, 9999),
}
MBIDS = ("recording_mbid", "release_mbid")
STATEMENTS = ("licence", "holder")
COLUMNS = (*REQUIRED, *TEXTS, *NUMBERS, *MBIDS, "isrcs", *STATEMENTS)
"""Every column that is read; others are ignored."""
MAX_TEXT_CHARS = 4_000
_SHOWN = 20  # columns named in a message, and characters of each


def _header(columns: Sequence[str]) -> str:
    return ", ".join(repr(c[:_SHOWN]) for c in columns[:_SHOWN]) or "nothing"


def check_rows_file(path: Path) -> list[str]:
    """The columns of the file that will be ignored.

    Raises:
        InputError: the file cannot be read, or a required column is missing.
    """
    columns = read_columns(path)
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise InputError(
            f"{path}: has no column {', '.join(missing)}; its first line gives {_header(columns)}. "
            "Write UTF-8 with commas, and see docs/formats/source-rows.md for the columns"
        )
    return [name for name in columns if name not in COLUMNS]


def iter_rows(
    path: Path, understand: Understand, now: datetime
) -> Iterator[pa.RecordBatch | Finding]:
    """The rows of a file as batches with the columns of `tables.ROWS`, in file order, and what is
    wrong with it. Memory: one block of 65,536 rows."""
    for block in iter_records(path, COLUMNS):
        if isinstance(block, Finding):
            yield block
        else:
            findings: list[Finding] = []
            batch = _Rows(block, path.name, findings).batch(understand, now)
            yield from findings
            if batch.num_rows:
                yield batch


class _Rows:
    """One block on its way to a batch. Works column by column."""

    def __init__(self, block: Block, where: str, findings: list[Finding]) -> None:
        self._where = where
        self._findings = findings
        texts = {name: [_text(v) for v in block.columns[name]] for name in REQUIRED}
        keep = [self._complete(*values) for values in
                zip(block.rows, *(texts[n] for n in REQUIRED), strict=True)]  # fmt: skip
        self._rows = _kept(block.rows, keep)
        self._texts = {name: _kept(values, keep) for name, values in texts.items()}
        self._raw = {name: _kept(block.columns[name], keep) for name in COLUMNS}

    def _complete(self, row: int, key: str, title: str, artist: str) -> bool:
        if not key:
            message = "no source_key; give each row an id that never changes"
            self._find(FindingCode.ROW_NO_KEY, Severity.ERROR, message, row)
        elif not title or not artist:
            message = f"no {'title' if not title else 'artist_credit'}; fill it in at the source"
            self._find(FindingCode.ROW_NO_TITLE, Severity.ERROR, message, row)
        return bool(key and title and artist)

    def _find(self, code: FindingCode, severity: Severity, message: str, row: int) -> None:
        self._findings.append(Finding(code, severity, self._where, message, row))

    def batch(self, understand: Understand, now: datetime) -> pa.RecordBatch:
        """The batch with the columns of `tables.ROWS`."""
        columns: dict[str, Any] = dict(self._texts)
        for name in TEXTS:
            missing = self._is_missing(name)
            values = self._raw[name]
            columns[name] = [None] * len(values) if missing else [_text(v) or None for v in values]
        for name, (low, high) in NUMBERS.items():
            columns[name] = self._numbers(name, low, high)
        for name in MBIDS:
            columns[name] = self._mbids(name)
        columns["isrcs"], columns["isrcs_raw"] = self._isrcs()
        columns["title_norm"] = _each_once(normalise, columns["title"])
        columns["artist_norm"] = _each_once(normalise, columns["artist_credit"])
        releases = [title or "" for title in columns["release_title"]]
        columns["release_norm"] = _each_once(normalise, releases)
        columns["evidence"] = self._evidence(understand, now)
        columns["file_sha256"] = [None] * len(self._rows)
        columns["origin"] = [self._where] * len(self._rows)
        columns["origin_row"] = self._rows
        arrays = [pa.array(columns[field.name], field.type) for field in ROWS]
        return pa.RecordBatch.from_arrays(arrays, schema=ROWS)

    def _is_missing(self, name: str) -> bool:
        """Whether the column says nothing in this block, as when the file does not have it."""
        return not any(self._raw[name])

    def _numbers(self, name: str, low: int, high: int) -> list[int | None]:
        out: list[int | None] = []
        if self._is_missing(name):
            return [None] * len(self._rows)
        for row, value in zip(self._rows, self._raw[name], strict=True):
            number = _number(value)
            if number is not None and low <= number <= high:
                out.append(number)
                continue
            out.append(None)
            if _text(value):
                message = f"{name} {_shown(value)} is not between {low} and {high}; left empty"
                self._find(FindingCode.ROW_BAD_NUMBER, Severity.WARNING, message, row)
        return out

    def _mbids(self, name: str) -> list[str | None]:
        out: list[str | None] = []
        if self._is_missing(name):
            return [None] * len(self._rows)
        for row, value in zip(self._rows, self._raw[name], strict=True):
            text = _text(value)
            mbid = parse_mbid(text) if text else None
            out.append(mbid)
            if text and mbid is None:
                message = f"{name} {_shown(value)} is no MusicBrainz id; left empty"
                self._find(FindingCode.ROW_BAD_NUMBER, Severity.WARNING, message, row)
        return out

    def _isrcs(self) -> tuple[list[list[str]], list[list[str]]]:
        usable: list[list[str]] = []
        written: list[list[str]] = []
        for row, value in zip(self._rows, self._raw["isrcs"], strict=True):
            if not value:
                usable.append([])
                written.append([])
                continue
            fields = [_text(v) for v in value] if isinstance(value, list) else [_text(value)]
            codes, raw, findings = sort_isrcs(fields, self._where, row)
            usable.append(codes)
            written.append(raw)
            self._findings += findings
        return usable, written

    def _evidence(self, understand: Understand, now: datetime) -> list[list[dict[str, Any]]]:
        """A catalogue's word on a licence is evidence, not a grant: kind `catalogue`."""
        if all(self._is_missing(name) for name in STATEMENTS):
            return [[] for _ in self._rows]
        known: dict[str, str | None] = {}
        out = []
        for licence, holder in zip(*(self._raw[n] for n in STATEMENTS), strict=True):
            claims = []
            if text := _text(licence):
                if text not in known:
                    known[text] = understand(text)
                claims.append((Claim.LICENCE, known[text], text))
            if name := _text(holder):
                claims.append((Claim.HOLDER, name, name))
            out.append(
                [
                    evidence_value(
                        Evidence(claim, value, raw, EvidenceKind.CATALOGUE, self._where, now)
                    )
                    for claim, value, raw in claims
                ]
            )
        return out


def _kept(values: list[Any], keep: list[bool]) -> list[Any]:
    return [value for value, stays in zip(values, keep, strict=True) if stays]


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()[:MAX_TEXT_CHARS]


def _number(value: Any) -> int | None:
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    try:
        return int(value)
    except (ValueError, TypeError):
        return None


def _shown(value: Any) -> str:
    return repr(_text(value)[:40])


def _each_once(compute: Callable[[str], str], values: list[str]) -> list[str]:
    """`compute` of each value, computed once for equal ones."""
    known = {value: compute(value) for value in set(values)}
    return [known[value] for value in values]
