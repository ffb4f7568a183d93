"""The guard: who harvests, told from what is asked for, and what to do about it.

Pure: no input or output but its own versioned files, no clock, no chance that is not seeded.
`score` follows one account request by request; `decide` turns evidence into an action with its
reasons; `follow_many` does the same for many accounts at once; `learn_tables` learns.
"""

from phonotheque.guard.batch import (
    NOTHING,
    Heights,
    Requests,
    follow_many,
    symbols_of,
)
from phonotheque.guard.canaries import canary_numbers
from phonotheque.guard.cohorts import (
    GroupEvidence,
    collision_rates,
    keep_false_discoveries,
    weigh_group,
)
from phonotheque.guard.deciding import Action, Measure, Policy, decide
from phonotheque.guard.events import Event, Kind
from phonotheque.guard.features import slow_features
from phonotheque.guard.learning import People, counts_by_account, learn_tables
from phonotheque.guard.levels import find_levels
from phonotheque.guard.scoring import Evidence, score
from phonotheque.guard.state import State, format_state, merge_states, parse_state
from phonotheque.guard.symbols import bucket_edges, describe_symbol, rank_bucket, rank_buckets
from phonotheque.guard.tables import (
    BUDGETS,
    Tables,
    digest_tables,
    format_tables,
    read_shipped_tables,
    read_tables,
)

__all__ = [
    "BUDGETS",
    "NOTHING",
    "Action",
    "Event",
    "Evidence",
    "GroupEvidence",
    "Heights",
    "Kind",
    "Measure",
    "People",
    "Policy",
    "Requests",
    "State",
    "Tables",
    "bucket_edges",
    "canary_numbers",
    "collision_rates",
    "counts_by_account",
    "decide",
    "describe_symbol",
    "digest_tables",
    "find_levels",
    "follow_many",
    "format_state",
    "format_tables",
    "keep_false_discoveries",
    "learn_tables",
    "merge_states",
    "parse_state",
    "rank_bucket",
    "rank_buckets",
    "read_shipped_tables",
    "read_tables",
    "score",
    "slow_features",
    "symbols_of",
    "weigh_group",
]
