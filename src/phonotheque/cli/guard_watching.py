"""Commands that look at what a guard keeps: guard top, show, report, audit."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.admitting import State, state_directory
from phonotheque.cli.clock import now
from phonotheque.cli.console import Screen, format_bytes
from phonotheque.cli.options import Json, TreePath
from phonotheque.model.errors import ExitCode

if TYPE_CHECKING:
    from phonotheque.guard import Entry, GroupRow, GuardReport, GuardStore, Profile, TopRow

Days = Annotated[
    int, typer.Option("--since", metavar="DAYS", min=1, max=90, help="So many days back.")
]
Limit = Annotated[int, typer.Option("--top", metavar="N", min=1, help="How many to tell of.")]
Actor = Annotated[
    str,
    typer.Argument(metavar="ACCOUNT", help="Name or number of an account, or network:PSEUDONYM."),
]
TablesFile = Annotated[
    Path | None, typer.Option("--tables", metavar="FILE", help="The tables the guard goes by.")
]
_SHOWN_DAYS = 30
_SHOWN_LINES = 20


@contextmanager
def opened(path: Path, state: Path | None) -> "Iterator[GuardStore]":
    """The guard's records of the server over the tree at `path`.

    Raises:
        NotFoundError: there are none.
    """
    from phonotheque.guard import GUARD_FILE, GuardStore

    with GuardStore(state_directory(path, state) / GUARD_FILE) as store:
        yield store


def parse_who(path: Path, state: Path | None, text: str) -> str:
    """An actor as it is kept, from what a person writes; names are those of accounts.

    Raises:
        NotFoundError: there is no account of this name.
        UsageError: it is no actor.
    """
    from phonotheque.accounts import ACCOUNTS_FILE, Accounts
    from phonotheque.guard import parse_actor

    if ":" in text or text.isdigit():
        return parse_actor(text)
    file = state_directory(path, state) / ACCOUNTS_FILE
    with Accounts(file) as accounts:
        return f"account:{accounts.account(text).number}"


def top(
    path: TreePath, since: Days = 7, limit: Limit = 20, state: State = None, json: Json = False
) -> None:
    """Who stands out: by evidence, then by what was taken. Networks are pseudonyms."""
    from phonotheque.guard import read_top

    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        rows = read_top(store, now(), since=timedelta(days=since), limit=limit)
    screen.result(rows, [] if rows else ["The guard has met nobody in these days."])
    if rows:
        show_top(screen, rows)


def show_top(screen: Screen, rows: "Iterable[TopRow]") -> None:
    """The rows as a table."""
    screen.table(
        ("who", "evidence", "measure", "media", "items", "repeats", "bytes"),
        [
            (r.actor, r.evidence, r.measure, r.media, r.distinct_items, f"{r.repeat_share:.0%}",
             format_bytes(r.bytes))
            for r in rows
        ],
    )  # fmt: skip


def show(
    path: TreePath,
    account: Actor,
    tables: TablesFile = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it with plots, as one HTML file.")
    ] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """One account or network in full: what it did, how it stands, why, and what people decided."""
    from phonotheque.guard import read_profile, read_shipped_tables, read_tables

    screen = Screen(json_mode=json)
    learned = read_tables(tables) if tables else read_shipped_tables()
    with opened(path, state) as store:
        found = read_profile(store, parse_who(path, state, account), learned, now())
    if html is not None:
        from phonotheque.serve import format_profile_file
        from phonotheque.storage.durable import write_bytes

        write_bytes(html, format_profile_file(found, now()).encode())
    screen.result(found, _profile_lines(found))
    if not found.days:
        return
    screen.table(
        ("day", "requests", "media", "items", "repeats", "bytes", "refused", "evidence"),
        [
            (day_text(d.day), d.requests, d.media, d.distinct_items,
             f"{d.repeats / d.media:.0%}" if d.media else "–", format_bytes(d.bytes), d.refused,
             d.score)
            for d in found.days[-_SHOWN_DAYS:]
        ],
    )  # fmt: skip


def _profile_lines(found: "Profile") -> Iterable[str]:
    until = f" until {_time(found.measure_until)}" if found.measure_until else ""
    yield f"{found.actor}: {found.measure}{until}"
    yield from (f"  because {reason}" for reason in found.reasons)
    yield (
        f"Met from {_time(found.first_at)} to {_time(found.last_at)}; {found.media:,} media "
        f"requests, {found.metadata:,} others, {found.canaries:,} for ids that nothing shows."
    )
    if found.leading:
        sums = ", ".join(f"{name} {total:g}" for name, total in found.leading[:3])
        yield f"Sums of evidence now, in nats: {sums}"
    if any(found.popularity):
        ours, people = (
            " ".join(f"{share:.0%}" for share in shares)
            for shares in (found.popularity, found.of_people)
        )
        yield f"First openings by bucket of rank, best known first: {ours} (people: {people})"
    for proposal in found.proposals:
        names = ", ".join(n for n in (proposal.first_person, proposal.second_person) if n)
        by = f" by {names}" if names else ""
        yield f"Proposal {proposal.proposal} to disable it: {proposal.state}{by}"
    for appeal in found.appeals:
        yield f"Appeal {appeal.appeal} of {_time(appeal.at)}: {appeal.outcome}: {appeal.text}"
    for entry in found.audit[-_SHOWN_LINES:]:
        yield entry_line(entry)


def groups(
    path: TreePath,
    limit: Limit = 20,
    told: Annotated[
        bool, typer.Option("--told", help="Only those that are told to share out the catalogue.")
    ] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Groups of accounts with something in common: whether they share out the catalogue.

    A network, the network round it (/24, /48), an hour of signing up, a program, and the last two
    kinds together. A server writes them down every five minutes.
    """
    from phonotheque.guard import FEWEST_PEOPLE, list_groups, read_usual

    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        found = list_groups(store, now(), limit=limit, only_told=told)
        kept = read_usual(store)
    known = (
        f"Measured by {kept[1].people:,} of the people here, of {_time(kept[0])}; told above "
        f"10^-{kept[1].level:.0f}."
        if kept
        else f"No group is told before {FEWEST_PEOPLE} people have been met since the server "
        "started."
    )
    told_lines = [f"{g.name}: {g.reason}." for g in found if g.told or g.held]
    screen.result({"groups": found, "measured_by": kept and kept[1]}, [known, *told_lines])
    if found:
        screen.table(
            ("group", "openings", "surprise", "state"),
            [(g.name, g.openings, g.surprise, _state_of(g)) for g in found],
        )


