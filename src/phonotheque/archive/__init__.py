"""The operator's side of an archive: init, ingest, build, publish, withdraw.

Each operation is a plan that only reads and an execution that writes under the archive's lock.
"""

from phonotheque.archive.init import InitPlan, InitReport, execute_init, plan_init
from phonotheque.archive.withdrawals import Withdrawal, read_withdrawals

__all__ = [
    "InitPlan",
    "InitReport",
    "Withdrawal",
    "execute_init",
    "plan_init",
    "read_withdrawals",
]
