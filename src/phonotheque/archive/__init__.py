"""The operator's side of an archive: init, ingest, build, publish, withdraw, keep fresh.

Each operation is a plan that only reads and an execution that writes under the archive's lock.
"""

from phonotheque.archive.build import BuildPlan, BuildReport, execute_build, plan_build
from phonotheque.archive.estimate import IngestEstimate, InputEstimate, estimate_ingest
from phonotheque.archive.explaining import explain
from phonotheque.archive.freshness import Freshness, FreshnessReport, keep_fresh
from phonotheque.archive.ingest import IngestReport, execute_ingest
from phonotheque.archive.ingest_plan import IngestPlan, plan_ingest
from phonotheque.archive.init import InitPlan, InitReport, execute_init, plan_init
from phonotheque.archive.publish import (
    PublishPlan,
    PublishReport,
    execute_publish,
    plan_publish,
)
from phonotheque.archive.withdraw import (
    WithdrawPlan,
    WithdrawReport,
    execute_withdraw,
    plan_withdraw,
)
from phonotheque.archive.withdrawals import Withdrawal, read_withdrawals

__all__ = [
    "BuildPlan",
    "BuildReport",
    "Freshness",
    "FreshnessReport",
    "IngestEstimate",
    "IngestPlan",
    "IngestReport",
    "InitPlan",
    "InitReport",
    "InputEstimate",
    "PublishPlan",
    "PublishReport",
    "WithdrawPlan",
    "WithdrawReport",
    "Withdrawal",
    "estimate_ingest",
    "execute_build",
    "execute_ingest",
    "execute_init",
    "execute_publish",
    "execute_withdraw",
    "explain",
    "keep_fresh",
    "plan_build",
    "plan_ingest",
    "plan_init",
    "plan_publish",
    "plan_withdraw",
    "read_withdrawals",
]
