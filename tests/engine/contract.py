"""What every engine promises, as tests: a class to derive from, with a fixture `engine`.

Values are compared with what plain Python makes of the same rows, so no engine is the measure of
another. `ROWS` are small tables with all that engines are known to differ in.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

Row = dict[str, Any]

FACT = pa.struct([pa.field("claim", pa.string()), pa.field("weight", pa.int32())])
SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("n", pa.int64()),
        pa.field("small", pa.int16()),
        pa.field("flag", pa.bool_()),
        pa.field("at", pa.timestamp("us", tz="UTC")),
        pa.field("texts", pa.list_(pa.string())),
        pa.field("numbers", pa.list_(pa.int64())),
        pa.field("facts", pa.list_(FACT)),
    ]
)

_TEXTS = st.one_of(
    st.sampled_from(["", "a", "A", "b", "ä", "ａ", "a\u0308", "z", "\uffee", "𝄞", "\\", "'", "%_"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
_N = st.one_of(st.integers(-4, 4), st.integers(-(2**53), 2**53))
_LONG = st.one_of(st.integers(-4, 4), st.integers(-(2**63), 2**63 - 1))
_WHEN = st.timedeltas(timedelta(days=-140_000), timedelta(days=100_000)).map(
    lambda since: datetime(1970, 1, 1, tzinfo=UTC) + since
)
_FACTS = st.fixed_dictionaries(
    {
        "claim": st.none() | st.sampled_from(["x", "y", "é"]),
        "weight": st.none() | st.integers(-2, 2),
    }
)


def _listed(each: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(st.none() | each, max_size=4)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.none() | _TEXTS,
            "n": st.none() | _N,
            "small": st.none() | st.integers(-300, 300),
            "flag": st.none() | st.booleans(),
            "at": st.none() | _WHEN,
            "texts": _listed(_TEXTS),
            "numbers": _listed(_LONG),
            "facts": _listed(_FACTS),
        }
    ),
    max_size=25,
).map(lambda rows: [{"id": i, **row} for i, row in enumerate(rows)])


def table(engine: Any, rows: list[Row]) -> Any:
    """`rows` (columns of `SCHEMA`; what is not said is null) as a kept table."""
    whole = [dict.fromkeys(SCHEMA.names) | {"id": i} | row for i, row in enumerate(rows)]
    return engine.keep_batches(SCHEMA, pa.Table.from_pylist(whole, schema=SCHEMA).to_batches())


def texts(engine: Any, values: Iterable[str | None]) -> Any:
    """A kept table with these values of `text`."""
    return table(engine, [{"text": value} for value in values])


def listed(batches: Iterable[pa.RecordBatch], column: str = "text") -> list[Any]:
    """The values of one column of all batches."""
    return [value for batch in batches for value in batch.column(column).to_pylist()]


def by_id(engine: Any, expression: Any) -> dict[int, tuple[Any, ...]]:
    """The rows of an expression whose first column is `id`, without it."""
    return {row[0]: row[1:] for row in engine.rows(expression)}


# ------------------------------------------------------------------------- what values mean


def _last(value: Any) -> tuple[Any, ...]:
    """A sort key that puts null last, in structs too."""
    if isinstance(value, dict):
        return (False, tuple(_last(value[field.name]) for field in FACT))
    return (True,) if value is None else (False, value)


def _distinct(values: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for value in values:
        if value not in kept:
            kept.append(value)
    return sorted(kept, key=_last)


def _at(values: list[Any], index: int) -> Any:
    return values[index] if -len(values) <= index < len(values) else None


def _known(row: Row, *columns: str) -> list[Any]:
    return [row[column] for column in columns if row[column] is not None]


def _truncated(n: int, by: int) -> int:
    return (
        n - by * int(n / by) if abs(n) < 2**53 else n - by * (abs(n) // by) * (1 if n > 0 else -1)
    )


Meaning = tuple[str, Callable[[Any], Any], Callable[[Any], Any], tuple[str, ...]]
"""(name, the expression on a table, what Python makes of a row, columns that may not be null)."""

MEANINGS: list[Meaning] = [
    ("floor", lambda t: t.n // 7, lambda r: r["n"] // 7, ("n",)),
    ("floor_small", lambda t: t.small // 50, lambda r: r["small"] // 50, ("small",)),
    ("rest", lambda t: t.n % 7, lambda r: _truncated(r["n"], 7), ("n",)),
    ("low_bits", lambda t: t.n & 255, lambda r: r["n"] & 255, ("n",)),
    ("shifted", lambda t: t.n >> 3, lambda r: r["n"] >> 3, ("n",)),
    ("as_float", lambda t: t.n.cast("float64") * 100.0, lambda r: r["n"] * 100.0, ("n",)),
    ("as_text", lambda t: t.n.cast("string"), lambda r: str(r["n"]), ("n",)),
    ("least", lambda t: ibis.least(t.n, t.small),
     lambda r: min(_known(r, "n", "small"), default=None), ()),
    ("greatest", lambda t: ibis.greatest(t.n, 3), lambda r: max([*_known(r, "n"), 3]), ()),
    ("joined", lambda t: ibis.literal("\\a'\x1f\n") + t.text + "|",
     lambda r: "\\a'\x1f\n" + r["text"] + "|", ("text",)),
    ("from_third", lambda t: t.text.substr(2), lambda r: r["text"][2:], ("text",)),
    ("second", lambda t: t.text.substr(1, 1), lambda r: r["text"][1:2], ("text",)),
    ("replaced", lambda t: t.text.replace("a", "\\1"), lambda r: r["text"].replace("a", "\\1"),
     ("text",)),
    ("characters", lambda t: t.text.length(), lambda r: len(r["text"]), ("text",)),
    ("same", lambda t: t.n.identical_to(t.small), lambda r: r["n"] == r["small"], ()),
    ("known", lambda t: t.text.fill_null("none"),
     lambda r: "none" if r["text"] is None else r["text"], ()),
    ("no", lambda t: (~t.flag).fill_null(False), lambda r: r["flag"] is False, ()),
    ("one_of", lambda t: t.n.isin([1, 2, 3]), lambda r: r["n"] in (1, 2, 3), ("n",)),
    ("branch", lambda t: ibis.cases((t.n < 0, ibis.literal(1, "int8")), (t.n == 0, 2), else_=3),
     lambda r: 3 if r["n"] is None else 1 if r["n"] < 0 else 2 if r["n"] == 0 else 3, ()),
    ("moment", lambda t: t["at"], lambda r: r["at"], ()),
    ("nothing", lambda t: ibis.null("int64"), lambda r: None, ()),
    ("no_texts", lambda t: t.texts.fill_null(ibis.literal([], "array<string>")),
     lambda r: r["texts"] or [], ()),
    ("single", lambda t: ibis.array([t.text]).filter(lambda x: x.notnull()),
     lambda r: [] if r["text"] is None else [r["text"]], ()),
    ("size", lambda t: t.texts.length(), lambda r: len(r["texts"]), ("texts",)),
    ("first", lambda t: t.texts[0], lambda r: _at(r["texts"], 0), ("texts",)),
    ("last", lambda t: t.texts[-1], lambda r: _at(r["texts"], -1), ("texts",)),
    ("middle", lambda t: t.numbers[(t.numbers.length() - 1) // 2],
     lambda r: _at(r["numbers"], (len(r["numbers"]) - 1) // 2), ("numbers",)),
    ("sorted_texts", lambda t: t.texts.sort(), lambda r: sorted(r["texts"], key=_last), ("texts",)),
    ("sorted_numbers", lambda t: t.numbers.sort(), lambda r: sorted(r["numbers"], key=_last),
     ("numbers",)),
    ("sorted_facts", lambda t: t.facts.sort(), lambda r: sorted(r["facts"], key=_last), ("facts",)),
    ("distinct_texts", lambda t: t.texts.unique().sort(), lambda r: _distinct(r["texts"]),
     ("texts",)),
    ("distinct_facts", lambda t: t.facts.unique().sort(), lambda r: _distinct(r["facts"]),
     ("facts",)),
    ("known_texts", lambda t: t.texts.filter(lambda x: x.notnull()),
     lambda r: [x for x in r["texts"] if x is not None], ("texts",)),
    ("claims", lambda t: t.facts.map(lambda f: f["claim"].fill_null("-") + "!"),
     lambda r: [("-" if f is None else f["claim"] or "-") + "!" for f in r["facts"]], ("facts",)),
    ("one_text", lambda t: t.texts.filter(lambda x: x.notnull()).sort().join("\x1e"),
     lambda r: "\x1e".join(sorted(x for x in r["texts"] if x is not None)), ("texts",)),
]  # fmt: skip
"""What the catalogue's expressions are made of. A null in a column that may be null gives null."""


