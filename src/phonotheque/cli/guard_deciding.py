"""Commands by which people decide over a guard: confirm, reject, lift, appeals, tokens.

Each change is one line in the audit log, under the name that `--by` gives.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.admitting import State
from phonotheque.cli.clock import now
from phonotheque.cli.console import Screen
from phonotheque.cli.guard_watching import Actor, opened, parse_who
from phonotheque.cli.options import DryRun, Json, TreePath
from phonotheque.model.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from phonotheque.guard import Appeal, GroupRow, GuardStore, Proceedings, Proposal

By = Annotated[
    str, typer.Option("--by", metavar="NAME", help="The person who decides, for the audit log.")
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reasons; they are told.")]
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1)]

token = typer.Typer(
    name="token", help="Bulk tokens: their holders are under budgets alone.", no_args_is_help=True
)


def add_commands(guard: typer.Typer) -> None:
    """Hang this module's commands into the group `guard`."""
    for command in (proposals, confirm, reject, lift, hold, clear, appeals, appeal, prune):
        guard.command()(command)
    token.command()(issue)
    token.command()(revoke)
    token.command("list")(list_)
    guard.add_typer(token)


def proposals(path: TreePath, state: State = None, json: Json = False) -> None:
    """What the guard proposes to disable and nobody has decided."""
    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        found = _people(store).proposals()
    screen.result(found, [line for one in found for line in _proposal_lines(one)] or ["None."])


