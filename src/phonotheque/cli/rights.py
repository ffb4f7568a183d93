"""Commands of rights: the group `rights`, with `explain` and `rules`."""

from typing import Annotated

import typer

from phonotheque.cli import foreseeing
from phonotheque.cli.clock import now
from phonotheque.cli.console import Screen
from phonotheque.cli.options import ArchivePath, Json, parse_date
from phonotheque.model.errors import NotFoundError, UsageError
from phonotheque.model.rights import Use

rights = typer.Typer(
    name="rights", help="Verdicts on rights, and the rules behind them.", no_args_is_help=True
)


def add_commands(app: typer.Typer) -> None:
    """Hang this module's commands into `app`."""
    for command in (explain, rules):
        rights.command()(command)
    rights.command(name="next")(foreseeing.next_)
    rights.command()(foreseeing.review)
    app.add_typer(rights)


def explain(
    archive: ArchivePath,
    recording: Annotated[
        str, typer.Argument(metavar="RECORDING", help="Its public id or its number.")
    ],
    territory: Annotated[
        list[str],
        typer.Option(
            metavar="CC",
            help="Country, ISO 3166; repeatable. Default: the archive's world set; "
            "for HOLD, PRESERVE and DERIVE_METADATA its seat.",
        ),
    ] = [],
    date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The day to decide for; today.")
    ] = None,
    use: Annotated[
        list[str],
        typer.Option(metavar="USE", help="HOLD, PRESERVE, STREAM, DISTRIBUTE, AI_TRAIN …"),
    ] = [],
    json: Json = False,
) -> None:
    """Argue what may be done with a recording, and why. This is no legal advice."""
    from phonotheque.archive import explain_rights
    from phonotheque.rights import lines_of, lines_of_evidence, lines_of_rules
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    found = explain_rights(
        Tree(archive.absolute()),
        recording,
        territories=territory,
        on=parse_date(date) if date else now().date(),
        uses=[_parse_use(text) for text in use] or None,
    )
    lines = [f"{found.recording}  {found.artist_credit} – {found.title}"]
    if found.withdrawn:
        lines.append("withdrawn")
    evidence = found.verdicts[0].evidence
    lines += ["evidence", *(lines_of_evidence(evidence) if evidence else ["  none"])]
    for verdict in found.verdicts:
        lines += lines_of(verdict)
    lines += ["rules", *lines_of_rules(found.verdicts)]
    screen.result(found, lines)


def rules(
    rule: Annotated[
        str | None, typer.Argument(metavar="ID", help="One rule; without it, all of them.")
    ] = None,
    json: Json = False,
) -> None:
    """The rule book: every rule with its citation and how sure it is. This is no legal advice."""
    from phonotheque.rights import check_rules, rule_ids, view_rule

    screen = Screen(json_mode=json)
    vectors = check_rules()
    ids = rule_ids() if rule is None else [rule]
    try:
        views = [view_rule(one) for one in ids]
    except KeyError:
        raise NotFoundError(
            f"{rule}: no such rule; `phonotheque rights rules` lists them"
        ) from None
    lines = [f"{v.id} [{v.mark}] since {v.valid_from}: {v.text} ({v.source})" for v in views]
    if rule is None:
        meaning = "V read in the source, D derived from one that was read, K not checked, R ours"
        lines.append(f"{len(views)} rules, which answer {vectors} test vectors. {meaning}")
    screen.result(views, lines)


def _parse_use(text: str) -> Use:
    try:
        return Use(text.upper())
    except ValueError:
        raise UsageError(f"{text!r} is no use; one of: {', '.join(Use)}") from None
