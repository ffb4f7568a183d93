"""Which rows are the same recording (docs/formats/catalogue.md, "Identity").

A code is a hint, not a key: rows that carry exactly one code are one recording only when all rows
with that code agree. What disagrees stays apart, row by row, and is flagged.
"""

from typing import Any

import ibis

DURATION_TOLERANCE_MS = 3_000
DURATION_TOLERANCE_SHARE = 50  # one in fifty: 2 %


def median(values: Any) -> Any:
    """The median of a sorted array of integers: the mean of the middle two, rounded down."""
    size = values.length()
    low, high = values[(size - 1) // 2], values[size // 2]
    return ibis.ifelse(size > 0, (low.cast("int64") + high.cast("int64")) // 2, None)


def row_key(rows: Any) -> Any:
    """The key of one reported row: ``source:<source>:<source_key>``."""
    return ibis.literal("source:") + rows.source + ":" + rows.source_key


def codes_in_use(rows: Any) -> Any:
    """One row for each code that some row carries alone: `code`, `agrees`, and what was seen.

    Columns: code, rows, titles (distinct after normalising), shortest_ms, longest_ms, agrees.
    """
    coded = rows.filter(rows.isrcs.unique().length() == 1)
    coded = coded.select(code=coded.isrcs[0], title=coded.title_norm, ms=coded.duration_ms)
    seen = coded.group_by("code").agg(
        rows=coded.count(),
        titles=coded.title.nunique(),
        shortest_ms=coded.ms.min(),
        longest_ms=coded.ms.max(),
        all_ms=coded.ms.collect().sort(),
    )
    seen = seen.mutate(median_ms=median(seen.all_ms)).drop("all_ms")
    spread = ibis.greatest(
        seen.longest_ms - seen.median_ms, seen.median_ms - seen.shortest_ms
    ).cast("int64")
    allowed = ibis.greatest(DURATION_TOLERANCE_MS * DURATION_TOLERANCE_SHARE, seen.median_ms)
    near = (spread * DURATION_TOLERANCE_SHARE <= allowed).fill_null(True)
    return seen.mutate(agrees=(seen.titles == 1) & near)


def identified(rows: Any, codes: Any) -> Any:
    """`rows` with `row_key`, `key` (of the recording), `grouped` and `conflict` added."""
    rows = rows.mutate(
        row_key=row_key(rows),
        one_code=ibis.ifelse(rows.isrcs.unique().length() == 1, rows.isrcs[0], None),
    )
    known = codes.select(one_code=codes.code, agrees=codes.agrees)
    joined = rows.left_join(known, "one_code").drop("one_code_right")
    grouped = joined.agrees.fill_null(False)
    return joined.mutate(
        grouped=grouped,
        conflict=(~joined.agrees).fill_null(False),
        key=ibis.ifelse(grouped, ibis.literal("isrc:") + joined.one_code, joined.row_key),
    ).drop("agrees", "one_code")
