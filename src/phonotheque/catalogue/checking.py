"""The self-test of a catalogue: `phonotheque verify PATH --catalogue` (docs/checking.md).

What can be settled file by file is (digests, order); references are looked up in sets of one bit a
number; the rest are scans of the views by DuckDB within its limit. A check that could not be made
is "not-checked", never "passed".
"""

from collections.abc import Callable, Iterator

import duckdb
import msgspec

from phonotheque.catalogue.file_checks import check_files, check_order
from phonotheque.catalogue.measuring import (
    CatalogueFigures,
    Tolerance,
    find_differences,
    measure,
)
from phonotheque.catalogue.number_checks import (
    check_redirects,
    check_references,
    check_standing,
)
from phonotheque.catalogue.published import Bounds, CatalogueFiles
from phonotheque.catalogue.row_rules import find_broken
from phonotheque.model.errors import InputError, NotFoundError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.progress import Progress

_MOST_SHARED = 10_000
_KEYS = {
    "tracks": ("source", "source_key"),
    "releases": ("key",),
    "artists": ("key",),
}


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One check: `outcome` is passed, failed (it has findings) or not-checked (`why` says why)."""

    name: str
    outcome: str
    findings: int
    why: str = ""


class CatalogueReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the self-test found. `clean`: no finding is an error; `complete`: all was checked."""

    catalogue: str
    compared_with: str | None
    clean: bool
    complete: bool
    checks: list[CheckResult]
    figures: CatalogueFigures | None
    before: CatalogueFigures | None
    findings: list[Finding]


def check_catalogue(
    catalogue: CatalogueFiles,
    before: CatalogueFiles | None,
    progress: Progress,
    *,
    year: int,
    bounds: Bounds,
    tolerance: Tolerance | None = None,
) -> CatalogueReport:
    """Check `catalogue` by itself and against the one `before` it.

    Memory: `bounds.memory`, one bit for each number, and 24 bytes for each different number of
    listens. Damage is a finding, never an exception.
    """
    made = _Making(progress)
    sound = made.run("files", lambda: check_files(catalogue, progress))
    in_order = sound and made.run("order", lambda: check_order(catalogue, progress))
    if not in_order:
        why = "files are damaged" if not sound else "numbers are out of order"
        made.skip(("order", *_WITHIN)[sound:], why)
        return made.report(catalogue.label, None, None, None)
    with catalogue.open(bounds) as cursor:
        progress.start("measure", None, "tables")
        figures = measure(cursor, catalogue.label)
        checks = _checks_within(catalogue, cursor, figures, year, bounds.part_rows)
        for name, check in checks.items():
            progress.start(f"check {name}", None, "rows")
            made.run(name, check)
    earlier = _compare(made, figures, before, bounds, tolerance or Tolerance())
    return made.report(catalogue.label, before.label if before else None, figures, earlier)


_WITHIN = ("counts", "rows", "keys", "references", "redirects", "standing", "differences")


def _checks_within(
    catalogue: CatalogueFiles,
    cursor: duckdb.DuckDBPyConnection,
    figures: CatalogueFigures,
    year: int,
    part_rows: int,
) -> dict[str, Callable[[], Iterator[Finding]]]:
    return {
        "counts": lambda: _check_counts(catalogue, figures),
        "rows": lambda: _check_rows(cursor, year),
        "keys": lambda: _check_keys(cursor, figures, part_rows),
        "references": lambda: check_references(catalogue, cursor),
        "redirects": lambda: check_redirects(catalogue, cursor),
        "standing": lambda: check_standing(catalogue, cursor),
    }


def _compare(
    made: "_Making",
    figures: CatalogueFigures,
    before: CatalogueFiles | None,
    bounds: Bounds,
    tolerance: Tolerance,
) -> CatalogueFigures | None:
    if before is None:
        made.skip(["differences"], "there is no catalogue before this one")
        return None
    made.progress.start(f"measure {before.label}", None, "tables")
    try:
        with before.open(bounds) as cursor:
            earlier = measure(cursor, before.label)
    except (duckdb.Error, InputError, NotFoundError) as error:
        made.skip(["differences"], f"{before.label} cannot be read: {str(error).splitlines()[0]}")
        return None
    made.run("differences", lambda: find_differences(figures, earlier, tolerance))
    return earlier