def _state_of(group: "GroupRow") -> str:
    if group.held:
        return f"held until {_time(group.held_until)}"
    if group.told:
        return f"told until {_time(group.told_until)}"
    cleared = group.cleared_until
    return f"cleared until {_time(cleared)}" if cleared and cleared > now() else ""


def report(
    path: TreePath,
    since: Days = 7,
    limit: Limit = 10,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it with plots, as one HTML file.")
    ] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """What went on in these days: requests, alarms, measures, appeals; checks the audit log."""
    from phonotheque.guard import read_report

    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        found = read_report(store, now(), since=timedelta(days=since), limit=limit)
    if html is not None:
        from phonotheque.serve import format_report_file
        from phonotheque.storage.durable import write_bytes

        write_bytes(html, format_report_file(found).encode())
    screen.result(found, report_lines(found))
    if found.top:
        show_top(screen, found.top)
    if found.damaged_line is not None:
        raise typer.Exit(ExitCode.FINDINGS)


def report_lines(found: "GuardReport") -> Iterable[str]:
    """The report for people."""
    seen = found.totals
    yield f"From {_time(found.since)} to {_time(found.until)}, UTC:"
    yield (
        f"{seen.requests:,} requests of {found.actors:,} accounts and networks, {seen.media:,} for "
        f"audio ({format_bytes(seen.bytes)}), {seen.refused:,} refused."
    )
    events = ", ".join(f"{what} {count:,}" for what, count in found.events.items())
    yield f"In the audit log: {events or 'nothing'}."
    held = ", ".join(f"{n:,} {m}" for m, n in found.in_force.items() if n and m not in _WAITING)
    yield f"In force now: {held or 'nothing'}; {found.tokens:,} bulk tokens."
    for group in found.groups:
        held = " (held)" if group.held else ""
        yield f"Group {group.name}{held} shares out the catalogue: {group.reason}."
    for proposal in found.proposals:
        yield (
            f"Proposal {proposal.proposal}: disable {proposal.actor}, since {_time(proposal.at)}"
            f"{f', confirmed by {proposal.first_person}' if proposal.first_person else ''}"
        )
    for appeal in found.appeals:
        yield f"Appeal {appeal.appeal} of {appeal.actor}, since {_time(appeal.at)}: {appeal.text}"
    yield (
        f"The audit log has {found.audit_lines:,} lines, all as they were written."
        if found.damaged_line is None
        else f"Line {found.damaged_line:,} of the audit log is not as it was written: put back a "
        "copy of guard.sqlite, and find out who changed it."
    )


_WAITING = ("proposals", "appeals")


def audit(
    path: TreePath,
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Of one account or network alone.")
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Only lines behind this number.")] = 0,
    state: State = None,
    json: Json = False,
) -> None:
    """The audit log: every measure, proposal, decision, appeal and token, by whom and why."""
    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        who = parse_who(path, state, account) if account else None
        lines = store.iter_audit(after, who)
        if json:
            screen.print_json(list(lines))
        else:
            for entry in lines:
                screen.say(entry_line(entry))


def entry_line(entry: "Entry") -> str:
    """One line of the audit log for people."""
    reasons = f": {'; '.join(entry.reasons)}" if entry.reasons else ""
    measure = f" {entry.evidence['measure']}" if entry.evidence.get("measure") else ""
    who = f" {entry.actor}" if entry.actor else ""
    return f"{entry.event}  {_time(entry.at)}  {entry.what}{measure}{who}  by {entry.by}{reasons}"


def day_text(day: int) -> str:
    """A day since 1970 as a date."""
    return f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"


def _time(at: datetime | None) -> str:
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M}"
