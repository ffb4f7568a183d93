"""Networks as groups: /24 and /48 whose accounts share out a catalogue meet too rarely.

As `cohorts`, in SQL and over pairs of different accounts only: one account never meets itself, so
that a network with one busy account is not told for that. Nor has one more to say than `trim` lets
it.
"""

from collections.abc import Iterable
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from phonotheque.guard.cohorts import (
    LEAST_OF_ONE,
    MOST_OF_ONE,
    GroupEvidence,
    keep_false_discoveries,
    poisson_at_most,
    tail_pressure,
)
from phonotheque.guard.symbols import BUCKETS, TAIL_BUCKET
from phonotheque.guard.usual import DEEPEST, FEW_OPENINGS

FEWEST_ACCOUNTS: Final = 3
FEWEST_ITEMS: Final = 50
FEWEST_GROUPS: Final = 20
DEEPEST_LISTED: Final = 200_000
"""Of so many accounts the share of the tail is held in memory."""
_TAIL_QUANTILE: Final = 0.9

_PAIRS: Final = f"""
CREATE OR REPLACE TABLE pairs AS
WITH opened AS (
  SELECT net_of(m.address) AS network, m.account, i.number, i.bucket, min(m.t) AS t
  FROM media m JOIN items i USING (item)
  WHERE m.address <> '' AND m.account NOT IN (SELECT account FROM told) GROUP BY ALL),
most AS (
  SELECT network, greatest({LEAST_OF_ONE}, floor({MOST_OF_ONE} * median(n))) AS most
  FROM (SELECT network, account, count(*) AS n FROM opened GROUP BY network, account)
  GROUP BY network)
SELECT network, account, number, bucket FROM opened JOIN most USING (network)
QUALIFY row_number() OVER (PARTITION BY network, account ORDER BY t, number) <= most
"""
_RATES: Final = """
WITH own AS (SELECT DISTINCT account, number, bucket FROM pairs),
met AS (SELECT bucket, sum(n * (n - 1) / 2) AS met FROM (
  SELECT number, min(bucket) AS bucket, count(*) AS n FROM own GROUP BY number) GROUP BY bucket),
crossed AS (SELECT bucket, (sum(n) * sum(n) - sum(n * n)) / 2 AS pairs FROM (
  SELECT account, bucket, count(*)::DOUBLE AS n FROM own GROUP BY account, bucket) GROUP BY bucket)
SELECT bucket, met / pairs FROM met JOIN crossed USING (bucket) WHERE pairs > 0
"""
_GROUPS: Final = f"""
WITH size AS (
  SELECT network, count(*) AS items, count(DISTINCT account) AS accounts,
    count_if(bucket >= {TAIL_BUCKET}) AS tail
  FROM pairs GROUP BY network
  HAVING count(*) >= {FEWEST_ITEMS} AND count(DISTINCT account) >= {FEWEST_ACCOUNTS}),
crossed AS (SELECT network, bucket, (sum(n) * sum(n) - sum(n * n)) / 2 AS pairs FROM (
  SELECT network, account, bucket, count(*)::DOUBLE AS n FROM pairs
  SEMI JOIN size USING (network) GROUP BY network, account, bucket) GROUP BY network, bucket),
expected AS (SELECT network, sum(pairs * coalesce(rate, 0)) AS expected
  FROM crossed LEFT JOIN rates USING (bucket) GROUP BY network),
met AS (SELECT network, sum(n * (n - 1) / 2)::BIGINT AS met FROM (
  SELECT network, number, count(*) AS n FROM pairs SEMI JOIN size USING (network)
  GROUP BY network, number) GROUP BY network)
SELECT network, items, accounts, tail, expected, met
FROM size JOIN expected USING (network) JOIN met USING (network) ORDER BY network
"""


_DEEPEST_ACCOUNTS: Final = f"""
WITH deep AS (
  SELECT account, count_if(bucket >= {TAIL_BUCKET}) / count(*) AS share
  FROM pairs GROUP BY account HAVING count(*) >= {FEW_OPENINGS})
SELECT account, share, (SELECT count(*) FROM deep) AS accounts FROM deep
ORDER BY share DESC, account LIMIT {DEEPEST_LISTED}
"""
_THEIR_NETWORKS: Final = """
SELECT network, account FROM pairs
WHERE account IN (SELECT unnest($accounts)) GROUP BY network, account
"""


