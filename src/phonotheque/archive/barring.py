"""What may not be published although its own evidence would allow it. Set-based, in DuckDB.

A withdrawal takes back the audio, not a number: the same bytes stay barred under whatever
recording they turn up again. And a recording goes out only when all that is said of it, by every
source together, allows it.
"""

from collections.abc import Sequence

import duckdb

from phonotheque.model.edition import RecordingFlag
from phonotheque.model.findings import FindingCode
from phonotheque.model.rights import Level

_ALLOWING = ", ".join(f"'{level.name}'" for level in Level if level >= Level.ALLOW_IF)


def find_barred(
    cursor: duckdb.DuckDBPyConnection, withdrawn: Sequence[int], digests: Sequence[str]
) -> None:
    """Make the tables `gone` (`number`) and `barred` (`sha256`).

    `withdrawn` are recording numbers, `digests` the files that were theirs when they were
    withdrawn. Needs the view `recording_files` and the table `published` (recording, sha256).
    """
    cursor.execute("CREATE TABLE told (number BIGINT)")
    cursor.executemany("INSERT INTO told VALUES (?)", [[n] for n in withdrawn] or [[0]])
    flag = int(RecordingFlag.WITHDRAWN)
    cursor.execute(
        "CREATE TABLE gone AS SELECT number FROM told UNION "
        "SELECT new FROM redirects JOIN told ON number = old WHERE kind = 'r' AND new <> 0 UNION "
        f"SELECT number FROM recordings WHERE (flags & {flag}) <> 0"
    )
    cursor.execute("CREATE TABLE barred (sha256 VARCHAR)")
    if digests:
        cursor.executemany("INSERT INTO barred VALUES (?)", [[d] for d in digests])
    cursor.execute(
        "INSERT INTO barred SELECT sha256 FROM recording_files SEMI JOIN gone ON recording = number"
        " UNION SELECT sha256 FROM published SEMI JOIN gone ON recording = number"
    )


REFUSED = f"""
    SELECT DISTINCT recording, sha256, '{FindingCode.COPY_WITHDRAWN.value}' AS code,
        'these bytes were withdrawn with another recording; they stay out' AS message
    FROM unpublished SEMI JOIN barred USING (sha256)
    UNION ALL
    SELECT DISTINCT c.recording, c.sha256, '{FindingCode.RIGHTS_REVIEW.value}',
        'this file alone might go out, but all that is said of its recording gives ' ||
        r.distribute || '; find out which source is right'
    FROM candidates c JOIN recordings r ON r.number = c.recording JOIN verdicts v USING (signature)
    WHERE v.allows AND r.distribute NOT IN ({_ALLOWING})
    UNION ALL
    SELECT DISTINCT r.number, p.sha256, '{FindingCode.RIGHTS_DENIED.value}',
        'is out in ' || p.volume || ', but what is known today gives ' || r.distribute ||
        '; if that is right, take it back with `phonotheque withdraw`'
    FROM published p JOIN recordings r ON r.number = p.recording
    WHERE r.distribute NOT IN ({_ALLOWING})
        AND p.recording NOT IN (SELECT number FROM gone)
        AND p.sha256 NOT IN (SELECT sha256 FROM barred)"""
"""Findings as recording, sha256, code, message; needs the tables of a selection."""

ALLOWED_RECORDING = (
    f"recording IN (SELECT number FROM recordings WHERE distribute IN ({_ALLOWING}))"
)
