"""The archive's list of withdrawals: `ARCHIVE/withdrawals.jsonl`, one JSON object a line.

Lines are only ever added. A recording counts as withdrawn while a line for it was not taken back by
a later line of the same case (or, both, of none).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path

import msgspec

from phonotheque.model.edition import WithdrawalReason
from phonotheque.model.errors import FormatError
from phonotheque.storage.durable import write_chunks
from phonotheque.storage.layout import Tree

_PIECE_BYTES = 1 << 20


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
    return _in_force(iter_lines(tree))


def in_force_among(tree: Tree, numbers: Iterable[int]) -> list[Withdrawal]:
    """The same of these recordings alone; memory is in proportion to them, not to the list.

    Raises:
        FormatError: a line that does not parse; the message names it.
    """
    asked = set(numbers)
    return _in_force(line for line in iter_lines(tree) if line.recording in asked)


def withdrawn_among(tree: Tree, numbers: Iterable[int], case: str | None) -> set[int]:
    """Which of these recordings are withdrawn for `case` (None: without a notice)."""
    return {w.recording for w in in_force_among(tree, numbers) if w.case == case}


def iter_lines(tree: Tree) -> Iterator[Withdrawal | Restoration]:
    """Every line of the list, oldest first; memory is one line.

    Raises:
        FormatError: a line that does not parse; the message names it.
    """
    path = withdrawals_jsonl(tree)
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            yield _parse(line, f"{path}: line {number}")


def add_withdrawals(tree: Tree, added: Sequence[Withdrawal | Restoration]) -> None:
    """Append to the list, durably: all of `added` or none; the list itself is copied in pieces."""
    path = withdrawals_jsonl(tree)
    write_chunks(path, chain(_iter_pieces(path), (_line(line) for line in added)))


def _iter_pieces(path: Path) -> Iterator[bytes]:
    if not path.exists():
        return
    piece = b""
    with path.open("rb") as stream:
        while more := stream.read(_PIECE_BYTES):
            piece = more
            yield piece
    if piece and not piece.endswith(b"\n"):  # edited by hand
        yield b"\n"


def _line(line: Withdrawal | Restoration) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def _in_force(lines: Iterable[Withdrawal | Restoration]) -> list[Withdrawal]:
    found: dict[tuple[int, str | None], Withdrawal] = {}
    for line in lines:
        key = (line.recording, line.case)
        if isinstance(line, Restoration):
            found.pop(key, None)
        else:
            found.setdefault(key, line)
    return list(found.values())


def _parse(line: bytes, where: str) -> Withdrawal | Restoration:
    try:
        if msgspec.json.decode(line, type=_Restored).restored is None:
            return msgspec.json.decode(line, type=Withdrawal)
        return msgspec.json.decode(line, type=Restoration)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise FormatError(f"{where}: {error}; correct it by hand") from error
