"""The command that judges access logs: `guard analyse`."""

import secrets
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.options import Json, parse_size
from phonotheque.model.errors import ExitCode, NotFoundError

if TYPE_CHECKING:
    from phonotheque.guard import Analysis, LogForm, Suspect

Logs = Annotated[
    list[Path],
    typer.Argument(
        metavar="LOGS...", help="Files or folders of access logs, plain or gz, bz2, xz, zst."
    ),
]
Mapping = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A mapping that says what the log is like (TOML)."),
]
FormName = Annotated[
    str | None,
    typer.Option(metavar="combined|vhost-combined|json|csv", help="Without a mapping."),
]
Media = Annotated[
    list[str],
    typer.Option(
        metavar="REGEX",
        help="Paths that are media; the group `item` (or the first) is the id, `artist` and "
        "`release` may be given. Repeatable. Default: this program's and OpenSubsonic's.",
    ),
]
AccountIn = Annotated[
    str | None,
    typer.Option(metavar="REGEX", help="Where a path tells the account: its first group."),
]
Items = Annotated[
    Path | None,
    typer.Option(
        metavar="TABLE",
        help="CSV or Parquet of the catalogue: item, rank or plays; number, artist, release.",
    ),
]
Catalogue = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="How many items the catalogue has.")
]
Robots = Annotated[
    list[Path],
    typer.Option(metavar="FILE", help="Patterns of declared robots' user agents. Repeatable."),
]
TablesFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Learned tables other than the shipped.")
]
OwnLevels = Annotated[
    bool,
    typer.Option(
        "--own-levels/--tables-only",
        help="Look for levels among the accounts of the log as well; the higher holds.",
    ),
]
Top = Annotated[int, typer.Option(metavar="N", min=1, help="How many to tell of.")]
BadRows = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write all bad rows there, as CSV.")
]
Pseudonyms = Annotated[
    bool,
    typer.Option("--pseudonyms", help="Hide names and networks, for a report to hand on."),
]
Memory = Annotated[str, typer.Option(metavar="SIZE", help="DuckDB's share of memory.")]
Work = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where to spill. Default: where TMPDIR is.")
]

_SHOWN_BAD = 10
_SHOWN_NETWORKS = 10


def analyse(
    logs: Logs,
    mapping: Mapping = None,
    form: FormName = None,
    media: Media = [],
    account: AccountIn = None,
    items: Items = None,
    catalogue: Catalogue = None,
    robots: Robots = [],
    tables: TablesFile = None,
    own_levels: OwnLevels = True,
    top: Top = 20,
    bad_rows: BadRows = None,
    pseudonyms: Pseudonyms = False,
    memory: Memory = "1GB",
    work: Work = None,
    json: Json = False,
) -> None:
    """Rank accounts and networks of access logs by evidence of harvesting, with the requests that
    show it. For any service with items in its paths; nothing is sent anywhere, nothing is kept.
    """
    from phonotheque.guard import (
        Wish,
        analyse_logs,
        read_robots,
        read_tables,
    )

    screen = Screen(json_mode=json)
    wish = Wish(
        files=tuple(_iter_files(logs)), form=_form(mapping, form, media, account), items=items,
        catalogue=catalogue, robots=tuple(p for path in robots for p in read_robots(path)),
        own_levels=own_levels, top=top, memory=f"{parse_size(memory)}B", bad_rows=bad_rows,
        secret=secrets.token_bytes(32) if pseudonyms else None,
    )  # fmt: skip
    learned = read_tables(tables) if tables else None
    with (
        tempfile.TemporaryDirectory(prefix="phonotheque-logs-", dir=work) as folder,
        Reporter(screen) as progress,
    ):
        found = analyse_logs(wish, learned, Path(folder), progress)
    if json:
        screen.print_json(found)
    else:
        _show(screen, found, bad_rows)
    if found.bad_rows or any(file.broken for file in found.files):
        raise typer.Exit(ExitCode.FINDINGS)


def _iter_files(logs: Iterable[Path]) -> Iterable[Path]:
    for path in logs:
        if path.is_dir():
            yield from sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".")
        elif path.exists():
            yield path
        else:
            raise NotFoundError(f"{path}: there is no such file")


