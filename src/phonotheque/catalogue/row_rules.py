"""What every row of a catalogue must be by itself: one SQL condition for each way to be wrong."""

from dataclasses import dataclass
from typing import Any

import duckdb

from phonotheque.model.edition import Met, RecordingFlag
from phonotheque.model.findings import FindingCode, Severity
from phonotheque.model.rights import Level

FIRST_YEAR = 1857
"""The year of the phonautograph: no sound was recorded before."""

LONGEST_MS = 24 * 3600 * 1000
_MBID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ISRC = "[A-Z]{2}[A-Z0-9]{3}[0-9]{7}"
_FLAGS = sum(RecordingFlag)


@dataclass(frozen=True, slots=True)
class RowRule:
    """`wrong` is SQL over the columns of `table`, true for a row that breaks the rule; `{year}` in
    it stands for the current year."""

    code: FindingCode
    severity: Severity
    table: str
    wrong: str
    says: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule, how many rows break it, and the smallest number of one."""

    rule: RowRule
    rows: int
    first: int


def _listed(values: Any) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _never(table: str, wrong: str, says: str) -> RowRule:
    return RowRule(FindingCode.CATALOGUE_RANGE, Severity.ERROR, table, wrong, says)


def _doubtful(table: str, wrong: str, says: str) -> RowRule:
    return RowRule(FindingCode.CATALOGUE_RANGE, Severity.WARNING, table, wrong, says)


def _malformed(table: str, wrong: str, says: str) -> RowRule:
    return RowRule(FindingCode.CATALOGUE_IDENTIFIER, Severity.ERROR, table, wrong, says)


_LEVELS = _listed(level.name for level in Level)

RULES = (
    _never("recordings", "title = '' OR artist_credit = ''", "without a title or an artist"),
    _never("recordings", "duration_ms <= 0", "with a duration that is not above 0"),
    _doubtful("recordings", f"duration_ms > {LONGEST_MS}", "longer than a day"),
    _doubtful(
        "recordings",
        f"first_release_year < {FIRST_YEAR} OR first_release_year > {{year}} + 1",
        f"of a year before {FIRST_YEAR} or after the next",
    ),
    _never(
        "recordings",
        f"stream NOT IN ({_LEVELS}) OR distribute NOT IN ({_LEVELS})",
        "with a summary that is no verdict",
    ),
    _never("recordings", f"(flags & ~{_FLAGS}) <> 0", "with a flag that nothing is known of"),
    _never("recordings", "len(artist_numbers) = 0", "of no artist"),
    _malformed(
        "recordings",
        f"len(list_filter(isrcs, lambda c: NOT regexp_full_match(c, '{_ISRC}'))) > 0",
        "with a code that is no ISRC",
    ),
    _malformed(
        "recordings",
        "isrcs <> list_sort(list_distinct(isrcs))",
        "whose codes are not sorted, or stand twice",
    ),
    _malformed(
        "recordings",
        f"NOT regexp_full_match(recording_mbid, '{_MBID}')",
        "with an MBID that is none",
    ),
    _never("tracks", "disc < 0 OR position < 0", "with a disc or position below 0"),
    _never("tracks", "duration_ms <= 0", "with a duration that is not above 0"),
    _never("tracks", f"met NOT IN ({_listed(Met)})", "that met its recording in no known way"),
    _never("tracks", "source = '' OR source_key = ''", "without source or key"),
    _doubtful(
        "releases",
        f"year < {FIRST_YEAR} OR year > {{year}} + 1",
        f"of a year before {FIRST_YEAR} or after the next",
    ),
    _malformed(
        "releases", f"NOT regexp_full_match(release_mbid, '{_MBID}')", "with an MBID that is none"
    ),
    _never("standing", "listens < 0 OR listeners < 0", "with listens or listeners below 0"),
    _doubtful("standing", "listeners > listens", "with more listeners than listens"),
)


def find_broken(cursor: duckdb.DuckDBPyConnection, table: str, year: int) -> list[Broken]:
    """The rules of `table` that some row breaks; one scan of the view."""
    rules = [rule for rule in RULES if rule.table == table]
    if not rules:
        return []
    counted = ", ".join(
        f"count(*) FILTER (WHERE {wrong}), min(number) FILTER (WHERE {wrong})"
        for wrong in (f"({rule.wrong.replace('{year}', str(year))})" for rule in rules)
    )
    (found,) = cursor.execute(f"SELECT {counted} FROM {table}").fetchall()
    return [
        Broken(rule, int(found[2 * i]), int(found[2 * i + 1]))
        for i, rule in enumerate(rules)
        if found[2 * i]
    ]
