"""Slices of a catalogue: the rows that were asked for, in every format, with their provenance."""

import csv
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.catalogue.export_formats import write_csv
from phonotheque.catalogue.exporting import (
    ExportFormat,
    ExportReport,
    ExportRequest,
    execute_export,
    plan_export,
)
from phonotheque.catalogue.published import Bounds, CatalogueFiles
from phonotheque.catalogue.slice_columns import CATALOGUED, COLUMNS, Of
from phonotheque.catalogue.slicing import Filters, open_slice
from phonotheque.model.errors import NoSpaceError, NotFoundError, UsageError
from phonotheque.model.numbers import Kind, format_public_id
from phonotheque.model.progress import Silent
from tests.catalogue.by_hand import KEY, ByHand, recording

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FIRST_ARTIST = format_public_id(1, KEY, Kind.ARTIST)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> CatalogueFiles:
    return ByHand(tmp_path_factory.mktemp("catalogue"), label="edition 2026-11").write()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out"


def export(
    catalogue: CatalogueFiles, request: ExportRequest, filters: Filters | None = None
) -> ExportReport:
    bounds = Bounds(request.target.with_name("spill"), memory="200MB", threads=1)
    with open_slice(catalogue, filters or Filters(), bounds) as rows:
        plan = plan_export(rows, request)
        report = execute_export(rows, request, plan, Silent(), now=NOW)
    assert plan.rows == report.rows
    return report


def rows_of(
    catalogue: CatalogueFiles, target: Path, of: Of, filters: Filters, *columns: str
) -> list[dict[str, Any]]:
    export(catalogue, ExportRequest(target, of, columns=columns), filters)
    found: list[dict[str, Any]] = pq.read_table(target).to_pylist()
    return found


def numbers(catalogue: CatalogueFiles, target: Path, of: Of, filters: Filters) -> list[int]:
    return [row["number"] for row in rows_of(catalogue, target, of, filters, "number")]


@pytest.mark.parametrize(
    ("filters", "recordings", "tracks", "releases", "artists"),
    [
        (Filters(), [1, 2, 4], [1, 2, 3, 5], [1, 3], [1, 2]),
        (Filters(artists=["zoe"]), [2, 4], [2, 3], [1, 3], [1, 2]),
        (Filters(artists=["zz top OF"]), [2, 4], [2, 3], [1, 3], [1, 2]),
        (Filters(artists=[FIRST_ARTIST]), [1, 4], [1, 3, 5], [1, 3], [1, 2]),
        (Filters(countries=["se"]), [1, 2], [1, 2], [1], [1, 2]),
        (Filters(countries=["DE", "FR"]), [4], [3], [3], [1, 2]),
        (Filters(years=(1990, 1999)), [1, 4], [1, 3, 5], [1, 3], [1, 2]),
        (Filters(years=(2000, 2010)), [2], [2], [], [2]),
        (Filters(licences=["cc-by-4.0"]), [1], [1, 5], [1], [1]),
        (Filters(licences=["none"], tiers=[1]), [2], [2], [1], [2]),
        (Filters(tiers=[1, 3]), [1, 2, 4], [1, 2, 3, 5], [1, 3], [1, 2]),
        (Filters(min_listens=10), [1, 2], [1, 2, 5], [1], [1, 2]),
        (Filters(isrc_only=True), [1], [1, 5], [1], [1]),
        (Filters(isrc_only=True, countries=["DE"]), [], [], [], []),
    ],
)  # fmt: skip
def test_a_filter_chooses_recordings_and_what_belongs_to_them(
    catalogue: CatalogueFiles, target: Path, filters: Filters,
    recordings: list[int], tracks: list[int], releases: list[int], artists: list[int],
) -> None:  # fmt: skip
    wanted = dict(zip(CATALOGUED, (recordings, tracks, releases, artists), strict=True))
    for of, expected in wanted.items():
        found = numbers(catalogue, target.with_name(of.value), of, filters)
        assert found == expected, of


