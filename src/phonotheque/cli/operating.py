"""Commands of the operator: init, ingest, build, derive, publish, withdraw."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.deriving import derive
from phonotheque.cli.ingesting import ingest
from phonotheque.cli.options import ArchivePath, DryRun, Json, archive_tree
from phonotheque.cli.publishing_plan import show_plan
from phonotheque.model.errors import ExitCode, NotFoundError, UsageError
from phonotheque.model.findings import FindingCode

if TYPE_CHECKING:
    from phonotheque.archive import BuildReport, PublishReport
    from phonotheque.storage.layout import Tree

Keys = Annotated[
    Path | None,
    typer.Option("--keys", metavar="DIR", help="Directory of the offline keys."),
]
Passphrase = Annotated[
    str | None,
    typer.Option(
        "--passphrase-variable",
        metavar="NAME",
        help="Environment variable with the passphrase of the offline keys.",
    ),
]


def add_commands(app: typer.Typer) -> None:
    """Hang this module's commands into `app`."""
    for command in (init, ingest, build, derive, publish, withdraw):
        app.command()(command)


def read_passphrase(variable: str | None) -> bytes | None:
    """The passphrase in the environment variable `variable`, or None when none is named.

    Raises:
        UsageError: the variable is not set.
    """
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        raise UsageError(f"the environment variable {variable} is not set, or empty")
    return value.encode()


def init(
    archive: ArchivePath,
    name: Annotated[str, typer.Option(help="Name of the archive, as people say it.")],
    publisher: Annotated[str, typer.Option(help="Who answers for it.")],
    seat: Annotated[str, typer.Option(metavar="CC", help="Country of the publisher, ISO 3166.")],
    slug: Annotated[
        str | None, typer.Option(help="Begins the names of volumes; made from the name otherwise.")
    ] = None,
    webseed: Annotated[
        list[str], typer.Option(metavar="URL", help="Where the archive will be served; repeatable.")
    ] = [],
    keys: Keys = None,
    passphrase_variable: Passphrase = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make a new archive, with its settings and its signing keys."""
    from phonotheque.archive import execute_init, plan_init

    screen = Screen(json_mode=json)
    plan = plan_init(
        archive.absolute(),
        name=name,
        publisher=publisher,
        seat=seat,
        slug=slug,
        keys_dir=keys.absolute() if keys else None,
        overrides={"publish": {"webseeds": webseed}} if webseed else None,
    )
    if dry_run:
        screen.result(plan, [f"would make {plan.root}, with offline keys in {plan.offline_keys}"])
        return
    with Reporter(screen) as progress:
        report = execute_init(plan, read_passphrase(passphrase_variable), now(), progress)
    made = [
        f"Archive {report.root}",
        f"Offline keys: {report.offline_keys} – move them to a medium of their own, keep two "
        "copies, and bring them back only to publish.",
    ]
    lines = made if report.created else [f"Archive {report.root} was there already."]
    fingerprint = f"Root fingerprint, for mirrors to compare: {report.root_sha256}"
    screen.result(report, [*lines, fingerprint])


def build(
    archive: ArchivePath,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="What the build may use of memory, e.g. 6GB.")
    ] = "4GB",
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 2,
    anew: Annotated[
        bool, typer.Option("--anew", help="Everything, not only what new imports touch.")
    ] = False,
    engine: Annotated[
        str, typer.Option(metavar="local|spark", help="What computes the tables.")
    ] = "local",
    master: Annotated[
        str | None, typer.Option(metavar="URL", help="Of the Spark cluster.", show_default=False)
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make the catalogue from all imports: who is who, permanent numbers, listens and ranks."""
    from phonotheque.archive import execute_build, plan_build

    screen = Screen(json_mode=json)
    tree = archive_tree(archive)
    plan = plan_build(tree, now().date(), anew=anew)
    if not plan.inputs:
        raise UsageError(f"{archive}: nothing was ingested yet; run `phonotheque ingest` first")
    if dry_run:
        screen.result(
            plan,
            [
                "nothing is new"
                if plan.nothing_new
                else f"would build {plan.rows:,} rows of {len(plan.inputs):,} imports "
                f"({len(plan.new_inputs):,} of them new)"
            ],
        )
        return
    with Reporter(screen) as progress:
        report = execute_build(
            tree, plan, progress, memory=memory, threads=threads, engine=engine, master=master
        )
    screen.result(report, _build_lines(report))


def _build_lines(report: "BuildReport") -> list[str]:
    made = "Nothing new; the catalogue stays" if report.nothing_new else f"Build {report.build}"
    lines = [
        f"{made}: {report.recordings:,} recordings, {report.tracks:,} tracks, "
        f"{report.releases:,} releases, {report.artists:,} artists; {report.files_kept:,} table "
        f"files kept, {report.files_new:,} new ({format_bytes(report.bytes_new)})."
    ]
    lines += [f"{count:,} × {code}" for code, count in sorted(report.findings.items())]
    if report.findings:
        lines.append(f"Each is named in {report.path}/findings.parquet")
    return lines


def publish(
    archive: ArchivePath,
    edition: Annotated[
        str | None, typer.Option("--edition", metavar="NAME", help="Name; the date otherwise.")
    ] = None,
    keys: Keys = None,
    passphrase_variable: Passphrase = None,
    renew: Annotated[
        bool,
        typer.Option(
            "--renew",
            help="Publish nothing; keep the signatures of the online keys from running out.",
        ),
    ] = False,
    sqlite: Annotated[
        bool,
        typer.Option("--sqlite", help="With the catalogue as one SQLite file, ready to be asked."),
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Release a signed edition: volumes, torrents, tables. What was published before stays."""
    from phonotheque.archive import execute_publish, plan_publish

    screen = Screen(json_mode=json)
    tree = archive_tree(archive)
    if renew:
        _renew(screen, tree, dry_run=dry_run)
        return
    at = now()
    plan = plan_publish(tree, at, name=edition, sqlite=sqlite)
    if dry_run:
        show_plan(screen, plan)
        return
    with Reporter(screen) as progress:
        report = execute_publish(
            tree,
            plan,
            at,
            progress,
            keys_dir=keys,
            passphrase=read_passphrase(passphrase_variable),
        )
    screen.result(report, _publish_lines(report))


def _renew(screen: Screen, tree: "Tree", *, dry_run: bool) -> None:
    from phonotheque.archive import Freshness, keep_fresh

    report = keep_fresh(tree, now(), dry_run=dry_run)
    if report.state is Freshness.NO_KEYS:
        raise NotFoundError(
            f"{tree.online_keys}: the online keys are not there; restore them from the backup"
        )
    said = {
        Freshness.RENEWED: "would be renewed" if dry_run else "renewed",
        Freshness.FRESH: "fresh enough",
        Freshness.BUSY: "left alone, another phonotheque process is writing here",
    }[report.state]
    screen.result(
        report, [f"Online signatures {said}; they run out {report.expires:%Y-%m-%d %H:%M} UTC."]
    )


def _publish_lines(report: "PublishReport") -> list[str]:
    if report.staged:
        return [
            f"Edition {report.name} is complete and waits for signatures; it is not out yet.",
            *(f"  phonotheque keys sign {path} --keys DIR" for path in report.staged),
            "Each holder signs a copy; then: phonotheque keys commit ARCHIVE COPY...",
        ]
    if report.nothing_new:
        return [f"Edition {report.name} says all of it already; its signatures are complete."]
    lines = [
        f"Edition {report.name}: {report.files:,} files in {report.volumes:,} volumes; new are "
        f"{report.new_files:,} files, {format_bytes(report.new_bytes)}."
    ]
    for volume, magnet in zip(report.new_volumes, report.magnets, strict=True):
        lines += [
            f"  {volume.volume}  tier {volume.tier}  {volume.files:,} files  "
            f"{format_bytes(volume.total_bytes)}; torrent {format_bytes(volume.torrent_bytes)}, "
            f"padding {format_bytes(volume.padding_bytes)}",
            f"    {magnet}",
        ]
    if report.copies:
        lines.append(f"{report.copies:,} copies were made for it.")
    as_came = (FindingCode.COPY_NOT_MADE, FindingCode.COPY_NOT_TAGGED)
    lines += [
        f"{'as it came' if code in as_came else 'kept out'}: {count:,} × {code}"
        for code, count in sorted(report.refused.items())
    ]
    if report.refused:
        lines.append(f"Each is named in {report.findings}")
    return lines


def withdraw(
    archive: ArchivePath,
    ids: Annotated[
        list[str],
        typer.Argument(metavar="[ID]...", help="Public ids, ISRCs or numbers.", show_default=False),
    ] = [],
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="rights|take-down|donor|privacy|error",
            help="What may be said; take-down where there is a notice.",
        ),
    ] = None,
    notice: Annotated[
        str | None,
        typer.Option(metavar="FORM|CASE", help="The notice that asks for it; names what to take."),
    ] = None,
    note: Annotated[
        str | None, typer.Option(metavar="TEXT", help="For the archive's own files.")
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Take recordings back: revoked at once, gone from the next edition, deleted by mirrors."""
    from phonotheque.archive import execute_withdraw, plan_withdraw

    screen = Screen(json_mode=json)
    tree = archive_tree(archive)
    if reason is None and notice is None:
        raise UsageError("say why: --reason, or --notice with the notice that asks for it")
    case = _receive(screen, tree, notice, dry_run=dry_run) if notice else None
    plan = plan_withdraw(tree, ids, reason or "take-down", note=note, case=case)
    if dry_run:
        screen.result(
            plan,
            [
                f"would withdraw {r.public_id} {r.artist_credit} – {r.title}"
                for r in plan.recordings
            ],
        )
        return
    with Reporter(screen) as progress:
        report = execute_withdraw(tree, plan, now(), progress)
    screen.result(
        report,
        [
            f"Withdrawn: {', '.join(report.withdrawn) or 'none'}.",
            *([f"Withdrawn before: {', '.join(report.already)}."] if report.already else []),
            f"Files on the list of revocations: {report.revoked_files:,}.",
            *([f"Case {report.case}: disabled."] if report.case else []),
            *([f"{report.purged_files:,} files purged."] if report.purged_files else []),
            "Next: phonotheque build, then publish, so that the edition says so as well.",
        ],
    )


def _receive(screen: Screen, tree: "Tree", notice: str, *, dry_run: bool) -> str:
    """The case of a notice, received first where a form is given; ends with what it lacks."""
    from phonotheque.archive import execute_receive, plan_receive

    form = Path(notice)
    if form.suffix != ".toml":
        return notice
    at = now()
    plan, letter = plan_receive(tree, form, at)
    if plan.missing or (dry_run and not plan.already):
        if not dry_run:
            execute_receive(tree, plan, letter, at)
        lines = [f"{plan.case}: {plan.answer}; names {', '.join(plan.recordings) or 'nothing'}"]
        screen.result(plan, lines + [f"  missing – {lack}" for lack in plan.missing])
        raise typer.Exit(ExitCode.FINDINGS if plan.missing else ExitCode.OK)
    return execute_receive(tree, plan, letter, at).case if not dry_run else plan.case
