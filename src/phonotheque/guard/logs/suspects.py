"""The accounts and networks at the top, in full; and the bad rows."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from phonotheque.guard.cohorts import GroupEvidence
from phonotheque.guard.deciding import Measure, Policy
from phonotheque.guard.logs.following import Reached
from phonotheque.guard.logs.found import BadRow, Network, Shown, Suspect
from phonotheque.guard.logs.judging import Judged
from phonotheque.guard.logs.parsing import FAULTS, Fault
from phonotheque.guard.logs.robots import robot_of
from phonotheque.guard.logs.showing import Told, tell
from phonotheque.storage.durable import write_chunks

LISTED_BAD: Final = 100
_BAD_PAGE: Final = 10_000

_CHOSEN: Final = """
WITH minutes AS (
  SELECT account, max(n) AS busiest FROM (
    SELECT a.account, count(*) AS n FROM requests r JOIN accounts a USING (who, named)
    SEMI JOIN chosen USING (account) GROUP BY a.account, t // 60) GROUP BY account),
taken AS (
  SELECT account, count(DISTINCT item) AS items, count(*) AS media,
    count(DISTINCT net_of(address)) AS networks
  FROM media SEMI JOIN chosen USING (account) GROUP BY account)
SELECT account, who, named, requests, taken.media, items, bytes, refused, busiest, first_t, last_t,
  networks, agent
FROM accounts JOIN minutes USING (account) JOIN taken USING (account)
"""


def describe_suspects(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    followed: tuple[Reached, Judged],
    top: int,
    robots: Sequence[str],
) -> tuple[Suspect, ...]:
    """The `top` accounts with the most evidence, those with any, the strongest first."""
    reached, judged = followed
    order = np.lexsort((reached.accounts, -judged.evidence))
    rows = [row for row in order[:top] if judged.evidence[row] >= Policy().observe]
    if not rows:
        return ()
    _choose(connection, reached.accounts[rows])
    known = {row[0]: row for row in connection.execute(_CHOSEN).fetchall()}
    found = []
    for row in rows:
        account = int(reached.accounts[row])
        told = tell(connection, path, account, float(reached.since[row]), judged.tables)
        if told.action.measure >= Measure.OBSERVE:
            found.append(_suspect(connection, known[account], told, robots))
    return tuple(sorted(found, key=lambda one: (-one.evidence, -one.media, one.who)))


def _choose(connection: duckdb.DuckDBPyConnection, accounts: NDArray[np.int64]) -> None:
    connection.register("chosen_now", pa.table({"account": accounts}))
    connection.execute("CREATE OR REPLACE TABLE chosen AS SELECT account FROM chosen_now")
    connection.unregister("chosen_now")


def _suspect(
    connection: duckdb.DuckDBPyConnection, row: tuple[Any, ...], told: Told, robots: Sequence[str]
) -> Suspect:
    _, who, named, requests, media, items, size, refused, busiest, first, last, networks, agent = (
        row
    )
    action = told.action
    return Suspect(
        who=who, is_account=named, evidence=round(action.odds, 2),
        measure=action.measure.name.lower(), reasons=action.reasons, requests=requests,
        media=media, distinct_items=items, repeat_share=round(1 - items / media, 4), bytes=size,
        refused=refused, busiest_minute=busiest, first=_at(first), last=_at(last),
        networks=networks, agent=agent or "", robot=robot_of(agent or "", robots),
        alarm_after=told.alarm_after, alarm_items=told.alarm_items, alarm_at=told.alarm_at,
        shown=_with_items(connection, told.shown),
    )  # fmt: skip


def _with_items(
    connection: duckdb.DuckDBPyConnection, shown: tuple[Shown, ...]
) -> tuple[Shown, ...]:
    """Ids of items, as the log has them, for their numbers; names of files come last."""
    if not shown:
        return ()
    rows = connection.execute(
        "SELECT number, min(item) FROM items WHERE number IN (SELECT unnest($n)) GROUP BY number",
        {"n": [int(one.item) for one in shown]},
    ).fetchall()
    names = {str(number): item for number, item in rows}
    return tuple(msgspec.structs.replace(one, item=names[one.item]) for one in shown)


def name_files(suspects: Sequence[Suspect], files: Sequence[Path]) -> tuple[Suspect, ...]:
    """Names of files for their numbers."""
    return tuple(
        msgspec.structs.replace(
            one,
            shown=tuple(
                msgspec.structs.replace(s, file=str(files[int(s.file)])) for s in one.shown
            ),
        )
        for one in suspects
    )


_NETWORKS: Final = """
SELECT net_of(r.address) AS network, count(*) AS requests, sum(r.bytes)::BIGINT AS bytes,
  count(DISTINCT a.account) FILTER (a.account IN (SELECT account FROM told)) AS suspects
FROM requests r JOIN accounts a USING (who, named) WHERE r.address <> ''
GROUP BY ALL
"""


def describe_networks(
    connection: duckdb.DuckDBPyConnection,
    groups: tuple[list[tuple[str, GroupEvidence]], NDArray[np.bool_]],
    top: int,
) -> tuple[Network, ...]:
    """The `top` networks: those that stand out as groups, then those with suspects, then by
    surprise."""
    evidence, told = groups
    by_name = {name: (one, bool(t)) for (name, one), t in zip(evidence, told, strict=True)}
    connection.execute(f"CREATE OR REPLACE TABLE networks AS {_NETWORKS}")
    standing = sorted(by_name, key=lambda n: (-by_name[n][1], -by_name[n][0].surprise, n))[:top]
    busy = connection.execute(
        "SELECT network FROM networks WHERE suspects > 0 ORDER BY suspects DESC, requests DESC, "
        "network LIMIT $top",
        {"top": top},
    ).fetchall()
    wanted = list(dict.fromkeys([*standing, *(row[0] for row in busy)]))
    rows = connection.execute(
        "SELECT network, requests, bytes, suspects FROM networks "
        "WHERE network IN (SELECT unnest($names))",
        {"names": wanted},
    ).fetchall()
    nothing = GroupEvidence(0, 0, 0, 0.0, 0.0, 0, 0.0, 0.0)
    found = [_network(row, *by_name.get(row[0], (nothing, False))) for row in rows]
    found = [one for one in found if one.told or one.suspects or one.surprise > 0]
    return tuple(
        sorted(
            found,
            key=lambda n: (-n.told, -(n.suspects > 1), -n.surprise, -n.suspects, n.network),
        )
    )[:top]


def _network(row: tuple[Any, ...], evidence: GroupEvidence, told: bool) -> Network:
    name, requests, size, suspects = row
    reasons = []
    if suspects:
        reasons.append(f"{suspects} of its accounts are told by themselves")
    if told and evidence.deficit <= evidence.pressure:
        reasons.append(
            f"its accounts hardly ever meet: {evidence.collisions} times on an item, where people "
            f"would {evidence.expected_collisions:.0f} times"
        )
    elif told:
        reasons.append(
            f"it opens {evidence.tail} items of the long tail, where people would "
            f"{evidence.expected_tail:.0f} at the most"
        )
    return Network(
        network=name, surprise=round(evidence.surprise, 2), told=told, accounts=evidence.accounts,
        media=evidence.requests, collisions=evidence.collisions,
        expected_collisions=round(evidence.expected_collisions, 1), tail=evidence.tail,
        expected_tail=round(evidence.expected_tail, 1), reasons=tuple(reasons), suspects=suspects,
        requests=requests, bytes=size,
    )  # fmt: skip


def list_bad(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], target: Path | None
) -> tuple[tuple[BadRow, ...], dict[str, int]]:
    """The first bad rows, and how many there are for each reason; all of them go to `target`."""
    counted = connection.execute(
        "SELECT reason, count(*) FROM bad GROUP BY reason ORDER BY count(*) DESC, reason"
    ).fetchall()
    sql = "SELECT file, line, reason, text FROM bad ORDER BY file, line"
    first = connection.execute(f"{sql} LIMIT {LISTED_BAD}").fetchall()
    if target is not None:
        rows = connection.cursor().execute(sql)

        def pages() -> Any:
            yield _csv([("file", "line", "reason", "text")])
            while page := rows.fetchmany(_BAD_PAGE):
                yield _csv([(files[r[0]], *r[1:]) for r in page])

        write_chunks(target, pages())
    bad = tuple(BadRow(str(files[f]), line, _reason(why), text) for f, line, why, text in first)
    return bad, dict(counted)


def _reason(reason: str) -> str:
    return FAULTS[Fault(reason)]


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _at(t: float) -> datetime:
    return datetime.fromtimestamp(t, UTC)
