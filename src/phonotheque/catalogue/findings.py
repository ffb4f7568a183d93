"""The findings of a build as relations: codes in conflict, listens of nobody."""

from typing import Any

import ibis

from phonotheque.model.findings import FindingCode, Severity


def conflicts(codes: Any) -> Any:
    """One finding for each code whose rows disagree."""
    apart = codes.filter(~codes.agrees)
    return _finding(
        apart,
        FindingCode.ISRC_CONFLICT,
        ibis.literal("isrc:") + apart.code,
        apart.rows.cast("string")
        + " rows carry this code but do not agree (titles: "
        + apart.titles.cast("string")
        + ", durations: "
        + _ms(apart.shortest_ms)
        + " to "
        + _ms(apart.longest_ms)
        + "); they are kept apart: correct the code at its source",
    )


def unmatched(listens: Any) -> Any:
    """One finding for each row of listens whose key names no recording."""
    lost = listens.filter(listens.number.isnull())
    return _finding(
        lost,
        FindingCode.LISTENS_UNMATCHED,
        lost.source + ": " + lost.key_kind + ":" + lost.key,
        lost.listens.cast("string")
        + " listens of a key that no recording has; ingest its recording, or correct the key",
    )


def _ms(value: Any) -> Any:
    return ibis.coalesce(value.cast("string") + " ms", "unknown")


def _finding(table: Any, code: FindingCode, where: Any, message: Any) -> Any:
    return table.select(
        code=ibis.literal(code.value),
        severity=ibis.literal(Severity.WARNING.value),
        where=where,
        row=ibis.null("int64"),
        message=message,
    )
