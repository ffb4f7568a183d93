"""The commands of the group `accounts`: who may do more than read on a server."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Screen
from phonotheque.cli.operating import read_passphrase
from phonotheque.cli.options import Json, TreePath
from phonotheque.model.errors import ExitCode, UsageError
from phonotheque.storage.layout import Tree

if TYPE_CHECKING:
    from phonotheque.accounts import Account, Accounts, KeyRow, Role

accounts = typer.Typer(
    name="accounts",
    help="Accounts of a server: who may do more than read, by which password or key.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
keys = typer.Typer(
    name="key", help="API keys of an account.", no_args_is_help=True, rich_markup_mode=None
)
State = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="Where accounts are kept; PATH-STATE by default."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the account: a-z, 0-9, . - _")]
RoleText = Annotated[
    str | None, typer.Option("--role", metavar="reader|operator|admin", help="What it may do.")
]
Territory = Annotated[
    str | None,
    typer.Option(metavar="CC", help='Country whose rights hold for it, ISO 3166; "" for none.'),
]


def add_commands(app: typer.Typer) -> None:
    """Hang this module's commands into `app`."""
    accounts.command()(add)
    accounts.command("list")(list_accounts)
    for command in (show, change, disable, enable, password, token_password, audit):
        accounts.command()(command)
    keys.command("add")(add_key)
    keys.command("list")(list_keys)
    keys.command("revoke")(revoke_key)
    accounts.add_typer(keys)
    app.add_typer(accounts)


def state_directory(path: Path, state: Path | None) -> Path:
    """Where the server over the tree at `path` keeps accounts."""
    return state if state is not None else Tree(path).state


@contextmanager
def _opened(path: Path, state: Path | None, *, create: bool = False) -> "Iterator[Accounts]":
    from phonotheque.accounts import ACCOUNTS_FILE, Accounts

    with Accounts(state_directory(path, state) / ACCOUNTS_FILE, create=create) as found:
        yield found


def _actor() -> str:
    return f"cli:{getpass.getuser()}"


def add(
    path: TreePath,
    name: Name,
    role: RoleText = None,
    territory: Territory = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Add an account; then give it a key (`accounts key add`) or a password."""
    with _opened(path, state, create=True) as found:
        made = found.add(name, now(), _actor(), role=_role(role or "reader"), territory=territory)
    Screen(json_mode=json).result(made, [f"Account {made.name} is made: {made.role}."])


def list_accounts(path: TreePath, state: State = None, json: Json = False) -> None:
    """List the accounts."""
    screen = Screen(json_mode=json)
    with _opened(path, state) as found:
        listed = found.listed()
    if json:
        screen.print_json({"accounts": listed})
        return
    screen.table(
        ("name", "role", "territory", "password", "state"),
        ((a.name, a.role, a.territory, a.has_password, _state(a)) for a in listed),
    )


def show(path: TreePath, name: Name, state: State = None, json: Json = False) -> None:
    """Show an account with its keys."""
    screen = Screen(json_mode=json)
    with _opened(path, state) as found:
        account, owned = found.account(name), found.keys(name)
    if json:
        screen.print_json({"account": account, "keys": owned})
        return
    screen.say(f"{account.name}: {account.role}, {_state(account)}, made {account.created_at:%F}")
    screen.say(f"territory: {account.territory or 'that of the edition'}")
    screen.say(f"password: {'yes' if account.has_password else 'none'}")
    screen.say(f"password for tokens: {'yes' if account.has_token_password else 'none'}")
    _key_table(screen, owned)


def change(
    path: TreePath,
    name: Name,
    role: RoleText = None,
    territory: Territory = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Give an account another role or territory."""
    with _opened(path, state) as found:
        changed = found.change(
            name, now(), _actor(), role=_role(role) if role else None, territory=territory
        )
    place = changed.territory or "no territory of its own"
    Screen(json_mode=json).result(changed, [f"{name}: {changed.role}, {place}."])


def disable(path: TreePath, name: Name, state: State = None, json: Json = False) -> None:
    """Let an account open nothing any more; what it has is kept."""
    with _opened(path, state) as found:
        changed = found.disable(name, now(), _actor())
    Screen(json_mode=json).result(changed, [f"{name} is disabled."])


def enable(path: TreePath, name: Name, state: State = None, json: Json = False) -> None:
    """Take back `disable`."""
    with _opened(path, state) as found:
        changed = found.enable(name, now(), _actor())
    Screen(json_mode=json).result(changed, [f"{name} is enabled."])


def password(
    path: TreePath,
    name: Name,
    variable: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Environment variable with it; else it is asked for."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the password away.")] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Give an account a password, or take it away."""
    with _opened(path, state) as found:
        found.account(name)  # say that there is none before anything is asked
        given = None if remove else _read_password(variable)
        found.set_password(name, given, now(), _actor())
        account = found.account(name)
    done = "has no password any more" if remove else "has a new password"
    Screen(json_mode=json).result(account, [f"{name} {done}."])


def token_password(
    path: TreePath,
    name: Name,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away.")] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Make a password for players that can only send tokens; it is shown this once."""
    screen = Screen(json_mode=json)
    with _opened(path, state) as found:
        if remove:
            found.remove_token_password(name, now(), _actor())
            screen.result({"removed": name}, [f"{name} has no password for tokens any more."])
            return
        made = found.make_token_password(name, now(), _actor())
    screen.result({"password": made}, [made])


