"""The guard: who harvests, told from what is asked for, and what to do about it.

`score` follows one account request by request; `decide` turns evidence into an action with its
reasons; `follow_many` does the same for many accounts at once; `learn_tables` learns. All this is
pure: no clock, no chance that is not seeded, no input or output but its own versioned files.
`GuardStore` keeps what a server learns, `Proceedings` what people decide; `analyse_logs` judges
access logs of any service.
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
    people_share,
    weigh_group,
)
from phonotheque.guard.deciding import Action, Measure, Policy, decide
from phonotheque.guard.events import Event, Kind
from phonotheque.guard.features import slow_features
from phonotheque.guard.learning import People, counts_by_account, learn_tables
from phonotheque.guard.levels import find_levels
from phonotheque.guard.logs import (
    Analysis,
    Fields,
    Form,
    LogForm,
    Suspect,
    Wish,
    analyse_logs,
    check_log_form,
    our_json,
    read_log_form,
    read_robots,
)
from phonotheque.guard.pardon import pardon
from phonotheque.guard.proceedings import APPEAL_DAYS, BULK_PREFIX, LONGEST_APPEAL, Proceedings
from phonotheque.guard.records import (
    ALLOW,
    DISABLE,
    ORDER,
    ActorRow,
    Appeal,
    BulkToken,
    Decision,
    Entry,
    Kept,
    Proposal,
    Seen,
    Update,
    What,
    word_of,
)
from phonotheque.guard.scoring import Evidence, score
from phonotheque.guard.state import State, format_state, merge_states, parse_state
from phonotheque.guard.store import FILE_NAME as GUARD_FILE
from phonotheque.guard.store import KEY_DAYS, GuardStore, day_of
from phonotheque.guard.symbols import bucket_edges, describe_symbol, rank_bucket, rank_buckets
from phonotheque.guard.tables import (
    BUDGETS,
    LEAST_ITEMS,
    SHIPPED,
    Tables,
    digest_tables,
    format_tables,
    read_shipped_tables,
    read_tables,
)
from phonotheque.guard.watching import (
    GuardReport,
    Profile,
    TopRow,
    parse_actor,
    read_profile,
    read_report,
    read_top,
)

__all__ = [
    "ALLOW",
    "APPEAL_DAYS",
    "BUDGETS",
    "BULK_PREFIX",
    "DISABLE",
    "GUARD_FILE",
    "KEY_DAYS",
    "LEAST_ITEMS",
    "LONGEST_APPEAL",
    "NOTHING",
    "ORDER",
    "SHIPPED",
    "Action",
    "ActorRow",
    "Analysis",
    "Appeal",
    "BulkToken",
    "Decision",
    "Entry",
    "Event",
    "Evidence",
    "Fields",
    "Form",
    "GroupEvidence",
    "GuardReport",
    "GuardStore",
    "Heights",
    "Kept",
    "Kind",
    "LogForm",
    "Measure",
    "People",
    "Policy",
    "Proceedings",
    "Profile",
    "Proposal",
    "Requests",
    "Seen",
    "State",
    "Suspect",
    "Tables",
    "TopRow",
    "Update",
    "What",
    "Wish",
    "analyse_logs",
    "bucket_edges",
    "canary_numbers",
    "check_log_form",
    "collision_rates",
    "counts_by_account",
    "day_of",
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
    "our_json",
    "pardon",
    "parse_actor",
    "parse_state",
    "people_share",
    "rank_bucket",
    "rank_buckets",
    "read_log_form",
    "read_profile",
    "read_report",
    "read_robots",
    "read_shipped_tables",
    "read_tables",
    "read_top",
    "score",
    "slow_features",
    "symbols_of",
    "weigh_group",
    "word_of",
]
