"""Claims: what the operator knows of the rights in one recording, from a document.

A claim is an import of its own, so it is kept as durably as what sources say; it counts from the
next build on. It can be taken back by another, which stays beside it.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from phonotheque.archive.claim_values import read_claim, read_kind
from phonotheque.archive.named import find_recordings
from phonotheque.catalogue import current_build, open_build
from phonotheque.model.errors import InputError, NotFoundError, UsageError
from phonotheque.model.numbers import Kind
from phonotheque.model.rights import EvidenceKind
from phonotheque.sources import InputRecord, iter_claims, keep_evidence, write_claim
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing

MAX_DOCUMENT_BYTES = 16 << 20


class State(StrEnum):
    """Whether a claim counts."""

    STANDING = "standing"
    LOST = "names a recording that is gone"
    TAKEN_BACK = "taken back"
    TAKES_BACK = "takes back another"


class ClaimView(msgspec.Struct, frozen=True, kw_only=True):
    """One claim as it was recorded. `said`: ``published=1921``; `id` counts from 0001."""

    id: str | None  # None: not recorded yet
    state: State
    recording: int
    public_id: str
    title: str
    artist_credit: str
    said: list[str]
    kind: str | None
    witness: str | None
    document: str | None
    sha256: str | None
    recorded_at: datetime
    takes_back: str | None = None


class ClaimPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be recorded: a row of `tables.CLAIM_ROWS`, and the document it rests on."""

    view: ClaimView
    row: dict[str, Any]
    document: InputRecord
    content: bytes | None = None


def plan_claim(
    tree: Tree,
    recording: str,
    said: Sequence[str],
    *,
    document: Path,
    witness: str,
    kind: str = EvidenceKind.CATALOGUE,
    confidence: float | None = None,
    now: datetime,
) -> ClaimPlan:
    """What recording ``FIELD=VALUE …`` on a recording (public id, ISRC or number) would be.

    Raises:
        NotFoundError: no archive, nothing built yet, or nothing of that name.
        UsageError: a field or value that there is not, no witness, or a kind that may not say it.
        InputError: the document cannot be read, is empty or too long.
    """
    known = read_kind(kind)
    facts = [read_claim(text, known, now.year) for text in said]
    if not facts:
        raise UsageError("say at least one thing, as FIELD=VALUE: published=1921")
    if not witness.strip():
        raise UsageError("--witness: name who says so, such as loc or label-scan:18722")
    if confidence is not None and not 0 <= confidence <= 1:
        raise UsageError("--confidence is a number from 0 to 1")
    content = _read(document)
    digest = sha256(content).hexdigest()
    evidence = [
        {
            "claim": claim.value, "value": value, "raw": raw, "kind": known.value,
            "source": document.name, "captured_at": now, "sha256": digest,
            "witness": witness.strip(), "confidence": confidence,
        }
        for claim, value, raw in facts
    ]  # fmt: skip
    (found,) = find_recordings(tree, [recording])
    row = {
        "recording": found.recording,
        "public_id": found.public_id,
        "title": found.title,
        "artist_credit": found.artist_credit,
        "evidence": evidence,
        "recorded_at": now,
        "takes_back": None,
    }
    record = InputRecord(name=document.name, kind="document", bytes=len(content), sha256=digest)
    return ClaimPlan(
        view=_view(row, None, State.STANDING), row=row, document=record, content=content
    )


def plan_take_back(tree: Tree, claim: str, *, now: datetime) -> ClaimPlan:
    """What taking the claim of this id back would be; it stays where it is, and counts no more.

    Raises:
        NotFoundError: there is no such claim.
        UsageError: it was taken back already, or takes back another itself.
    """
    found = {row["claim"]: row for row in iter_claims(tree)}
    if claim not in found:
        raise NotFoundError(f"{claim}: no such claim; `phonotheque rights claim --list` has them")
    if found[claim]["takes_back"] or any(r["takes_back"] == claim for r in found.values()):
        raise UsageError(f"{claim}: this claim does not count any more")
    row = found[claim] | {"evidence": [], "recorded_at": now, "takes_back": claim}
    record = InputRecord(name=f"claim {claim}", kind="taken back", bytes=0)
    return ClaimPlan(view=_view(row, None, State.TAKES_BACK), row=row, document=record)


def execute_claim(tree: Tree, plan: ClaimPlan, now: datetime) -> ClaimView:
    """Record what was planned: the document first, then all of the claim or nothing.

    Raises:
        ArchiveBusyError: somebody else writes.
        UsageError: it was taken back meanwhile.
    """
    with writing(tree.root):
        if plan.row["takes_back"]:
            plan_take_back(tree, plan.row["takes_back"], now=now)
        if plan.content is not None and plan.document.sha256 is not None:
            keep_evidence(tree, plan.document.sha256, plan.content)
        claim = write_claim(tree, plan.row, plan.document, now)
    return msgspec.structs.replace(plan.view, id=claim, recorded_at=now)


def read_claims(tree: Tree) -> list[ClaimView]:
    """Every claim of the archive, oldest first, with whether it counts.

    Raises:
        NotFoundError: no archive there.
    """
    if not tree.archive_toml.exists():
        raise NotFoundError(f"{tree.root}: no archive here; make one with `phonotheque init`")
    rows = list(iter_claims(tree))
    gone = {row["takes_back"] for row in rows} - {None}
    lost = _lost(tree, sorted({row["recording"] for row in rows}))
    return [_view(row, row["claim"], _state(row, gone, lost)) for row in rows]


def _state(row: dict[str, Any], gone: set[str], lost: set[int]) -> State:
    if row["takes_back"]:
        return State.TAKES_BACK
    if row["claim"] in gone:
        return State.TAKEN_BACK
    return State.LOST if row["recording"] in lost else State.STANDING


def _lost(tree: Tree, numbers: list[int]) -> set[int]:
    """Those of `numbers` that are no recordings of the current build, nor merged into one."""
    current = current_build(tree) if numbers else None
    if current is None:
        return set()
    reader = open_build(current[1], current[0])
    try:
        cursor = reader.cursor()
        cursor.register("claimed", pa.table({"old": pa.array(numbers, pa.int64())}))
        found = cursor.execute(
            "SELECT c.old FROM claimed c LEFT JOIN redirects m "
            f"ON m.kind = '{Kind.RECORDING.value}' AND m.old = c.old "
            "ANTI JOIN recordings r ON r.number = coalesce(m.new, c.old)"
        ).fetchall()
    finally:
        reader.close()
    return {old for (old,) in found}


def _view(row: dict[str, Any], claim: str | None, state: State) -> ClaimView:
    nothing = dict.fromkeys(("kind", "witness", "source", "sha256"))
    first = row["evidence"][0] if row["evidence"] else nothing
    return ClaimView(
        id=claim,
        state=state,
        recording=row["recording"],
        public_id=row["public_id"],
        title=row["title"],
        artist_credit=row["artist_credit"],
        said=[f"{e['claim']}={e['value']}" for e in row["evidence"]],
        kind=first["kind"],
        witness=first["witness"],
        document=first["source"],
        sha256=first["sha256"],
        recorded_at=row["recorded_at"],
        takes_back=row["takes_back"],
    )


def _read(document: Path) -> bytes:
    try:
        with document.open("rb") as stream:
            content = stream.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise InputError(f"{document}: cannot be read ({error.strerror})") from error
    if not content:
        raise InputError(f"{document}: is empty; give the document that shows it")
    if len(content) > MAX_DOCUMENT_BYTES:
        raise InputError(f"{document}: longer than {MAX_DOCUMENT_BYTES:,} bytes; give an excerpt")
    return content