def _form(
    mapping: Path | None, form: str | None, media: list[str], account: str | None
) -> "LogForm":
    from phonotheque.guard import Form, LogForm, check_log_form, our_json, read_log_form
    from phonotheque.model.errors import UsageError

    if mapping is not None and form is not None:
        raise UsageError("--form and --mapping: a mapping says the form itself")
    if form is not None and form not in tuple(Form):
        raise UsageError(f"--form {form}: it is one of {', '.join(Form)}")
    if form == Form.CSV:
        raise UsageError("--form csv: its columns have to be named; write a --mapping")
    found = read_log_form(mapping) if mapping else LogForm(form=Form(form or Form.COMBINED))
    if form == Form.JSON:
        found = our_json()
    if media:
        found = msgspec.structs.replace(found, media=tuple(media))
    if account is not None:
        found = msgspec.structs.replace(found, account=account)
    check_log_form(found)
    return found


# ------------------------------------------------------------------------------ for people


def _show(screen: Screen, found: "Analysis", bad_rows: Path | None) -> None:
    since, until = _day(found.first), _day(found.last)
    screen.say(
        f"{found.requests:,} requests from {since} to {until}, {found.media:,} of them for "
        f"{found.items:,} items, by {found.accounts:,} accounts and {found.addresses:,} addresses "
        f"without one."
    )
    screen.say(f"Measured against {found.levels}.")
    for note in found.notes:
        screen.say(f"Note: {note}.")
    for file in found.files:
        if file.broken:
            screen.say(file.broken)
    _show_bad(screen, found, bad_rows)
    counted = ", ".join(f"{n:,} {name}" for name, n in found.by_measure.items() if n)
    screen.say(f"By their items alone they come to: {counted or 'nothing'}.")
    for suspect in found.suspects:
        for line in _suspect_lines(suspect):
            screen.say(line)
    if found.networks:
        screen.say("Networks:")
    for network in found.networks[:_SHOWN_NETWORKS]:
        why = "; ".join(network.reasons) or "no more than usual"
        screen.say(
            f"  {network.network}  {network.surprise:.1f}  {network.requests:,} requests, "
            f"{format_bytes(network.bytes)}: {why}"
        )


def _show_bad(screen: Screen, found: "Analysis", bad_rows: Path | None) -> None:
    if not found.bad_rows:
        return
    where = f", all of them in {bad_rows}" if bad_rows else ""
    screen.say(f"{found.bad_rows:,} of {found.lines:,} lines are bad rows{where}:")
    for row in found.bad[:_SHOWN_BAD]:
        screen.say(f"  {row.file}:{row.line}: {row.reason}: {row.text[:80]}")
    if found.bad_rows > _SHOWN_BAD:
        screen.say(f"  … and {found.bad_rows - _SHOWN_BAD:,} more (--bad-rows FILE writes all)")


def _suspect_lines(suspect: "Suspect") -> Iterable[str]:
    kind = "account" if suspect.is_account else "address"
    robot = f", declares itself a robot ({suspect.robot})" if suspect.robot else ""
    yield f"{suspect.who}  ({kind}{robot})  {suspect.evidence:.1f}: {suspect.measure}"
    for reason in suspect.reasons:
        yield f"  because {reason}"
    yield (
        f"  {suspect.media:,} media requests of {suspect.requests:,}, "
        f"{suspect.distinct_items:,} items, {suspect.repeat_share:.0%} repeats, "
        f"{format_bytes(suspect.bytes)}, at most {suspect.busiest_minute:,} in a minute, "
        f"{suspect.refused:,} refused; {suspect.first:%Y-%m-%d %H:%M} to "
        f"{suspect.last:%Y-%m-%d %H:%M}"
    )
    if suspect.alarm_at is not None:
        yield (
            f"  a level of one in a thousand was passed after {suspect.alarm_after:,} media "
            f"requests and {suspect.alarm_items:,} items, {suspect.alarm_at:%Y-%m-%d %H:%M}"
        )
    for shown in suspect.shown:
        yield f"  {shown.file}:{shown.line}  {shown.item}  {shown.says}  {shown.nats:+.1f} nats"


def _day(at: datetime | None) -> str:
    return "–" if at is None else f"{at:%Y-%m-%d}"
