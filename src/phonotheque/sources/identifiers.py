"""Codes as sources write them, sorted into those that can be used and those that are only kept."""

from collections.abc import Sequence

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.identifiers import IsrcStatus, parse_isrc, split_isrcs

_FINDING = {
    IsrcStatus.MALFORMED: (
        FindingCode.ISRC_MALFORMED,
        Severity.WARNING,
        "is no ISRC (two letters, three letters or digits, seven digits); kept as written, unused",
    ),
    IsrcStatus.PLACEHOLDER: (
        FindingCode.ISRC_PLACEHOLDER,
        Severity.WARNING,
        "is a filler, no code; kept as written, unused",
    ),
    IsrcStatus.UNKNOWN_PREFIX: (
        FindingCode.ISRC_UNKNOWN_PREFIX,
        Severity.INFO,
        "begins with letters of no known agency; used all the same",
    ),
}


def sort_isrcs(
    raw: Sequence[str], where: str, row: int | None
) -> tuple[list[str], list[str], list[Finding]]:
    """(usable codes, codes as written, findings) of the ISRC fields of one row."""
    if len(raw) == 1:  # nearly always, and nearly always valid
        code, status = parse_isrc(raw[0])
        if status is IsrcStatus.VALID:
            return [code], [raw[0]], []
    written = [code for field in raw for code in split_isrcs(field)]
    usable: list[str] = []
    findings: list[Finding] = []
    for text in written:
        code, status = parse_isrc(text)
        if status in (IsrcStatus.VALID, IsrcStatus.UNKNOWN_PREFIX) and code not in usable:
            usable.append(code)
        if status in _FINDING:
            finding_code, severity, message = _FINDING[status]
            findings.append(Finding(finding_code, severity, where, f"{text[:60]!r} {message}", row))
    return usable, written, findings
