"""Who calls: by an API key, or, where the operator takes them, by a password or a token of one."""

import binascii
from dataclasses import dataclass

from phonotheque.accounts import RESERVED, Account, Door, NotAuthenticatedError, is_key
from phonotheque.serve.subsonic.parameters import NO_ACCESS, CallError, Parameters, missing

WRONG_PASSWORD, NO_TOKENS, NO_PASSWORDS, CONFLICT, WRONG_KEY = 40, 41, 42, 43, 44
HELP = "/about"


@dataclass(frozen=True, slots=True)
class Players:
    """How a server treats players. `anonymous`: whoever shows nothing, or calls themselves guest,
    may read. `passwords` and `tokens`: what is taken besides API keys. `transcodes`: how many
    run at once, 0 for none."""

    anonymous: bool = True
    passwords: bool = False
    tokens: bool = False
    transcodes: int = 2


def who_calls(call: Parameters, door: Door | None, players: Players) -> Account | None:
    """The account that calls; None for nobody in particular.

    Raises:
        CallError: 10 where nothing is shown and something has to be, 40 to 44 where what is shown
            opens nothing or is of a kind that this server does not take.
    """
    key, name = call.get("apiKey"), call.get("u")
    password, token, salt = call.get("p"), call.get("t"), call.get("s")
    if key is not None:
        if any(shown is not None for shown in (name, password, token, salt)):
            raise CallError(CONFLICT, "Multiple conflicting authentication mechanisms provided")
        return _by_key(door, key)
    if password is not None and token is not None:
        raise CallError(CONFLICT, "Multiple conflicting authentication mechanisms provided")
    if players.anonymous and (name is None or name.lower() in RESERVED):
        return None
    if name is None:
        raise missing("apiKey")
    if token is not None:
        return _by_token(door, players, name, (token, salt))
    if password is None:
        raise missing("p")
    return _by_password(door, players, name, _decoded(password))


def own(account: Account | None) -> Account:
    """The account, for what belongs to somebody.

    Raises:
        CallError: 50, nobody in particular calls.
    """
    if account is None:
        raise CallError(
            NO_ACCESS, "User is not authorized for the given operation: it wants an account", HELP
        )
    return account


def _by_key(door: Door | None, key: str) -> Account:
    try:
        if door is not None:
            return door.by_key(key)
    except NotAuthenticatedError:
        pass
    raise CallError(WRONG_KEY, "Invalid API key", HELP)


def _by_token(
    door: Door | None, players: Players, name: str, shown: tuple[str, str | None]
) -> Account:
    token, salt = shown
    if salt is None:
        raise missing("s")
    if not players.tokens:
        raise CallError(NO_TOKENS, "Token authentication not supported: use an API key", HELP)
    try:
        if door is not None:
            return door.by_token(name, token, salt)
    except NotAuthenticatedError:
        pass
    raise CallError(WRONG_PASSWORD, "Wrong username or password", HELP)


def _by_password(door: Door | None, players: Players, name: str, password: str) -> Account:
    try:
        if door is not None and is_key(password):
            found = door.by_key(password)
            if found.name == name:
                return found
        elif door is not None and players.passwords:
            return _by_either_password(door, players, name, password)
    except NotAuthenticatedError:
        pass
    if not players.passwords and not is_key(password):
        text = "Provided authentication mechanism not supported: use an API key"
        raise CallError(NO_PASSWORDS, text, HELP)
    raise CallError(WRONG_PASSWORD, "Wrong username or password", HELP)


def _by_either_password(door: Door, players: Players, name: str, password: str) -> Account:
    """By the password for tokens where these are taken: players that send tokens send it as it is
    in the addresses of streams. Else by the account's own, which takes longer."""
    if players.tokens:
        try:
            return door.by_token_password(name, password)
        except NotAuthenticatedError:
            pass
    return door.by_password(name, password)


def _decoded(password: str) -> str:
    """What was sent, or what ``enc:`` and its hexadecimal digits stand for."""
    if not password.startswith("enc:"):
        return password
    try:
        return binascii.unhexlify(password[4:]).decode()
    except (ValueError, UnicodeDecodeError):
        return password
