"""Access logs of any catalogue service, judged as the guard judges requests.

Lines become requests in blocks (`lines`, `parsing`), requests become numbered accounts and items in
DuckDB on disk (`counting`), accounts are followed many at once (`following`), networks as groups
(`groups`); `analyse_logs` puts it together.
"""

from phonotheque.guard.logs.analysing import Wish, analyse_logs
from phonotheque.guard.logs.forms import (
    Fields,
    Form,
    LogForm,
    check_log_form,
    our_json,
    read_log_form,
)
from phonotheque.guard.logs.found import Analysis, BadRow, Network, ReadFile, Shown, Suspect
from phonotheque.guard.logs.robots import read_robots

__all__ = [
    "Analysis",
    "BadRow",
    "Fields",
    "Form",
    "LogForm",
    "Network",
    "ReadFile",
    "Shown",
    "Suspect",
    "Wish",
    "analyse_logs",
    "check_log_form",
    "our_json",
    "read_log_form",
    "read_robots",
]