class Contract:
    """Derive from this with a fixture `engine`, and call each `check_` from a `@given` test."""

    # ----------------------------------------------------------------- properties

    def check_meanings(self, engine: Any, rows: list[Row]) -> None:
        """Each operation gives what Python gives, and null where it says nothing of null."""
        made = table(engine, rows)
        columns = {name: expression(made) for name, expression, _, _ in MEANINGS}
        found = by_id(engine, engine.keep(made.select("id", **columns)))
        for row in rows:
            for (name, _, meaning, needs), value in zip(MEANINGS, found[row["id"]], strict=True):
                null = any(row[column] is None for column in needs)
                assert value == (None if null else meaning(row)), (name, row)

    def check_order(self, engine: Any, rows: list[Row]) -> None:
        """Text by code point, numbers by value, nulls last whether rising or falling."""
        made = table(engine, rows)
        rising = listed(engine.stream(made, ["text", "-n", "id"]), "id")
        expected = sorted(rows, key=lambda r: (
            _last(r["text"]), (True, 0) if r["n"] is None else (False, -r["n"]), r["id"],
        ))  # fmt: skip
        assert rising == [row["id"] for row in expected]

    def check_order_of_arrays(self, engine: Any, rows: list[Row]) -> None:
        """Arrays item by item, a shorter one before what it begins. (No null items: there engines
        differ, so nothing may be ordered by arrays that have them.)"""
        made = table(engine, rows)
        known = made.select("id", items=made.texts.filter(lambda x: x.notnull()))
        items = {
            row["id"]: row["texts"] and [x for x in row["texts"] if x is not None] for row in rows
        }
        expected = sorted(items, key=lambda i: (_last(items[i]), i))
        assert listed(engine.stream(known, ["items", "id"]), "id") == expected

    def check_groups(self, engine: Any, rows: list[Row]) -> None:
        """Null is a group; an aggregate passes nulls by, and is null where nothing is left."""
        made = table(engine, rows)
        found = made.group_by("small").agg(
            rows=made.count(),
            texts=made.text.nunique(),
            least=made.text.min(),
            most=made.n.max(),
            total=made.n.sum(),
            doubt=made.flag.any(),
            all_n=made.n.collect().sort(),
            all_texts=made.texts.collect().flatten().unique().sort(),
            all_facts=made.facts.collect().flatten().unique().sort(),
        )
        groups: dict[int | None, list[Row]] = defaultdict(list)
        for row in rows:
            groups[row["small"]].append(row)
        expected = {small: _aggregated(group) for small, group in groups.items()}
        assert by_id(engine, found) == expected

    def check_places(self, engine: Any, rows: list[Row]) -> None:
        """A row's place in its group, by a total order with nulls last; the first row of each."""
        made = table(engine, rows)
        order = [ibis.desc("n", nulls_first=False), ibis.asc("text", nulls_first=False), "id"]
        place = ibis.row_number().over(ibis.window(group_by="small", order_by=order))
        found = by_id(engine, made.select("id", place=place))
        groups: dict[int | None, list[Row]] = defaultdict(list)
        for row in sorted(rows, key=lambda r: (
            (True, 0) if r["n"] is None else (False, -r["n"]), _last(r["text"]), r["id"],
        )):  # fmt: skip
            groups[row["small"]].append(row)
        for group in groups.values():
            assert [found[row["id"]] for row in group] == [(i,) for i in range(len(group))]

    def check_joins(self, engine: Any, rows: list[Row]) -> None:
        """Null meets nothing; rows without a match stay in a left join and in an anti join."""
        made = table(engine, rows)
        names = made.filter(made.id % 2 == 0).group_by("text").agg(first=made.id.min())
        names = engine.keep(names)
        known = {row["text"]: row["id"] for row in reversed(rows) if row["id"] % 2 == 0}
        known.pop(None, None)
        left = made.left_join(names, "text").select("id", "first")
        assert by_id(engine, left) == {r["id"]: (known.get(r["text"]),) for r in rows}
        anti = made.anti_join(names, "text").select("id")
        assert set(by_id(engine, anti)) == {r["id"] for r in rows if r["text"] not in known}
        semi = made.semi_join(names, "text").select("id")
        assert set(by_id(engine, semi)) == {r["id"] for r in rows if r["text"] in known}

    # -------------------------------------------------------------------- examples

    def test_no_collation_folds_case_accents_or_width(self, engine: Any) -> None:
        values = ["b", "B", "ä", "a", "Ａ", "z", "𝄞", "\uffee"]
        expected = ["B", "a", "b", "z", "ä", "Ａ", "\uffee", "𝄞"]
        assert listed(engine.stream(texts(engine, values), ["text"])) == expected

    def test_nulls_come_last_whether_rising_or_falling(self, engine: Any) -> None:
        made = texts(engine, ["a", None, "b"])
        assert listed(engine.stream(made, ["text"])) == ["a", "b", None]
        assert listed(engine.stream(made, ["-text"])) == ["b", "a", None]

    def test_numbers_count_on_over_the_batches_of_a_large_table(self, engine: Any) -> None:
        rows = 300_000
        schema = pa.schema([("text", pa.string()), ("n", pa.int64())])
        batch = pa.RecordBatch.from_pydict({"text": ["x"] * rows, "n": range(rows, 0, -1)}, schema)
        made = engine.number(engine.keep_batches(schema, [batch]), ["n"], first=7)
        ((off, last),) = engine.rows(
            made.agg(off=(made.number != made.n + 6).sum(), last=made.number.max())
        )
        assert off == 0
        assert last == rows + 6

    def test_an_empty_table_keeps_its_columns(self, engine: Any) -> None:
        empty = engine.read([], SCHEMA)
        assert engine.rows(empty) == []
        assert listed(engine.stream(empty, ["id"]), "id") == []
        numbered = engine.number(empty, ["text"])
        assert numbered.columns == (*SCHEMA.names, "number")
        assert engine.rows(engine.keep(numbered.union(numbered, distinct=False))) == []

    def test_batches_have_the_types_that_the_expression_says(self, engine: Any) -> None:
        made = table(engine, [{"n": 1, "small": 2, "texts": ["a"]}])
        narrow = ibis.literal(3, "int8")
        found = made.agg(total=made.n.sum(), small=made.small.max(), rows=made.count()).mutate(
            tier=narrow, none=ibis.null("string"), few=ibis.literal([], "array<int32>")
        )
        (batch,) = engine.stream(engine.keep(found), ["total"])
        types = {field.name: field.type for field in batch.schema}
        assert types.pop("few").value_type == pa.int32()
        assert types == {
            "total": pa.int64(), "small": pa.int16(), "rows": pa.int64(), "tier": pa.int8(),
            "none": pa.string(),
        }  # fmt: skip

    def test_columns_that_differ_in_nullability_can_be_united(self, engine: Any) -> None:
        made = table(engine, [{"text": "a"}])
        never_null = made.select("id", what=ibis.literal("x"))
        maybe = made.select("id", what="text")
        assert sorted(engine.rows(ibis.union(never_null, maybe, distinct=False))) == [
            (0, "a"), (0, "x"),
        ]  # fmt: skip
        assert len(engine.rows(ibis.union(maybe, maybe, distinct=True))) == 1

    def test_a_number_that_is_none_is_not_the_same_as_null(self, engine: Any) -> None:
        schema = pa.schema([("id", pa.int64()), ("x", pa.float64())])
        columns = {"id": [0, 1, 2], "x": [1.5, float("nan"), None]}
        made = engine.keep_batches(schema, [pa.RecordBatch.from_pydict(columns, schema=schema)])
        nulls = made.select("id", null=made.x.isnull(), known=made.x.notnull())
        assert by_id(engine, nulls) == {0: (False, True), 1: (False, True), 2: (True, False)}

    def test_an_array_unnests_to_its_items_and_an_empty_one_to_none(self, engine: Any) -> None:
        made = table(engine, [{"texts": ["b", "a", "b"]}, {"texts": []}, {"texts": None}])
        found = engine.rows(made.select("id", each=made.texts.unique().unnest()))
        assert sorted(found) == [(0, "a"), (0, "b")]

    def test_scattered_rows_are_all_there_each_in_its_part(self, engine: Any) -> None:
        made = table(engine, [{"n": n} for n in range(100)])
        wanted = made.select("id", "n", part=(made.n % 3).cast("int32"))
        parts = engine.scatter(
            [wanted.filter(wanted.n < 40), wanted.filter(wanted.n >= 40)], "part", 4
        )
        assert [sorted(n for _, n in engine.rows(part)) for part in parts] == [
            list(range(0, 100, 3)), list(range(1, 100, 3)), list(range(2, 100, 3)), [],
        ]  # fmt: skip
        assert all(part.columns == ("id", "n") for part in parts)
        (whole,) = engine.scatter([wanted], "part", 1)
        assert whole.columns == ("id", "n")
        engine.drop(*parts, whole)

    def test_what_is_dropped_leaves_the_disk_and_nothing_else_does(
        self, engine: Any, tmp_path: Path
    ) -> None:
        path = tmp_path / "rows.parquet"
        pq.write_table(pa.Table.from_pylist([{"id": 1}], pa.schema([("id", pa.int64())])), path)
        outside = engine.read([path], pa.schema([("id", pa.int64())]))
        kept = engine.keep(outside.mutate(more=outside.id + 1))
        engine.drop(outside)
        assert path.exists()
        assert engine.rows(kept) == [(1, 2)]
        engine.drop(kept)

    def test_structures_that_lack_the_fields_added_last_have_nulls_there(
        self, engine: Any, tmp_path: Path
    ) -> None:
        before = pa.list_(pa.struct([("claim", pa.string())]))
        old, new = tmp_path / "old.parquet", tmp_path / "new.parquet"
        pq.write_table(pa.table({"facts": pa.array([[{"claim": "x"}], []], before)}), old)
        values = pa.array([[{"claim": "y", "weight": 2}]], pa.list_(FACT))
        pq.write_table(pa.table({"facts": values}), new)
        wanted = pa.schema([("facts", pa.list_(FACT))])
        for paths in ([old, new], [new, old]):
            found = engine.read(paths, wanted)
            fact = found.select(fact=found.facts.unnest())
            rows = engine.rows(fact.select(claim=fact.fact.claim, weight=fact.fact.weight))
            assert sorted(rows) == [("x", None), ("y", 2)]
        assert len(engine.rows(engine.keep(engine.read([old], wanted)))) == 2

    def test_a_sink_takes_batches_while_another_table_streams(self, engine: Any) -> None:
        made = table(engine, [{"n": n} for n in range(10)])
        sink = engine.sink(pa.schema([("n", pa.int64())]))
        for batch in engine.stream(made.select("n"), ["-n"]):
            sink.write(batch)
        assert sorted(engine.rows(sink.close())) == [(n,) for n in range(10)]

    def test_a_stream_that_is_left_early_harms_nothing(self, engine: Any) -> None:
        made = table(engine, [{"n": n} for n in range(10)])
        stream = engine.stream(made, ["n"])
        next(stream)
        stream.close()
        assert len(engine.rows(made)) == 10

    def test_files_of_one_schema_are_read_as_one_table(self, engine: Any, tmp_path: Path) -> None:
        odd = tmp_path / "it's a=b" / "[c] {d}*"
        odd.mkdir(parents=True)
        paths = [odd / f"part-{i}.parquet" for i in range(3)]
        for i, path in enumerate(paths):
            rows = [dict.fromkeys(SCHEMA.names) | {"id": i, "at": datetime(1969, 1, 1, tzinfo=UTC)}]
            pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
        found = engine.read(paths, SCHEMA)
        moments = engine.rows(found.select("id", "at"))
        assert sorted(moments) == [(i, datetime(1969, 1, 1, tzinfo=UTC)) for i in range(3)]


def _aggregated(group: list[Row]) -> tuple[Any, ...]:
    texts_ = [row["text"] for row in group if row["text"] is not None]
    ns = [row["n"] for row in group if row["n"] is not None]
    flags = [row["flag"] for row in group if row["flag"] is not None]
    gathered = [
        [item for row in group if row[name] is not None for item in row[name]]
        if any(row[name] is not None for row in group)
        else None
        for name in ("texts", "facts")
    ]
    return (
        len(group),
        len(set(texts_)),
        min(texts_, default=None),
        max(ns, default=None),
        sum(ns) if ns else None,
        any(flags) if flags else None,
        sorted(ns) if ns else None,
        *(None if each is None else _distinct(each) for each in gathered),
    )
