"""Taking parts of a catalogue away (`export`), and its self-test (`verify --catalogue`)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.options import DryRun, Json, TreePath, parse_size
from phonotheque.model.errors import ExitCode, NotFoundError, UsageError

if TYPE_CHECKING:
    from phonotheque.catalogue import (
        CatalogueFiles,
        CatalogueReport,
        ExportFormat,
        ExportRequest,
        Filters,
        Tolerance,
    )
    from phonotheque.storage.layout import Tree

CatalogueOption = Annotated[
    bool,
    typer.Option(
        "--catalogue",
        help="Test the catalogue instead: the current build's, else the newest edition's.",
    ),
]
Tolerate = Annotated[
    list[str],
    typer.Option(
        metavar="WHAT=NUMBER",
        help="With --catalogue, what may get lost since the one before: rows and listens in per "
        "cent, nulls in points; rows=1, listens=10, nulls=5 otherwise. Repeatable.",
    ),
]
Target = Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")]
Rows = Annotated[
    str, typer.Option(metavar="recordings|tracks|releases|artists|files", help="What the rows are.")
]
Columns = Annotated[
    str, typer.Option(metavar="A,B,…", help="Which columns, in this order; else the usual ones.")
]
Artists = Annotated[
    list[str], typer.Option(metavar="NAME|ID", help="Only of this artist; repeatable.")
]
Countries = Annotated[list[str], typer.Option(help="Only on releases of this country; repeatable.")]
Years = Annotated[
    str | None, typer.Option(metavar="YYYY[..YYYY]", help="Only first released then.")
]
Licences = Annotated[
    list[str], typer.Option(metavar="SPDX|none", help="Only with this licence; repeatable.")
]
Tiers = Annotated[list[int], typer.Option(help="Only of this tier; repeatable.")]
MinListens = Annotated[int | None, typer.Option(min=0, help="Only with at least so many listens.")]
IsrcOnly = Annotated[bool, typer.Option("--isrc-only", help="Only with an ISRC.")]
WrittenAs = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="parquet|csv|jsonl|sqlite", help="By the name of OUT otherwise."
    ),
]
Edition = Annotated[
    str | None, typer.Option(metavar="NAME", help="An edition other than the newest.")
]
Build = Annotated[bool, typer.Option("--build", help="From the current build, published or not.")]
Memory = Annotated[
    str, typer.Option(metavar="SIZE", help="What DuckDB may hold; the rest is on disk.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")]
_SUFFIXES = {
    ".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".sqlite": "sqlite", ".sqlite3": "sqlite", ".db": "sqlite",
}  # fmt: skip
_TOLERATED = {"rows": "rows_percent", "nulls": "null_points", "listens": "listens_percent"}
_SHOWN_FINDINGS = 50


def add_commands(app: typer.Typer) -> None:
    """Hang this module's command into `app`."""
    app.command()(export)


def export(
    path: TreePath,
    target: Target,
    of: Rows = "recordings",
    columns: Columns = "",
    artist: Artists = [],
    country: Countries = [],
    year: Years = None,
    licence: Licences = [],
    tier: Tiers = [],
    min_listens: MinListens = None,
    isrc_only: IsrcOnly = False,
    written_as: WrittenAs = None,
    edition: Edition = None,
    build: Build = False,
    memory: Memory = "1GB",
    force: Force = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Write a slice of the catalogue as one file: Parquet, CSV, JSON Lines, or ready SQLite."""
    from phonotheque.catalogue import ExportRequest, Filters, Of
    from phonotheque.storage.layout import Tree

    filters = Filters(
        artists=artist,
        countries=country,
        years=_years(year),
        licences=licence,
        tiers=tier,
        min_listens=min_listens,
        isrc_only=isrc_only,
    )
    request = ExportRequest(
        target.absolute(),
        Of(_one_of("--of", of, list(Of))),
        _format(written_as, target),
        [name.strip() for name in columns.split(",") if name.strip()],
        force,
    )
    catalogue = _source(Tree(path.absolute()), edition, build)
    _export(catalogue, filters, request, _memory(memory), dry_run, Screen(json_mode=json))


def _export(
    catalogue: "CatalogueFiles",
    filters: "Filters",
    request: "ExportRequest",
    memory: str,
    dry_run: bool,
    screen: Screen,
) -> None:
    from phonotheque.catalogue import Bounds, execute_export, open_slice, plan_export

    folder = request.target.parent
    if not folder.is_dir():
        raise NotFoundError(f"{folder}: there is no such directory; make it first")
    with (
        TemporaryDirectory(prefix=".export-", dir=folder) as work,
        open_slice(catalogue, filters, Bounds(Path(work), memory)) as rows,
        Reporter(screen) as progress,
    ):
        plan = plan_export(rows, request)
        if dry_run:
            text = f"would write {_counted(plan.rows)} of {plan.catalogue} to {plan.target}, about "
            text += f"{format_bytes(plan.estimated_bytes)}; {format_bytes(plan.free_bytes)} free"
            screen.result(plan, [text])
            return
        report = execute_export(rows, request, plan, progress, now=now())
    text = f"{_counted(report.rows)} of {report.catalogue}: {report.target}"
    screen.result(report, [f"{text}, {format_bytes(report.bytes)}."])


def verify_catalogue(path: Path, tolerate: Sequence[str], *, json: bool) -> None:
    """Run the self-test and show it; exits with FINDINGS when something is wrong."""
    from phonotheque.catalogue import Bounds, check_catalogue, find_before
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    tree = Tree(path.absolute())
    tolerance = _tolerance(tolerate)
    catalogue = _newest(tree)
    with TemporaryDirectory(prefix="phonotheque-") as work, Reporter(screen) as progress:
        report = check_catalogue(
            catalogue,
            find_before(tree, catalogue),
            progress,
            year=now().year,
            bounds=Bounds(Path(work)),
            tolerance=tolerance,
        )
    if json:
        screen.print_json(report)
    _show(screen, report)
    if not report.clean:
        raise typer.Exit(ExitCode.FINDINGS)


def _show(screen: Screen, report: "CatalogueReport") -> None:
    screen.table(
        ("check", "outcome", "findings", ""),
        ((c.name, c.outcome.replace("-", " "), c.findings, c.why) for c in report.checks),
    )
    if report.figures:
        tables = report.figures.tables
        counted = _counted({n: t.rows for n, t in tables.items() if n != "standing"})
        screen.say(f"{report.catalogue}: {counted}, {report.figures.listens:,} listens.")
    for finding in report.findings[:_SHOWN_FINDINGS]:
        screen.note(f"{finding.severity} {finding.code} {finding.where}: {finding.message}")
    if len(report.findings) > _SHOWN_FINDINGS:
        screen.note(f"… and {len(report.findings) - _SHOWN_FINDINGS:,} more (--json lists all)")


def _newest(tree: "Tree") -> "CatalogueFiles":
    from phonotheque.catalogue import find_build, find_edition

    return find_build(tree) or find_edition(tree)


def _source(tree: "Tree", edition: str | None, build: bool) -> "CatalogueFiles":
    """What an export is of: the edition or build asked for, else the newest edition, else a build.

    Raises:
        NotFoundError: there is no such thing.
        UsageError: both were asked for.
    """
    from phonotheque.catalogue import find_build, find_edition

    if edition and build:
        raise UsageError("--edition and --build exclude each other; name one")
    if not build:
        try:
            return find_edition(tree, edition)
        except NotFoundError:
            if edition:
                raise
    found = find_build(tree)
    if found is None:
        raise NotFoundError(f"{tree.root}: nothing to export yet; run build, or sync a mirror")
    return found


def _format(name: str | None, target: Path) -> "ExportFormat":
    from phonotheque.catalogue import ExportFormat

    if name is None:
        name = _SUFFIXES.get(target.suffix.lower())
    if name is None:
        raise UsageError(f"{target.name}: what is it to be? Say --format parquet|csv|jsonl|sqlite")
    return ExportFormat(_one_of("--format", name, list(ExportFormat)))


def _years(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, last = text.partition("..")
    if not (first.isdecimal() and (last or first).isdecimal()):
        raise UsageError(f"{text!r} is no year; write 1999 or 1990..1999")
    return int(first), int(last or first)


def _tolerance(texts: Sequence[str]) -> "Tolerance":
    from phonotheque.catalogue import Tolerance

    values: dict[str, float] = {}
    for text in (part for given in texts for part in given.split(",")):
        name, _, number = text.partition("=")
        if name not in _TOLERATED or not number.replace(".", "", 1).isdecimal():
            raise UsageError(f"{text!r}: write rows=1, nulls=5 or listens=10")
        values[_TOLERATED[name]] = float(number)
    return Tolerance(**values)


def _memory(text: str) -> str:
    return f"{max(parse_size(text) // 1_000_000, 100)}MB"


def _one_of(option: str, text: str, allowed: Sequence[str]) -> str:
    if text not in allowed:
        raise UsageError(f"{option} {text!r} is none of {', '.join(allowed)}")
    return text


def _counted(rows: dict[str, int]) -> str:
    return ", ".join(_each(rows))


def _each(rows: dict[str, int]) -> Iterator[str]:
    for name, count in rows.items():
        yield f"{count:,} {name if count != 1 else name.removesuffix('s')}"
