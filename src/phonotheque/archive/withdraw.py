"""`withdraw`: take recordings back, at once.

The withdrawal is written to withdrawals.jsonl first; then revocations.json and its role are
signed with online keys, so servers and mirrors stop within minutes; then the ledger says so. The
next build and publish add tombstones. Killed in between, the same command again completes it.
"""

from collections.abc import Sequence
from datetime import datetime

import duckdb
import msgspec

from phonotheque.archive.cases import publish_notice, read_case, read_notice
from phonotheque.archive.items import record_touched
from phonotheque.archive.purging import purge_withdrawn
from phonotheque.archive.tombstones import next_revocations, tombstones
from phonotheque.archive.withdrawals import (
    Withdrawal,
    add_withdrawals,
    in_force,
    read_withdrawals,
)
from phonotheque.archive.workspace import last_edition
from phonotheque.catalogue import CatalogueReader, current_build, open_build, open_edition
from phonotheque.edition import publish_revocations
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.edition import Revocations, WithdrawalReason
from phonotheque.model.errors import InputError, NotFoundError, UsageError
from phonotheque.model.identifiers import IsrcStatus, parse_isrc
from phonotheque.model.numbers import IdKey, Kind, format_public_id, parse_public_id
from phonotheque.model.progress import Progress
from phonotheque.rights import CaseState, check_move
from phonotheque.storage.documents import read_document, read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing


class WithdrawnRecording(msgspec.Struct, frozen=True, kw_only=True):
    """One recording that was asked for. `already`: it was withdrawn before."""

    recording: int
    public_id: str
    title: str
    artist_credit: str
    asked_as: str
    already: bool
    files: list[str]  # sha256 of its files, published or not


class WithdrawPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `withdraw` would take back."""

    recordings: list[WithdrawnRecording]
    reason: WithdrawalReason
    note: str | None
    case: str | None = None


class WithdrawReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken back; `revoked_files` counts all files that are revoked by now."""

    withdrawn: list[str]  # public ids
    already: list[str]
    revocations_sequence: int
    revoked_files: int
    case: str | None = None
    purged_files: int = 0


def plan_withdraw(
    tree: Tree, ids: Sequence[str], reason: str, *, note: str | None = None, case: str | None = None
) -> WithdrawPlan:
    """Find the recordings that `ids` name: public ids, ISRCs or numbers. Reads only.

    `case` is that of a valid notice; without ids, those of its notice count.

    Raises:
        NotFoundError: no archive, nothing built yet, an unknown case, or an id that names no
            recording.
        UsageError: an unknown reason, no id, an ISRC that several recordings carry, or a case that
            does not ask for it.
    """
    read_settings(tree)
    if case is not None:
        found = read_case(tree, case)
        if found.state is not CaseState.DISABLED:
            check_move(found.standing, CaseState.DISABLED, found.steps[-1].at)
        ids = ids or [m.named for m in read_notice(tree, found).material]
    if reason not in list(WithdrawalReason):
        allowed = ", ".join(WithdrawalReason)
        raise UsageError(f"{reason!r} is no reason for a withdrawal; one of: {allowed}")
    if not ids:
        raise UsageError("name at least one recording: a public id, an ISRC or a number")
    recordings = find_recordings(tree, ids, case)
    return WithdrawPlan(
        recordings=recordings, reason=WithdrawalReason(reason), note=note, case=case
    )


def find_recordings(
    tree: Tree, ids: Sequence[str], case: str | None = None
) -> list[WithdrawnRecording]:
    """The recordings that `ids` name, by number; `already`: withdrawn for this case (or none).

    Raises:
        NotFoundError: nothing built yet, or an id that names no recording.
        UsageError: an ISRC that several recordings carry.
    """
    found, unknown = find_named(tree, ids, case)
    if unknown:
        raise unknown[0]
    unique = {r.recording: r for r in reversed(found)}
    return [unique[number] for number in sorted(unique)]


def find_named(
    tree: Tree, ids: Sequence[str], case: str | None = None
) -> tuple[list[WithdrawnRecording], list[NotFoundError | UsageError]]:
    """As `find_recordings`, in the order of `ids`; and why the others name none, or not one.

    Raises:
        NotFoundError: nothing built yet.
    """
    settings = read_settings(tree)
    gone = {w.recording for w in in_force(tree) if w.case == case}
    found: list[WithdrawnRecording] = []
    unknown: list[NotFoundError | UsageError] = []
    reader = _open_newest(tree)
    try:
        for text in ids:
            try:
                found.append(_find(reader.cursor(), text, settings, gone))
            except (NotFoundError, UsageError) as error:
                unknown.append(error)
    finally:
        reader.close()
    return found, unknown