def audit(
    path: TreePath,
    after: Annotated[int, typer.Option(min=0, help="Only events behind this number.")] = 0,
    state: State = None,
    json: Json = False,
) -> None:
    """Show what was done to accounts, and check that nobody changed that log."""
    screen = Screen(json_mode=json)
    with _opened(path, state) as found:
        events, broken = list(found.iter_audit(after)), found.check_audit()
    if json:
        screen.print_json({"events": events, "first_broken": broken})
    else:
        screen.table(
            ("event", "at", "by", "what", "account", "detail"),
            ((e.number, f"{e.at:%F %T}", e.actor, e.action, e.account, e.detail) for e in events),
        )
    if broken is not None:
        screen.note(f"event {broken} is not as it was written, or one before it is missing")
        raise typer.Exit(ExitCode.FINDINGS)


def add_key(
    path: TreePath,
    name: Name,
    label: Annotated[str, typer.Option(metavar="TEXT", help="What it is for.")],
    days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="It opens nothing after so many days.")
    ] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Make an API key; it is shown this once."""
    at = now()
    with _opened(path, state) as found:
        made = found.add_key(
            name, label, at, _actor(), expires_at=None if days is None else at + timedelta(days)
        )
    Screen(json_mode=json).result(made, [made.key])


def list_keys(path: TreePath, name: Name, state: State = None, json: Json = False) -> None:
    """List the API keys of an account."""
    screen = Screen(json_mode=json)
    with _opened(path, state) as found:
        owned = found.keys(name)
    if json:
        screen.print_json({"keys": owned})
    else:
        _key_table(screen, owned)


def revoke_key(
    path: TreePath,
    name: Name,
    number: Annotated[int, typer.Argument(metavar="KEY", min=1, help="Its number in the list.")],
    state: State = None,
    json: Json = False,
) -> None:
    """Let an API key open nothing any more."""
    with _opened(path, state) as found:
        found.revoke_key(name, number, now(), _actor())
    Screen(json_mode=json).result({"revoked": number}, [f"Key {number} of {name} is revoked."])


def _key_table(screen: Screen, owned: "list[KeyRow]") -> None:
    screen.table(
        ("key", "label", "begins", "made", "expires", "used", "revoked"),
        (
            (k.number, k.name, k.hint, *(at and f"{at:%F}" for at in
             (k.created_at, k.expires_at, k.used_at, k.revoked_at)))
            for k in owned
        ),
    )  # fmt: skip


def _role(text: str) -> "Role":
    from phonotheque.accounts import Role

    try:
        return Role(text)
    except ValueError:
        raise UsageError(f"{text!r} is no role; take one of {', '.join(Role)}") from None


def _state(account: "Account") -> str:
    return "enabled" if account.disabled_at is None else f"disabled {account.disabled_at:%F}"


def _read_password(variable: str | None) -> str:
    given = read_passphrase(variable)
    if given is not None:
        return given.decode()
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed
