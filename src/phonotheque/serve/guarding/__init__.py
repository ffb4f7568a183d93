"""The guard in the server: budgets, measures, records (docs/operations/guard.md).

`Guarded` is thin middleware over a `Gate`, which decides in memory; a `Keeper`, one for all
processes of a server, scores what they tell it and writes behind.
"""

from phonotheque.serve.guarding.figures import record_lines
from phonotheque.serve.guarding.gate import VISIT, Visit
from phonotheque.serve.guarding.guarded import Guarded
from phonotheque.serve.guarding.opening import Guard, Keeping, is_guarded, open_guard
from phonotheque.serve.guarding.policy import (
    ENFORCE,
    MODES,
    OBSERVE,
    OFF,
    Budget,
    GuardPolicy,
    GuardSite,
    check_policy,
    read_policy,
)
from phonotheque.serve.guarding.relay import Outlet
from phonotheque.serve.guarding.watching_pages import format_profile_file, format_report_file
from phonotheque.serve.guarding.windows import WindowLimiter, Windows

__all__ = [
    "ENFORCE",
    "MODES",
    "OBSERVE",
    "OFF",
    "VISIT",
    "Budget",
    "Guard",
    "GuardPolicy",
    "GuardSite",
    "Guarded",
    "Keeping",
    "Outlet",
    "Visit",
    "WindowLimiter",
    "Windows",
    "check_policy",
    "format_profile_file",
    "format_report_file",
    "is_guarded",
    "open_guard",
    "read_policy",
    "record_lines",
]