def weigh_networks(
    connection: duckdb.DuckDBPyConnection, told: NDArray[np.int64]
) -> tuple[list[tuple[str, GroupEvidence]], NDArray[np.bool_]]:
    """The evidence of each network that has enough accounts, those `told` by themselves left out,
    and which of them stand out."""
    run = connection.execute
    run("CREATE OR REPLACE TABLE told (account BIGINT)")
    if len(told):
        connection.register("told_now", pa.table({"account": told}))
        run("INSERT INTO told SELECT account FROM told_now")
        connection.unregister("told_now")
    run(_PAIRS)
    rates = dict(run(_RATES).fetchall())
    run("CREATE OR REPLACE TABLE rates (bucket TINYINT, rate DOUBLE)")
    for bucket in range(BUCKETS):
        run("INSERT INTO rates VALUES (?, ?)", [bucket, rates.get(bucket, 0.0)])
    rows = run(_GROUPS).fetchall()
    deepest = Deepest(run(_DEEPEST_ACCOUNTS).fetchall())
    deepest.place(run(_THEIR_NETWORKS, {"accounts": deepest.accounts}).fetchall())
    run("DROP TABLE pairs")
    usual = _tail_share(rows) if rows else 1.0
    found = [(row[0], _weigh(row, max(usual, deepest.beside(row[0])))) for row in rows]
    return found, _stand_out(np.array([evidence.surprise for _, evidence in found]))


class Deepest:
    """What share of the tail the fiftieth of accounts have who open it most; each network is held
    against those of the others, or a campaign would be its own measure."""

    def __init__(self, rows: list[tuple[int, float, int]]) -> None:
        """`rows`: account, share and how many accounts there are, the highest share first."""
        self.accounts = [row[0] for row in rows]
        self._shares = [row[1] for row in rows]
        self._sums = np.concatenate([[0.0], np.cumsum(self._shares)])
        self._count = max(1, int(DEEPEST * rows[0][2])) if rows else 0
        self._members: dict[str, list[int]] = {}

    def place(self, networks: Iterable[tuple[str, int]]) -> None:
        """Be told of the networks of these accounts."""
        where = {account: place for place, account in enumerate(self.accounts)}
        for network, account in networks:
            self._members.setdefault(network, []).append(where[account])

    def beside(self, network: str) -> float:
        """The share without the accounts of `network`; 0: there are no others."""
        end, own, left_out = self._count, 0.0, 0
        for place in sorted(self._members.get(network, ())):
            if place >= end:
                break
            end, own, left_out = end + 1, own + self._shares[place], left_out + 1
        end = min(end, len(self._shares))
        counted = end - left_out
        return float(self._sums[end] - own) / counted if counted > 0 else 0.0


def _tail_share(rows: list[tuple[Any, ...]]) -> float:
    """What share of items the networks of people open in the tail, at the most: that of all but
    one in ten."""
    return float(np.quantile([row[3] / row[1] for row in rows], _TAIL_QUANTILE))


def _weigh(row: tuple[Any, ...], tail_share: float) -> GroupEvidence:
    _, items, accounts, tail, expected, met = row
    return GroupEvidence(
        items, accounts, met, expected, poisson_at_most(met, expected), tail, items * tail_share,
        tail_pressure(tail, items, tail_share),
    )  # fmt: skip


def _stand_out(surprises: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Networks of people are not alike either: surprise counts only over what those of this log
    have, as an exponential tail through the median and the upper tenth. Too few: none is told."""
    if len(surprises) < FEWEST_GROUPS:
        return np.zeros(len(surprises), np.bool_)
    middle, high = np.quantile(surprises, [0.5, 0.9])
    scale = max((high - middle) / np.log10(5.0), 1.0)  # 5 = 0.5 / 0.1
    return keep_false_discoveries(np.maximum(0.0, surprises - middle) / scale)
