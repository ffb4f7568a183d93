"""The archive's list of withdrawals: `ARCHIVE/withdrawals.jsonl`, one JSON object a line.

Lines are only ever added. A recording counts as withdrawn from its first line on.
"""

from datetime import datetime
from pathlib import Path

import msgspec

from phonotheque.model.edition import WithdrawalReason
from phonotheque.model.errors import FormatError
from phonotheque.storage.durable import write_bytes
from phonotheque.storage.layout import Tree


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `note` is for the operator and is never published. `files`: sha256 (hex) of the
    recording's files, published or not; these bytes stay barred whatever becomes of the number.
    """

    recording: int  # permanent number
    public_id: str
    reason: WithdrawalReason
    since: datetime
    note: str | None = None
    files: list[str] = []


def withdrawals_jsonl(tree: Tree) -> Path:
    """Where the list stands."""
    return tree.root / "withdrawals.jsonl"


def read_withdrawals(tree: Tree) -> list[Withdrawal]:
    """Every withdrawal, oldest first, one for each recording; empty when there is no list.

    Raises:
        FormatError: a line that does not parse; the message names it.
    """
    path = withdrawals_jsonl(tree)
    if not path.exists():
        return []
    found: dict[int, Withdrawal] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            withdrawal = msgspec.json.decode(line, type=Withdrawal)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise FormatError(f"{path}: line {number}: {error}; correct it by hand") from error
        found.setdefault(withdrawal.recording, withdrawal)
    return list(found.values())


def add_withdrawals(tree: Tree, added: list[Withdrawal]) -> None:
    """Append to the list, durably: all of `added` or none."""
    path = withdrawals_jsonl(tree)
    before = path.read_bytes() if path.exists() else b""
    write_bytes(path, before + b"".join(msgspec.json.encode(w) + b"\n" for w in added))
