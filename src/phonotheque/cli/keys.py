"""The commands of the group `keys`: signing keys, their holders, and what waits for them."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Screen
from phonotheque.cli.operating import Keys, Passphrase, read_passphrase
from phonotheque.cli.options import DryRun, Json, TreePath, archive_tree
from phonotheque.model.errors import ExitCode

if TYPE_CHECKING:
    from phonotheque.archive import CeremonyReport
    from phonotheque.edition import Proposal

keys = typer.Typer(
    name="keys",
    help="Keys that sign the archive: status, rotation, thresholds, renewal, signing by holders.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_DIGITS = 12


def add_commands(app: typer.Typer) -> None:
    """Hang this module's commands into `app`."""
    for command in (status, make, rotate, threshold, renew, sign, commit, drop):
        keys.command()(command)
    app.add_typer(keys)


def status(path: TreePath, json: Json = False) -> None:
    """Say who signs what, until when it is valid, and what waits for signatures."""
    from phonotheque.archive import key_status

    screen = Screen(json_mode=json)
    found = key_status(archive_tree(path), now())
    if json:
        screen.print_json(found)
    else:
        screen.table(
            ("role", "version", "must sign", "keys", "valid until", "state"),
            (
                (r.role, r.version, f"{r.threshold} of {len(r.keys)}",
                 " ".join(k[:_DIGITS] for k in r.keys), r.expires, r.state)
                for r in found.roles
            ),
        )  # fmt: skip
        for line in _waiting(found.proposals):
            screen.say(line)
        screen.say(f"Root fingerprint: {found.root_sha256 or 'the first root is not here'}")
    if any(role.state == "expired" for role in found.roles):
        raise typer.Exit(ExitCode.FINDINGS)


def make(
    file: Annotated[Path, typer.Argument(metavar="FILE.pem", help="Where the new key goes.")],
    passphrase_variable: Passphrase = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make a key on its holder's machine; only FILE.pub is given to the archive."""
    from phonotheque.edition import make_key

    screen = Screen(json_mode=json)
    passphrase = read_passphrase(passphrase_variable)
    if dry_run:
        screen.result({"file": str(file)}, [f"would make {file} and {file.with_suffix('.pub')}"])
        return
    public, key = make_key(file, passphrase)
    screen.result(
        {"file": str(file), "public": str(public), "key": key.keyid},
        [f"Key {key.keyid[:_DIGITS]}: {file} stays with you, {public} goes to the archive."],
    )


def rotate(
    path: TreePath,
    roles: Annotated[
        list[str], typer.Argument(metavar="ROLE...", help="root|targets|snapshot|timestamp|"
                                  "revocations: each gets a new key.")
    ],
    add: Annotated[
        list[Path], typer.Option(metavar="FILE.pub", help="Add this key instead; repeatable.")
    ] = [],
    remove: Annotated[
        list[str], typer.Option(metavar="KEYID", help="Take this key away; repeatable.")
    ] = [],
    threshold: Annotated[
        int | None, typer.Option(min=1, help="How many keys of the role must sign.")
    ] = None,
    keys: Keys = None,
    passphrase_variable: Passphrase = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Replace keys, or add and remove keys of root or targets; followers take it up."""
    from phonotheque.archive import rotate_keys

    report = rotate_keys(
        archive_tree(path),
        roles,
        now(),
        add=add,
        remove=remove,
        threshold=threshold,
        keys_dir=keys,
        passphrase=read_passphrase(passphrase_variable),
        dry_run=dry_run,
    )
    _tell(Screen(json_mode=json), report, path, dry_run=dry_run)


def threshold(
    path: TreePath,
    role: Annotated[str, typer.Argument(metavar="root|targets")],
    number: Annotated[int, typer.Argument(metavar="K", min=1, help="Keys that must sign.")],
    keys: Keys = None,
    passphrase_variable: Passphrase = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Say how many of the keys of root or targets must sign."""
    rotate(
        path, [role], threshold=number, keys=keys, passphrase_variable=passphrase_variable,
        dry_run=dry_run, json=json,
    )  # fmt: skip


def renew(
    path: TreePath,
    keys: Keys = None,
    passphrase_variable: Passphrase = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Sign root and targets for another year, with the same keys."""
    from phonotheque.archive import renew_keys

    report = renew_keys(
        archive_tree(path),
        now(),
        keys_dir=keys,
        passphrase=read_passphrase(passphrase_variable),
        dry_run=dry_run,
    )
    _tell(Screen(json_mode=json), report, path, dry_run=dry_run)


def sign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that waits in ceremony/.")],
    keys: Annotated[Path, typer.Option("--keys", metavar="DIR", help="Directory of your keys.")],
    passphrase_variable: Passphrase = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Sign a proposed file with your keys, on any machine; --dry-run shows what you would sign."""
    from phonotheque.edition import open_keys, sign_file

    screen = Screen(json_mode=json)
    ring = open_keys(keys, read_passphrase(passphrase_variable))
    done = sign_file(file, ring, dry_run=dry_run)
    verb = "would be signed" if dry_run else "is signed"
    with_keys = ", ".join(k[:_DIGITS] for k in done.added)
    said = f"{file} {verb} with {with_keys}" if done.added else f"{file} had your signature already"
    left = ", ".join(k[:_DIGITS] for k in done.proposal.unsigned) or "nobody"
    screen.result(done, [*done.says, f"{said}; asked as well: {left}."])


def commit(
    path: TreePath,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="[FILE]...", help="Signed copies.", show_default=False),
    ] = [],
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Collect signatures from copies that came back; put in force what has enough of them."""
    from phonotheque.archive import commit_keys

    report = commit_keys(archive_tree(path), files, now(), dry_run=dry_run)
    _tell(Screen(json_mode=json), report, path, dry_run=dry_run)


def drop(path: TreePath, dry_run: DryRun = False, json: Json = False) -> None:
    """Throw away what waits for signatures; what is in force stays."""
    from phonotheque.archive import drop_proposals

    gone = drop_proposals(archive_tree(path), dry_run=dry_run)
    verb = "would be removed" if dry_run else "removed"
    Screen(json_mode=json).result({"dropped": gone}, [f"{file} {verb}" for file in gone])


def _tell(screen: Screen, report: "CeremonyReport", path: Path, *, dry_run: bool) -> None:
    lines = [*report.changes]
    if not dry_run:
        lines += [f"New key: {file}" for file in report.made if ".next." not in file]
    lines += _waiting(report.proposals)
    if report.edition:
        lines.append(f"Edition {report.edition} is out.")
    if dry_run:
        lines.append("Nothing was written.")
    elif not report.out:
        lines.append(f"Then: phonotheque keys commit {path} FILE...")
    screen.result(report, lines)


def _waiting(proposals: "Iterable[Proposal]") -> Iterable[str]:
    for p in proposals:
        if not p.missing:
            yield f"{p.path}: has enough signatures"
            continue
        asked = ", ".join(k[:_DIGITS] for k in p.unsigned)
        yield f"{p.path}: {p.missing} signatures missing, of {asked}; each holder runs"
        yield f"  phonotheque keys sign {Path(p.path).name} --keys DIR"