def test_tracks_are_told_as_reported_with_what_is_joined(
    catalogue: CatalogueFiles, target: Path
) -> None:
    names = ["number", "title", "artist_credit", "duration_ms", "release_title", "listens", "isrcs"]
    rows = rows_of(catalogue, target, Of.TRACKS, Filters(), *names)
    assert [tuple(row.values()) for row in rows] == [
        (1, 'Älskling, "so"', "Artist 1", 180_000, "Best of", 10, ["USABC2000001"]),
        (2, "Sum (live)", "Zoë", None, "Best of", 90, []),
        (3, "Third\nline", "Artist 1 & Zoë", 180_000, "Other", 0, []),
        (5, 'Älskling, "so"', "Artist 1", 180_000, None, 10, ["USABC2000001"]),
    ]


@pytest.mark.parametrize("of", CATALOGUED)
def test_every_column_can_be_had_and_public_ids_are_those_of_the_edition(
    catalogue: CatalogueFiles, target: Path, of: Of
) -> None:
    names = [column.name for column in COLUMNS[of]]
    rows = rows_of(catalogue, target, of, Filters(), *names)
    assert list(rows[0]) == names
    kind = dict(zip(CATALOGUED, Kind, strict=True))[of]
    assert [r["public_id"] for r in rows] == [
        format_public_id(r["number"], KEY, kind) for r in rows
    ]


def test_a_row_in_the_overlay_is_the_one_exported(tmp_path: Path, target: Path) -> None:
    made = ByHand(tmp_path / "c", overlay=[recording(2, "Plus", 2)])
    rows = rows_of(made.write(), target, Of.RECORDINGS, Filters(), "title")
    assert [r["title"] for r in rows] == ['Älskling, "so"', "Plus", "Third\nline"]


def test_parquet_tells_where_it_is_from(catalogue: CatalogueFiles, target: Path) -> None:
    export(catalogue, ExportRequest(target, columns=["number"]), Filters(tiers=[1]))
    told = json.loads(pq.read_schema(target).metadata[b"phonotheque.export"])
    assert told == {
        "format": 1, "catalogue": "edition 2026-11", "of": "recordings", "columns": ["number"],
        "filters": {"tiers": [1]}, "exported_at": "2026-11-22T00:00:00Z",
    }  # fmt: skip


def test_csv_keeps_lines_and_commas_and_disarms_formulas(
    catalogue: CatalogueFiles, target: Path
) -> None:
    columns = ["number", "title", "isrcs", "artist_numbers", "licence"]
    report = export(catalogue, ExportRequest(target, format=ExportFormat.CSV, columns=columns))
    with target.open(newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream)) == [
            columns,
            ["1", 'Älskling, "so"', "USABC2000001", "1", "CC-BY-4.0"],
            ["2", "'=Sum", "", "2", ""],
            ["4", "Third\nline", "", "1;2", ""],
        ]
    assert report.sidecar is not None
    told = json.loads(Path(report.sidecar).read_text())
    assert (told["rows"], told["columns"]) == ({"recordings": 3}, columns)


@given(st.lists(st.one_of(st.none(), st.text(max_size=12)), min_size=1, max_size=12))
def test_no_text_of_a_csv_begins_a_formula_and_none_is_lost(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str | None]
) -> None:
    target = tmp_path_factory.getbasetemp() / "any.csv"
    schema = pa.schema([("n", pa.int64()), ("t", pa.string())])
    given_rows = {"n": list(range(len(texts))), "t": texts}
    write_csv(target, schema, [pa.RecordBatch.from_pydict(given_rows, schema)])
    with target.open(newline="", encoding="utf-8") as stream:
        found = [row[1] for row in list(csv.reader(_without_nul(stream)))[1:]]
    assert not any(text[:1] in set("=+-@\t\r＝＋－＠") for text in found if text)
    assert [_armed(text) for text in found] == [(t or "").replace("\0", "␀") for t in texts]


def _without_nul(lines: Iterator[str]) -> Iterator[str]:
    return (line.replace("\0", "␀") for line in lines)  # Python's reader refuses NUL


def _armed(text: str) -> str:
    bare = text.lstrip("'")
    return text[1:] if text != bare and bare[:1] in set("=+-@\t\r＝＋－＠") and bare else text


