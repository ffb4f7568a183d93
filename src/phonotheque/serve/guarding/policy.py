"""What the operator chose for the guard of a server: a TOML file, and the defaults without one."""

from pathlib import Path
from typing import Final, Literal

import msgspec

from phonotheque.guard import LEAST_ITEMS, ORDER, Policy
from phonotheque.model.errors import FormatError, NotFoundError, UsageError
from phonotheque.model.hours import parse_hours
from phonotheque.serve.guarding.alerting import AlertSettings, check_alerts

OFF, OBSERVE, ENFORCE = "off", "observe", "enforce"
MODES: Final = (OFF, OBSERVE, ENFORCE)


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much one account, network or bulk token may have, in windows that slide; 0: any."""

    requests_per_minute: int = 0
    media_per_minute: int = 0
    media_per_day: int = 0
    bytes_per_day: int = 0


class GuardPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All choices (docs/operations/guard.md). `bulk_hours`: outside these, who shows a bulk token
    has what an account has. `most_for_networks`: the highest measure against an address without an
    account, behind which many people may stand. `pace`: how many times as fast as it plays somebody
    slowed may take media. `dumps`: where those who are redirected are led. `limits_url`: where
    budgets are counted, memory by default. `alerts`: who is told."""

    ladder: Policy = Policy()
    account: Budget = Budget(
        requests_per_minute=1800, media_per_minute=300, media_per_day=5000,
        bytes_per_day=100_000_000_000,
    )  # fmt: skip
    network: Budget = Budget(
        requests_per_minute=6000, media_per_minute=900, media_per_day=40_000,
        bytes_per_day=800_000_000_000,
    )  # fmt: skip
    bulk: Budget = Budget(
        requests_per_minute=6000, media_per_minute=1200, bytes_per_day=2_000_000_000_000
    )
    bulk_hours: str = ""  # as 22:00-06:00, local time; "": bulk tokens are as good by day
    most_for_networks: str = "slow"
    redirect_pause_s: float = 60.0
    redirect_every_s: float = 600.0
    pace: float = 1.2
    usual_duration_s: float = 180.0  # of a recording whose duration nobody knows
    when_store_is_lost: Literal["open", "closed"] = "open"
    keep_events: bool = False
    canaries: int = 64
    actors_in_memory: int = 20_000
    tables: str = ""  # a file of tables; without, those shipped that fit the catalogue
    limits_url: str = "memory://"
    dumps: str = "/mirror"
    alerts: AlertSettings = AlertSettings()


class GuardSite(msgspec.Struct, frozen=True, kw_only=True):
    """The guard of a server: its mode (`MODES`), the file of its records, the policy. `items`: how
    many recordings can be heard there, by which the shipped tables are chosen; None: many."""

    mode: str = OFF
    store: str = ""
    policy: GuardPolicy = GuardPolicy()
    items: int | None = None

    @property
    def is_without_tables(self) -> bool:
        """Whether no tables fit to act by: the catalogue is too small for those shipped, and the
        policy names none."""
        small = self.items is not None and self.items < LEAST_ITEMS
        return small and not self.policy.tables and self.mode == ENFORCE


def read_policy(path: Path) -> GuardPolicy:
    """The policy in the file at `path`.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is no TOML, or has a field that is none, or a value that makes no sense.
    """
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=GuardPolicy)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no such file") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}; docs/operations/guard.md lists the fields") from error
    check_policy(found, str(path))
    return found


def check_policy(policy: GuardPolicy, name: str) -> None:
    """That the choices fit together.

    Raises:
        UsageError: they do not.
    """
    ladder = policy.ladder
    rungs = (ladder.observe, ladder.redirect, ladder.slow, ladder.degrade, ladder.suspend,
             ladder.disable)  # fmt: skip
    wrong = ""
    if list(rungs) != sorted(rungs) or rungs[0] <= 0:
        wrong = "ladder: observe, redirect, slow, degrade, suspend, disable must rise from above 0"
    elif policy.most_for_networks not in ORDER or policy.most_for_networks == "disable":
        wrong = f"most_for_networks: {policy.most_for_networks!r} is no measure against a network"
    elif not 0 < policy.pace <= 100:
        wrong = "pace: from just above 0 to 100 times"
    elif policy.actors_in_memory < 100 or not 0 <= policy.canaries <= 10_000:
        wrong = "actors_in_memory: 100 at least; canaries: 0 to 10,000"
    elif not policy.dumps.startswith(("/", "https://")):
        wrong = "dumps: an address on this server, or an https one"
    try:
        check_alerts(policy.alerts)
        if policy.bulk_hours:
            parse_hours(policy.bulk_hours)
    except (UsageError, FormatError) as error:
        wrong = str(error)
    if wrong:
        raise UsageError(f"{name}: {wrong}")
