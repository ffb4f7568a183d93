"""Commands that keep the vault: verify --vault, and the group `vault`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.options import ArchivePath, DryRun, Json, archive_tree, parse_size
from phonotheque.model.errors import ExitCode
from phonotheque.model.findings import Finding

if TYPE_CHECKING:
    from phonotheque.archive import OrphanReport, VaultVerification
    from phonotheque.vault import Aside, FixityStatus, MendReport

vault = typer.Typer(
    name="vault",
    help="Keep the vault: how it stands, repair, quarantine, orphans.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

VaultOption = Annotated[
    bool,
    typer.Option("--vault", help="Check the archive's vault instead: what is due of its objects."),
]
Days = Annotated[
    float | None,
    typer.Option(
        min=0.001, help="With --vault: read every object within so many days (archive.toml: 90)."
    ),
]
Everything = Annotated[bool, typer.Option("--all", help="With --vault: read everything now.")]
Rate = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="With --vault: bytes a second at most, e.g. 50MB."),
]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, max=256, help="With --vault: files read at once; 1 for a single disk."),
]
Digest = Annotated[str, typer.Argument(metavar="SHA256", help="64 hex digits.")]
_SHOWN = 50


def add_commands(app: typer.Typer) -> None:
    """Hang this module's commands into `app`."""
    for name, command in (
        ("status", status), ("repair", repair), ("orphans", orphans), ("quarantine", quarantine),
        ("show", show), ("release", release), ("set-aside", set_aside),
    ):  # fmt: skip
        vault.command(name)(command)
    app.add_typer(vault)


def verify_vault(
    archive: Path,
    *,
    days: float | None,
    everything: bool,
    rate: str | None,
    jobs: int | None,
    json: bool,
) -> None:
    """`phonotheque verify ARCHIVE --vault`."""
    from phonotheque.archive import verify_vault as check

    screen = Screen(json_mode=json)
    with Reporter(screen) as progress:
        report = check(
            archive_tree(archive),
            now(),
            progress,
            days=days,
            everything=everything,
            bytes_per_s=parse_size(rate) if rate else None,
            jobs=jobs,
        )
    screen.result(report, _verification_lines(report))
    _end_with(screen, report.findings, report.fixity.findings_left_out)


def _verification_lines(report: "VaultVerification") -> Iterable[str]:
    fixity = report.fixity
    yield (
        f"{fixity.sound:,} sound, {fixity.damaged:,} damaged, {fixity.missing:,} missing, "
        f"{fixity.not_checked:,} not checked; {format_bytes(fixity.bytes_read)} read."
    )
    if fixity.mended:
        yield f"{fixity.mended:,} objects that were bad are sound now."
    yield from _schedule_lines(fixity.status)
    if report.clean:
        yield "Everything looked at is sound."


def _schedule_lines(status: "FixityStatus") -> Iterable[str]:
    yield (
        f"Round {status.round}: {status.round_done:.1%} done, {status.round_due:.1%} due; "
        f"{status.checked_share:.1%} of the vault checked within {status.days:g} days."
    )
    if status.oldest_check is not None:
        yield (
            f"The oldest check is of {status.oldest_check:%Y-%m-%d %H:%M} UTC; the schedule takes "
            f"{format_bytes(status.bytes_per_s)}/s."
        )


def status(archive: ArchivePath, json: Json = False) -> None:
    """Say what the vault holds, how well it is checked, and what is set aside."""
    from phonotheque.archive import vault_status

    screen = Screen(json_mode=json)
    found = vault_status(archive_tree(archive), now())
    lines = [f"{found.objects:,} objects, {format_bytes(found.bytes)}, in {found.store}"]
    lines += [
        f"  {puid}: {count:,} objects, {format_bytes(size)}"
        for puid, (count, size) in found.formats.items()
    ]
    lines += _schedule_lines(found.fixity) if found.fixity.round else ["Never checked yet."]
    bad = found.fixity
    lines += [
        f"Bad: {bad.damaged:,} damaged, {bad.missing:,} missing, {bad.not_checked:,} not checked.",
        f"Quarantine: {found.quarantined:,} files, {format_bytes(found.quarantined_bytes)}.",
        f"History: {found.batches:,} batches, the last one {found.last_batch or 'none'}.",
    ]
    screen.result(found, lines)
    _end_with(screen, found.findings)