def test_json_lines_have_every_column_and_one_line_each(
    catalogue: CatalogueFiles, target: Path
) -> None:
    columns = ["number", "title", "artist_numbers", "licence", "listens"]
    export(catalogue, ExportRequest(target, format=ExportFormat.JSONL, columns=columns))
    lines = target.read_text(encoding="utf-8").splitlines()
    assert [list(json.loads(line).values()) for line in lines] == [
        [1, 'Älskling, "so"', [1], "CC-BY-4.0", 10],
        [2, "=Sum", [2], None, 90],
        [4, "Third\nline", [1, 2], None, 0],
    ]


def test_a_sqlite_file_is_ready_to_be_asked(catalogue: CatalogueFiles, target: Path) -> None:
    report = export(
        catalogue, ExportRequest(target, format=ExportFormat.SQLITE), Filters(min_listens=1)
    )
    assert report.rows == {"recordings": 2, "tracks": 3, "releases": 1, "artists": 2}
    with closing(sqlite3.connect(target)) as database:

        def ask(query: str) -> list[Any]:
            return database.execute(query).fetchall()

        assert ask("SELECT r.number, r.rank FROM search s JOIN recordings r ON r.number = s.rowid "
                   "WHERE search MATCH 'alskling'") == [(1, 2)]  # fmt: skip
        assert ask("SELECT recording FROM recording_isrcs WHERE isrc = 'USABC2000001'") == [(1,)]
        assert ask("SELECT title FROM tracks ORDER BY number") == [
            ('Älskling, "so"',), ("Sum (live)",), ('Älskling, "so"',),
        ]  # fmt: skip
        assert ask("SELECT aliases FROM artists WHERE number = 2") == [('["ZZ Top of"]',)]
        assert ask("SELECT value FROM meta WHERE key = 'filters'") == [('{"min_listens": 1}',)]
        assert ask("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("written_as", ExportFormat)
def test_what_is_there_is_replaced_only_by_force(
    catalogue: CatalogueFiles, target: Path, written_as: ExportFormat
) -> None:
    target.write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        export(catalogue, ExportRequest(target, format=written_as))
    assert target.read_text() == "mine"
    export(catalogue, ExportRequest(target, format=written_as, force=True))
    first = target.read_bytes()
    export(catalogue, ExportRequest(target, format=written_as, force=True))
    assert target.read_bytes() == first
    assert {p.name for p in target.parent.iterdir()} <= {"out", "out.export.json", "spill"}


def test_a_plan_counts_and_estimates_and_writes_nothing(
    catalogue: CatalogueFiles, target: Path
) -> None:
    with open_slice(catalogue, Filters(tiers=[3]), Bounds(target.with_name("s"))) as rows:
        plan = plan_export(rows, ExportRequest(target, format=ExportFormat.JSONL))
    assert (plan.rows, plan.replaces) == ({"recordings": 2}, False)
    assert plan.estimated_bytes > 0
    assert not target.exists()


def test_a_disk_without_room_is_refused_before_anything_is_written(
    catalogue: CatalogueFiles, target: Path
) -> None:
    request = ExportRequest(target)
    with open_slice(catalogue, Filters(), Bounds(target.with_name("s"))) as rows:
        plan = plan_export(rows, request)
        full = type(plan)(
            **{f: getattr(plan, f) for f in plan.__struct_fields__} | {"free_bytes": 1}
        )
        with pytest.raises(NoSpaceError, match="are free"):
            execute_export(rows, request, full, Silent(), now=NOW)
    assert not target.exists()


def test_what_cannot_be_meant_is_refused(catalogue: CatalogueFiles, target: Path) -> None:
    with pytest.raises(UsageError, match="no column 'rnak'"):
        export(catalogue, ExportRequest(target, columns=["rnak"]))
    with pytest.raises(UsageError, match="twice"):
        export(catalogue, ExportRequest(target, columns=["rank", "rank"]))
    with pytest.raises(UsageError, match="--columns"):
        export(catalogue, ExportRequest(target, format=ExportFormat.SQLITE, columns=["rank"]))
    with pytest.raises(NotFoundError, match="Nobody"):
        export(catalogue, ExportRequest(target), Filters(artists=["Nobody"]))