def confirm(
    path: TreePath, proposal: Number, by: By, state: State = None, dry_run: DryRun = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Confirm a proposal. The second person's word disables the account; each is asked alone."""
    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        people = _people(store)
        if dry_run:
            found = people.proposal(proposal)
            second = "disabled" if found.first_person else "confirmed once; a second must follow"
            screen.result(found, [*_proposal_lines(found), f"It would be {second}."])
            return
        found = people.confirm(proposal, by, now())
    said = "is disabled" if found.state == "confirmed" else "waits for a second person"
    screen.result(found, [f"{found.actor} {said}."])


def reject(
    path: TreePath, proposal: Number, by: By, why: Why, state: State = None,
    dry_run: DryRun = False, json: Json = False,
) -> None:  # fmt: skip
    """Reject a proposal; what is in force against the account is lifted."""
    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        people = _people(store)
        if dry_run:
            found = people.proposal(proposal)
            screen.result(found, [*_proposal_lines(found), "It would be rejected."])
            return
        found = people.reject(proposal, by, why, now())
    screen.result(found, [f"Rejected; nothing is held against {found.actor} any more."])


def lift(
    path: TreePath, account: Actor, by: By, why: Why, state: State = None,
    dry_run: DryRun = False, json: Json = False,
) -> None:  # fmt: skip
    """Take a measure back before its time; the account begins anew."""
    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        actor = parse_who(path, state, account)
        row = store.actor(actor)
        measure = row.in_force(now()) if row else "allow"
        if measure == "allow":
            raise NotFoundError(f"{actor}: nothing is in force against it")
        if not by.strip():
            raise UsageError("give the name of the person who decides")
        if not dry_run:
            store.lift(actor, by.strip(), why, now())
    verb = "would be lifted" if dry_run else "lifted"
    screen.result({"actor": actor, "measure": measure, "dry_run": dry_run},
                  [f"{actor}: {measure} {verb}."])  # fmt: skip


Group = Annotated[str, typer.Argument(metavar="GROUP", help="As `guard groups` names it.")]


def hold(
    path: TreePath, group: Group, by: By, why: Why,
    days: Annotated[int, typer.Option(metavar="N", min=1, max=30, help="For so long.")] = 7,
    state: State = None, dry_run: DryRun = False, json: Json = False,
) -> None:  # fmt: skip
    """Say that a group is a campaign: whoever asks out of it is redirected to the dumps."""
    from phonotheque.guard import hold_group

    screen = Screen(json_mode=json)
    until = now() + timedelta(days=days)
    with opened(path, state) as store:
        found = _find_group(store, group)
        if not dry_run:
            hold_group(store, (group, by, why), until, now())
    accounts = f"{found.evidence.accounts:,} accounts" if found.evidence else "its accounts"
    verb = "would be" if dry_run else "are"
    screen.result({"group": group, "until": until, "dry_run": dry_run},
                  [f"{group}: {accounts} {verb} redirected until {_day(until)}."])  # fmt: skip


def clear(
    path: TreePath,
    group: Group, by: By, why: Why, state: State = None, dry_run: DryRun = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Say that a group is one of people: it is not told for thirty days, and begins anew."""
    from phonotheque.guard import CLEARED_DAYS, clear_group

    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        _find_group(store, group)
        if not dry_run:
            clear_group(store, group, by, why, now())
    verb = "would not be told" if dry_run else "is not told"
    screen.result({"group": group, "dry_run": dry_run},
                  [f"{group} {verb} for {CLEARED_DAYS} days."])  # fmt: skip


def appeals(
    path: TreePath,
    every: Annotated[bool, typer.Option("--all", help="Those that were answered as well.")] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Appeals that wait for an answer."""
    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        found = _people(store).appeals(only_open=not every)
    screen.result(found, [_appeal_line(one) for one in found] or ["None."])


def appeal(
    path: TreePath,
    number: Number,
    by: By,
    why: Why,
    grant: Annotated[bool, typer.Option("--grant/--refuse", help="What is decided.")],
    state: State = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Answer an appeal. Granted, the measure is lifted and the account begins anew."""
    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        people = _people(store)
        if dry_run:
            found = next((a for a in people.appeals() if a.appeal == number), None)
            if found is None:
                raise NotFoundError(f"{number}: there is no appeal of this number")
            verb = "granted" if grant else "refused"
            screen.result(found, [_appeal_line(found), f"It would be {verb}."])
            return
        found = people.decide_appeal(number, by, why, now(), granted=grant)
    screen.result(found, [f"Appeal {number} of {found.actor}: {found.outcome}."])


def prune(path: TreePath, state: State = None, dry_run: DryRun = False, json: Json = False) -> None:
    """Drop what is past its time: raw events after 30 days, states and days after 90, old keys.

    A server with a guard does this every hour; this is for when none runs any more.
    """
    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        dropped = store.count_old(now()) if dry_run else _dropped(store)
    verb = "would be dropped" if dry_run else "dropped"
    screen.result(dropped, [f"{count:,} {name} {verb}." for name, count in dropped.items()])


def _dropped(store: "GuardStore") -> dict[str, int]:
    store.end_due(now())
    return store.drop_old(now())


def issue(
    path: TreePath,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is.")],
    contact: Annotated[str, typer.Option(metavar="MAIL", help="Where to write to.")],
    by: By,
    days: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Good for so long; else until revoked.")
    ] = None,
    state: State = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make a bulk token, which is shown this once; of it only a digest is kept."""
    screen = Screen(json_mode=json)
    until = None if days is None else now() + timedelta(days=days)
    with opened(path, state) as store:
        if dry_run:
            screen.result({"name": name, "contact": contact, "expires_at": until},
                          [f"A token for {name} would be made."])  # fmt: skip
            return
        secret, row = _people(store).issue_token(name, contact, by, now(), expires_at=until)
    screen.result(
        {"token": secret, "number": row.token, "name": row.name, "expires_at": row.expires_at},
        [f"Token {row.token} for {row.name}, shown this once:", secret],
    )


def list_(path: TreePath, state: State = None, json: Json = False) -> None:
    """Bulk tokens, without what opens anything."""
    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        found = _people(store).tokens()
    told = [
        {"number": t.token, "name": t.name, "contact": t.contact, "made_at": t.made_at,
         "expires_at": t.expires_at, "used_at": t.used_at, "revoked_at": t.revoked_at}
        for t in found
    ]  # fmt: skip
    screen.result(told, [] if found else ["None."])
    if found:
        screen.table(
            ("number", "name", "contact", "made", "expires", "used", "revoked"),
            [
                (t.token, t.name, t.contact,
                 *map(_day, (t.made_at, t.expires_at, t.used_at, t.revoked_at)))
                for t in found
            ],
        )  # fmt: skip


def revoke(
    path: TreePath,
    number: Number,
    by: By,
    state: State = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Let a bulk token open nothing any more."""
    screen = Screen(json_mode=json)
    with opened(path, state) as store:
        people = _people(store)
        if not any(t.token == number and t.revoked_at is None for t in people.tokens()):
            raise NotFoundError(f"{number}: there is no bulk token of this number in force")
        if not dry_run:
            people.revoke_token(number, by, now())
    verb = "would be revoked" if dry_run else "is revoked"
    screen.result({"number": number, "dry_run": dry_run}, [f"Token {number} {verb}."])


def _find_group(store: "GuardStore", name: str) -> "GroupRow":
    from phonotheque.guard import list_groups

    found = next((g for g in list_groups(store, now(), limit=100_000) if g.name == name), None)
    if found is None:
        raise NotFoundError(f"{name}: the guard keeps no such group; see `guard groups`")
    return found


def _people(store: "GuardStore") -> "Proceedings":
    from phonotheque.guard import Proceedings

    return Proceedings(store)


def _proposal_lines(one: "Proposal") -> list[str]:
    first = f", confirmed by {one.first_person}" if one.first_person else ""
    return [
        f"Proposal {one.proposal}: disable {one.actor}, since {one.at:%Y-%m-%d %H:%M}{first}",
        *(f"  because {reason}" for reason in one.reasons),
    ]


def _appeal_line(one: "Appeal") -> str:
    answer = f" by {one.decided_by}: {one.answer}" if one.decided_by else ""
    return (
        f"Appeal {one.appeal} of {one.actor}, {one.at:%Y-%m-%d %H:%M}, {one.outcome}{answer}: "
        f"{one.text}"
    )


def _day(at: datetime | None) -> str:
    return "–" if at is None else f"{at:%Y-%m-%d}"