def _check_counts(catalogue: CatalogueFiles, figures: CatalogueFigures) -> Iterator[Finding]:
    for table, promised in catalogue.counts.items():
        rows = figures.tables[table].rows
        if rows != promised:
            text = f"{rows:,} live rows where the manifest of {catalogue.label} says {promised:,}"
            yield _error(FindingCode.CATALOGUE_COUNT, table, f"{text}; build again")
    if catalogue.listens not in (None, figures.listens):
        text = f"{figures.listens:,} listens where the manifest says {catalogue.listens:,}"
        yield _error(FindingCode.CATALOGUE_COUNT, "standing", f"{text}; build again")


def _check_rows(cursor: duckdb.DuckDBPyConnection, year: int) -> Iterator[Finding]:
    for table in ("recordings", "tracks", "releases", "standing"):
        for broken in find_broken(cursor, table, year):
            text = f"{broken.rows:,} rows {broken.rule.says}, for example number {broken.first}"
            way_out = "correct it at its source, or build again"
            yield Finding(broken.rule.code, broken.rule.severity, table, f"{text}; {way_out}")


def _check_keys(
    cursor: duckdb.DuckDBPyConnection, figures: CatalogueFigures, part_rows: int
) -> Iterator[Finding]:
    """Digests are compared first, part by part; only what shares one is compared in full. The
    engine's own hash will do: nothing of it is kept."""
    for table, columns in _KEYS.items():
        key = ", ".join(columns)
        parts = figures.tables[table].rows // part_rows + 1
        shared: list[int] = []
        for part in range(parts):
            found = cursor.execute(
                f"SELECT h FROM (SELECT hash({key}) AS h FROM {table}) WHERE h % {parts} = {part} "
                f"GROUP BY h HAVING count(*) > 1 LIMIT {_MOST_SHARED}"
            )
            shared += [h for (h,) in found.fetchall()]
        twice = cursor.execute(
            f"SELECT {key} FROM {table} WHERE hash({key}) IN (SELECT unnest(?::UBIGINT[])) "
            f"GROUP BY {key} HAVING count(*) > 1 ORDER BY {key}",
            [shared],
        ).fetchall()
        if twice:
            at_least = "at least " if len(shared) >= _MOST_SHARED else ""
            named = ":".join(twice[0])
            text = f"{at_least}{len(twice):,} keys stand more than once, for example {named}"
            yield _error(FindingCode.CATALOGUE_DUPLICATE_KEY, table, f"{text}; build again")


class _Making:
    """Gathers the results of the checks as they are made."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._checks: list[CheckResult] = []
        self._findings: list[Finding] = []

    def run(self, name: str, check: Callable[[], Iterator[Finding]]) -> bool:
        """Make one check; whether it passed."""
        found = list(check())
        outcome = "failed" if any(f.severity == Severity.ERROR for f in found) else "passed"
        self._checks.append(CheckResult(name=name, outcome=outcome, findings=len(found)))
        self._findings += found
        return outcome == "passed"

    def skip(self, names: tuple[str, ...] | list[str], why: str) -> None:
        """These checks cannot be made."""
        self._checks += [
            CheckResult(name=name, outcome="not-checked", findings=0, why=why) for name in names
        ]

    def report(
        self,
        label: str,
        compared_with: str | None,
        figures: CatalogueFigures | None,
        before: CatalogueFigures | None,
    ) -> CatalogueReport:
        """All of it."""
        return CatalogueReport(
            catalogue=label,
            compared_with=compared_with,
            clean=all(f.severity != Severity.ERROR for f in self._findings),
            complete=all(c.outcome != "not-checked" for c in self._checks),
            checks=self._checks,
            figures=figures,
            before=before,
            findings=self._findings,
        )


def _error(code: FindingCode, where: str, message: str) -> Finding:
    return Finding(code, Severity.ERROR, where, message)
