"""The findings of a build as relations: codes in conflict, doubtful joins, listens of nobody."""

from typing import Any

import ibis

from phonotheque.catalogue.inputs import closed
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.previous import Previous
from phonotheque.catalogue.scope import Scope
from phonotheque.catalogue.units import Units
from phonotheque.model.findings import FindingCode, Severity
from phonotheque.model.tables import FINDINGS

_REASONS = {
    "titles": "their titles differ",
    "durations": "their durations lie too far apart",
    "ids": "they carry different MusicBrainz ids",
}


_ANEW = (FindingCode.LISTENS_UNMATCHED, FindingCode.RIGHTS_CLAIM_LOST)
"""Found by every build for everything, whatever it makes anew."""


def of_units(units: Units) -> Any:
    """What identity doubts, in no order."""
    return _conflicts(units.codes).union(_refused(units.refused), distinct=False)


def of_sounds(refused: Any) -> Any:
    """Units that sound the same, but that ids or codes keep apart."""
    return _finding(
        refused,
        FindingCode.IDENTITY_SOUND_CONFLICT,
        refused.sha256,
        ibis.literal("this file sounds the same as ")
        + refused.other
        + ", but their recordings carry "
        + refused.key
        + " and "
        + refused.other_key
        + "; they are kept apart: correct the code or id that is wrong at its source",
    )


def carried_over(engine: TableEngine, previous: Previous, scope: Scope, doubts: Any) -> Any:
    """The doubts of a scope, and those of the build before that lie outside it."""
    if scope.everything or previous.directory is None:
        return doubts
    before = engine.read([previous.directory / "findings.parquet"], FINDINGS)
    before = before.filter(before.code.notin([code.value for code in _ANEW]))
    codes = scope.codes.select(place=scope.codes.code)
    places = codes.union(codes.select(place=ibis.literal("isrc:") + codes.place), distinct=False)
    kept = before.anti_join(places, before["where"] == places.place)
    if scope.files is not None:
        kept = closed(kept).anti_join(scope.files.select(where="sha256"), "where")
    return kept.select(doubts.columns).union(doubts, distinct=False)


def of_listens(lost: Any) -> Any:
    """What listens nobody has."""
    return _unmatched(lost)


def of_claims(lost: Any) -> Any:
    """Claims of which the recording is gone."""
    return _finding(lost, FindingCode.RIGHTS_CLAIM_LOST, lost["where"], lost.message)


def _conflicts(codes: Any) -> Any:
    """One finding for each code whose rows disagree."""
    reason = ibis.cases(
        *[(codes.reason == name, text) for name, text in _REASONS.items()], else_="they disagree"
    )
    return _finding(
        codes,
        FindingCode.ISRC_CONFLICT,
        ibis.literal("isrc:") + codes.code,
        ibis.literal("rows carry this code, but ")
        + reason
        + "; what disagrees is kept apart: correct the code at its source",
    )


def _refused(refused: Any) -> Any:
    """One finding for each group of text that different codes keep apart."""
    return _finding(
        refused,
        FindingCode.IDENTITY_AMBIGUOUS,
        refused.code,
        refused.units.cast("string")
        + " recordings with codes of their own have this one's artist, title and duration; rows "
        "without a code went to the one with most rows: give them a code to decide it",
    )


def _unmatched(lost: Any) -> Any:
    """One finding for each row of listens whose key names no recording."""
    return _finding(
        lost,
        FindingCode.LISTENS_UNMATCHED,
        lost.source + ": " + lost.key_kind + ":" + lost.key,
        lost.listens.cast("string")
        + " listens of a key that no recording has; ingest its recording, or correct the key",
    )


def _finding(table: Any, code: FindingCode, where: Any, message: Any) -> Any:
    return table.select(
        code=ibis.literal(code.value),
        severity=ibis.literal(Severity.WARNING.value),
        where=where,
        row=ibis.null("int64"),
        message=message,
    )