def execute_withdraw(
    tree: Tree, plan: WithdrawPlan, now: datetime, progress: Progress
) -> WithdrawReport:
    """Write the withdrawals down and revoke what is published of them.

    Raises:
        ArchiveBusyError: somebody else writes.
        NotFoundError: the online keys are not there.
    """
    with writing(tree.root):
        gone = {w.recording for w in in_force(tree) if w.case == plan.case}
        new = [
            Withdrawal(
                recording=r.recording,
                public_id=r.public_id,
                reason=plan.reason,
                since=now,
                note=plan.note,
                files=r.files,
                case=plan.case,
            )
            for r in plan.recordings
            if r.recording not in gone
        ]
        if new:
            add_withdrawals(tree, new)
        progress.start("revocations", None, "")
        revocations = renew_revocations(tree, now)
        purged = _record(tree, plan, now)
    return WithdrawReport(
        withdrawn=[w.public_id for w in new],
        already=[r.public_id for r in plan.recordings if r.recording in gone],
        revocations_sequence=revocations.sequence,
        revoked_files=len(revocations.files),
        case=plan.case,
        purged_files=purged,
    )


def _record(tree: Tree, plan: WithdrawPlan, now: datetime) -> int:
    """The ledger's events, once; what a killed run left out, too. Returns the files purged.

    What a notice asked for is purged only when the case is decided (`notice uphold`).
    """
    numbers = [r.recording for r in plan.recordings]
    state = "takedown/disabled" if plan.case else "withdrawal/withdrawn"
    detail = {"reason": plan.reason.value}
    record_touched(tree, numbers, type=state, case=plan.case, at=now, detail=detail)
    if plan.case is not None:
        publish_notice(tree, read_case(tree, plan.case))
        return 0
    return purge_withdrawn(tree, numbers, now)


def renew_revocations(tree: Tree, now: datetime) -> Revocations:
    """Bring revocations.json in line with the withdrawals and the last edition, and sign it."""
    edition = last_edition(tree)
    if edition is not None:
        reader = open_edition(tree.edition(edition.name), edition)
        try:
            stones = tombstones(reader.cursor(), read_withdrawals(tree))
        finally:
            reader.close()
        publish_revocations(tree, next_revocations(tree, stones), now)
    return read_document(tree.revocations_json, Revocations)


def _open_newest(tree: Tree) -> CatalogueReader:
    current = current_build(tree)
    if current is not None:
        return open_build(current[1], current[0])
    edition = last_edition(tree)
    if edition is None:
        raise NotFoundError(f"{tree.root}: nothing was built yet; there is nothing to withdraw")
    return open_edition(tree.edition(edition.name), edition)


def _find(
    cursor: duckdb.DuckDBPyConnection, text: str, settings: ArchiveSettings, gone: set[int]
) -> WithdrawnRecording:
    key = IdKey(bytes.fromhex(settings.id_key))
    number = _number(cursor, text, key)
    rows = cursor.execute(
        "WITH merged AS (SELECT new FROM redirects WHERE kind = 'r' AND old = $1) "
        "SELECT number, title, artist_credit FROM recordings "
        "WHERE number = coalesce((SELECT new FROM merged), $1)",
        [number],
    ).fetchall()
    if not rows:
        raise NotFoundError(f"{text}: no recording of this archive has this number")
    live, title, artist = rows[0]
    return WithdrawnRecording(
        recording=live,
        public_id=format_public_id(live, key),
        title=title,
        artist_credit=artist,
        asked_as=text,
        already=live in gone,
        files=_files(cursor, live),
    )


def _files(cursor: duckdb.DuckDBPyConnection, number: int) -> list[str]:
    """sha256 of the files of a recording; an edition has `files`, a build `recording_files`."""
    views = {name for (name,) in cursor.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    view = "recording_files" if "recording_files" in views else "files"
    found = cursor.execute(
        f"SELECT DISTINCT sha256 FROM {view} WHERE recording = ? ORDER BY sha256", [number]
    ).fetchall()
    return [digest for (digest,) in found]


def _number(cursor: duckdb.DuckDBPyConnection, text: str, key: IdKey) -> int:
    if text.strip().isdecimal():
        return int(text)
    code, status = parse_isrc(text)
    if status is not IsrcStatus.MALFORMED:
        return _number_of_isrc(cursor, code)
    try:
        kind, number = parse_public_id(text, key)
    except InputError as error:
        raise NotFoundError(f"{error}; give a public id, an ISRC or a number") from None
    if kind is not Kind.RECORDING:
        raise UsageError(f"{text}: names a {kind.name.lower()}; only recordings are withdrawn")
    return number


def _number_of_isrc(cursor: duckdb.DuckDBPyConnection, code: str) -> int:
    rows = cursor.execute(
        "SELECT number FROM recordings WHERE list_contains(isrcs, ?) ORDER BY number", [code]
    ).fetchall()
    if not rows:
        raise NotFoundError(f"{code}: no recording of this archive has this ISRC")
    if len(rows) > 1:
        listed = ", ".join(str(row[0]) for row in rows)
        raise UsageError(f"{code}: recordings {listed} carry this ISRC; name the one by its number")
    return int(rows[0][0])
