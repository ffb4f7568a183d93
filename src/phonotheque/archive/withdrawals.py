"""The archive's list of withdrawals: `ARCHIVE/withdrawals.jsonl`, one JSON object a line.

Lines are only ever added. A recording counts as withdrawn while a line for it was not taken back by
a later line of the same case (or, both, of none).
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from phonotheque.model.edition import WithdrawalReason
from phonotheque.model.errors import FormatError
from phonotheque.storage.durable import write_bytes
from phonotheque.storage.layout import Tree


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. `note` is for the operator and is never published. `files`: sha256 (hex) of the
    recording's files, published or not; these bytes stay barred whatever becomes of the number.
    `case`: the notice it rests on, or None.
    """

    recording: int  # permanent number
    public_id: str
    reason: WithdrawalReason
    since: datetime
    note: str | None = None
    files: list[str] = []
    case: str | None = None


class Restoration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line that takes a withdrawal of the same recording and case back."""

    recording: int
    public_id: str
    restored: datetime
    note: str | None = None
    case: str | None = None


class _Restored(msgspec.Struct):
    restored: datetime | None = None


def withdrawals_jsonl(tree: Tree) -> Path:
    """Where the list stands."""
    return tree.root / "withdrawals.jsonl"


def read_withdrawals(tree: Tree) -> list[Withdrawal]:
    """Every withdrawal in force, oldest first, one for each recording; empty without a list.

    `files` are those of all withdrawals of the recording that are in force.

    Raises:
        FormatError: a line that does not parse; the message names it.
    """
    found: dict[int, Withdrawal] = {}
    for withdrawal in in_force(tree):
        first = found.setdefault(withdrawal.recording, withdrawal)
        if set(withdrawal.files) - set(first.files):
            files = sorted({*first.files, *withdrawal.files})
            found[withdrawal.recording] = msgspec.structs.replace(first, files=files)
    return list(found.values())


def in_force(tree: Tree) -> list[Withdrawal]:
    """Every withdrawal in force, oldest first, one for each recording and case.

    Raises:
        FormatError: a line that does not parse; the message names it.
    """
    found: dict[tuple[int, str | None], Withdrawal] = {}
    for line in read_lines(tree):
        key = (line.recording, line.case)
        if isinstance(line, Restoration):
            found.pop(key, None)
        else:
            found.setdefault(key, line)
    return list(found.values())


def read_lines(tree: Tree) -> list[Withdrawal | Restoration]:
    """Every line of the list, oldest first.

    Raises:
        FormatError: a line that does not parse; the message names it.
    """
    path = withdrawals_jsonl(tree)
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [_parse(line, f"{path}: line {number}") for number, line in enumerate(lines, 1)]


def add_withdrawals(tree: Tree, added: Sequence[Withdrawal | Restoration]) -> None:
    """Append to the list, durably: all of `added` or none."""
    path = withdrawals_jsonl(tree)
    before = path.read_bytes() if path.exists() else b""
    write_bytes(path, before + b"".join(msgspec.json.encode(line) + b"\n" for line in added))


def _parse(line: bytes, where: str) -> Withdrawal | Restoration:
    try:
        if msgspec.json.decode(line, type=_Restored).restored is None:
            return msgspec.json.decode(line, type=Withdrawal)
        return msgspec.json.decode(line, type=Restoration)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise FormatError(f"{where}: {error}; correct it by hand") from error