def repair(
    archive: ArchivePath,
    places: Annotated[
        list[str],
        typer.Option(
            "--from",
            metavar="PATH|URL",
            help="Where to look besides quarantine and the archive's own volumes: an archive, "
            "mirror, vault or any folder; a mirror's web address; s3://… Repeatable.",
        ),
    ] = [],
    missing: Annotated[
        bool,
        typer.Option("--missing", help="Look for objects without a file first (a lost disk)."),
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Put back objects that checks found damaged or missing, proved before they count."""
    from phonotheque.archive import repair_vault
    from phonotheque.mirror import origin_reader

    screen = Screen(json_mode=json)
    with Reporter(screen) as progress:
        report = repair_vault(
            archive_tree(archive),
            now(),
            progress,
            places,
            origin_reader,
            look_for_missing=missing,
            dry_run=dry_run,
        )
    screen.result(report, _mend_lines(report))
    _end_with(screen, report.findings)


def _mend_lines(report: "MendReport") -> Iterable[str]:
    for item in report.objects:
        verb = "would be tried from" if report.dry_run else "from"
        aside = f"; what was there is in quarantine as {item.quarantined}"
        yield f"{item.sha256} {verb} {item.source}{aside if item.quarantined else ''}"
    verb = "would be tried" if report.dry_run else "mended"
    yield (
        f"{report.bad:,} bad: {report.mended:,} {verb} ({format_bytes(report.bytes)}), "
        f"{report.sound_again:,} sound again, {report.failed:,} could not be mended."
    )


def orphans(
    archive: ArchivePath,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Make objects of unknown bytes that are sound audio.")
    ] = False,
    remove: Annotated[
        str | None,
        typer.Option(
            metavar="unknown|unnamed",
            help="Delete orphans of this kind for good; list them first, with --dry-run.",
        ),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """List bytes without a row, and objects that no import names; adopt or remove them."""
    from phonotheque.archive import keep_orphans

    screen = Screen(json_mode=json)
    with Reporter(screen) as progress:
        report = keep_orphans(
            archive_tree(archive), now(), progress, adopt=adopt, remove=remove, dry_run=dry_run
        )
    screen.result(report, _orphan_lines(report))
    _end_with(screen, report.findings)


def _orphan_lines(report: "OrphanReport") -> Iterable[str]:
    for orphan in report.orphans[:_SHOWN]:
        yield f"{orphan.kind}: {orphan.where} ({format_bytes(orphan.bytes)})"
    yield (
        f"{report.unknown:,} unknown ({format_bytes(report.unknown_bytes)}), {report.strays:,} "
        f"strays, {report.unnamed:,} named by no import ({format_bytes(report.unnamed_bytes)})."
    )
    if report.adopted or report.removed:
        verb = "would be removed" if report.dry_run else "removed"
        yield f"{report.adopted:,} adopted, {report.removed:,} {verb}."


def quarantine(archive: ArchivePath, json: Json = False) -> None:
    """List what is set aside, and why."""
    from phonotheque.archive import read_quarantine

    screen = Screen(json_mode=json)
    found = read_quarantine(archive_tree(archive))
    if json:
        screen.print_json({"quarantine": found})
        return
    screen.table(
        ("sha256", "size", "since", "why"),
        ((i.sha256, format_bytes(i.bytes), f"{i.at:%Y-%m-%d}", i.why) for i in found),
    )


def show(archive: ArchivePath, sha256: Digest, json: Json = False) -> None:
    """Show one file in quarantine: where it is, why, and what can become of it."""
    from phonotheque.archive import find_quarantined

    found = find_quarantined(archive_tree(archive), sha256)
    Screen(json_mode=json).result(found, _aside_lines(found))


def _aside_lines(found: "Aside") -> Iterable[str]:
    yield f"{found.sha256}: {format_bytes(found.bytes)}, since {found.at:%Y-%m-%d %H:%M} UTC"
    yield f"  why: {found.why}"
    yield f"  file: {found.path}" + ("" if found.there else " (is not there)")
    if found.object and found.object != found.sha256:
        yield f"  of the object {found.object}"
    yield "  can become an object again" if found.returnable else "  can be given out with --to"


def release(
    archive: ArchivePath,
    sha256: Digest,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Write it to this new file, and forget it."),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Let a file out of quarantine: back into the vault it came from, or out to a file."""
    from phonotheque.archive import release_quarantined

    screen = Screen(json_mode=json)
    found = release_quarantined(archive_tree(archive), sha256, now(), target=to, dry_run=dry_run)
    where = str(to) if to else "the vault"
    screen.result(found, [f"{sha256} {'would go' if dry_run else 'went'} to {where}"])


def set_aside(
    archive: ArchivePath,
    sha256: Digest,
    reason: Annotated[str, typer.Option(help="Why; it goes into the vault's history.")],
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Take an object out of the vault into quarantine; nothing is deleted."""
    from phonotheque.archive import quarantine_object

    screen = Screen(json_mode=json)
    found = quarantine_object(archive_tree(archive), sha256, reason, now(), dry_run=dry_run)
    verb = "would be set aside" if dry_run else "is set aside"
    screen.result(found, [f"{sha256} ({format_bytes(found.bytes)}) {verb}"])


def _end_with(screen: Screen, findings: Sequence[Finding], left_out: int = 0) -> None:
    for finding in findings[:_SHOWN]:
        screen.note(f"{finding.severity} {finding.code} {finding.where}: {finding.message}")
    more = len(findings) - _SHOWN + left_out
    if more > 0:
        screen.note(f"… and {more:,} more (--json lists more; all are in the vault's history)")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(ExitCode.FINDINGS)
