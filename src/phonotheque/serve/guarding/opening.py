"""The guard of a server, put together: in one process, or in several and the one above them."""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from phonotheque.accounts import Door
from phonotheque.guard import (
    LEAST_ITEMS,
    GuardStore,
    Tables,
    What,
    digest_tables,
    read_shipped_tables,
    read_tables,
)
from phonotheque.serve.guarding.admin import AdminPages
from phonotheque.serve.guarding.alerting import read_secret
from phonotheque.serve.guarding.alerts import Alerts
from phonotheque.serve.guarding.figures import gate_figures, keeper_figures
from phonotheque.serve.guarding.gate import Gate, Means
from phonotheque.serve.guarding.guarded import Application, Guarded
from phonotheque.serve.guarding.keeper import FAULTS, Keeper
from phonotheque.serve.guarding.membership import Signups
from phonotheque.serve.guarding.policy import ENFORCE, OFF, GuardSite
from phonotheque.serve.guarding.relay import Inlet, Outlet, make_pair
from phonotheque.serve.guarding.standings import Follower
from phonotheque.serve.guarding.told import Message
from phonotheque.serve.guarding.windows import Windows
from phonotheque.serve.publication import Publication

_LOG = logging.getLogger(__name__)
Clock = Callable[[], datetime]


@dataclass
class Guard:
    """The guard of one process that answers. With a `keeper`, this process keeps the records; with
    a `follower` and an `outlet`, another does."""

    store: GuardStore
    gate: Gate
    windows: Windows
    door: Door | None
    tables: Callable[[], Tables]
    keeper: Keeper | None = None
    follower: Follower | None = None
    outlet: Outlet | None = None
    alerts: Alerts | None = None

    def figures(self) -> list[float]:
        """What this process counts."""
        row = gate_figures(self.gate, self.outlet.lost if self.outlet else 0)
        if self.keeper is None:
            return row
        return [a + b for a, b in zip(row, keeper_figures(self.keeper), strict=True)]

    def around(self, app: Application) -> Guarded:
        """`app` behind the gate, with the pages for admins."""
        pages = AdminPages(app, self.store, self.door, self.gate.means.clock, self.tables)
        return Guarded(pages, self.gate, self.door)

    def start(self) -> None:
        """Begin what goes on beside the answers."""
        for part in (self.keeper, self.follower, self.alerts):
            if part is not None:
                part.start()

    def close(self) -> None:
        """Write what is to be written, and let go of all."""
        for part in (
            self.alerts, self.keeper, self.follower, self.outlet, self.store, self.door,
        ):  # fmt: skip
            if part is not None:
                part.close()


def open_guard(
    site: GuardSite,
    clock: Clock,
    publication: Callable[[], Publication | None],
    *,
    accounts: str | None = None,
    outlet: Outlet | None = None,
) -> Guard:
    """The guard of a process that answers. `publication` gives the edition that is shown,
    `accounts` is the file of accounts; with an `outlet` another process keeps the records.

    Raises:
        FormatError: the records, or the tables of the policy, cannot be read.
        NotFoundError: there are no such tables.
        UsageError: budgets cannot be counted where the policy says.
    """
    store = GuardStore(Path(site.store), create=True)
    windows = Windows(site.policy.limits_url, lambda: clock().timestamp())
    door = Door(Path(accounts), clock) if accounts else None
    keeper = None
    if outlet is None:
        keeper = make_keeper(site, store, clock)

    def tell(message: Message) -> None:
        if outlet is not None:
            outlet.tell(message)
        elif keeper is not None:
            keeper.tell(message)

    means = Means(
        store=store, policy=site.policy, windows=windows, clock=clock, tell=tell,
        canary_secret=store.setting("canaries", secrets.token_bytes(32)),
        signups=Signups(partial(_made_at, door)), enforcing=site.mode == ENFORCE,
        lost=lambda: keeper is not None and keeper.is_lost,
    )  # fmt: skip
    gate = Gate(means, publication)
    follower = None
    if keeper is None:
        follower = Follower(store, gate.standings.forget)
    else:
        keeper.on_measure(gate.standings.put)
    alerts = None if keeper is None else make_alerts(site, store, clock)
    return Guard(
        store, gate, windows, door, partial(tables_of, site), keeper, follower, outlet, alerts
    )


def _made_at(door: Door | None, account: int) -> datetime | None:
    """When an account was made, where that can be read."""
    accounts = None if door is None else door.accounts
    try:
        found = None if accounts is None else accounts.by_number(account)
    except FAULTS:
        return None
    return None if found is None else found.created_at


def make_alerts(site: GuardSite, store: GuardStore, clock: Clock) -> Alerts | None:
    """What tells people, where the policy says whom.

    Raises:
        NotFoundError, UsageError: the secret cannot be read.
    """
    settings = site.policy.alerts
    if not settings.url:
        return None
    return Alerts(store, settings, read_secret(Path(settings.secret_file)), clock)


def make_keeper(site: GuardSite, store: GuardStore, clock: Clock) -> Keeper:
    """The one that scores and keeps, told first if the policy is another than before.

    Raises:
        FormatError, NotFoundError: the tables of the policy cannot be read.
    """
    tables = tables_of(site)
    if site.is_without_tables:
        _LOG.warning(
            "the guard judges nobody by what is listened to: %d recordings can be heard here, and "
            "no shipped tables are for fewer than %d; budgets and canaries work, and tables of "
            "your own would (docs/operations/guard.md)", site.items, LEAST_ITEMS,
        )  # fmt: skip
    told = msgspec.json.encode([site.mode, site.policy, digest_tables(tables)], order="sorted")
    try:
        if store.change_setting("policy", told):
            store.note(What.POLICY_CHANGED, "guard", clock(), evidence={
                "mode": site.mode, "tables": tables.version,
                "policy": msgspec.to_builtins(site.policy)})  # fmt: skip
    except FAULTS as error:
        _LOG.error("the guard's records cannot be written: %s", error)
    return Keeper(store, site, tables, clock)


def tables_of(site: GuardSite) -> Tables:
    """The tables that the policy names, or those shipped for a catalogue of this size; to act by,
    in one that is too small for any, those that tell nobody.

    Raises:
        FormatError, NotFoundError: they cannot be read.
    """
    if site.policy.tables:
        return read_tables(Path(site.policy.tables))
    shipped = read_shipped_tables(site.items)
    return shipped.silent if site.is_without_tables else shipped


class Keeping:
    """The keeper of several processes, in the one above them. A context manager; `sending` is what
    they inherit, and `count` is given its figures now and then."""

    def __init__(
        self,
        site: GuardSite,
        clock: Clock,
        count: Callable[[Sequence[float]], None] | None = None,
    ) -> None:
        self._store = GuardStore(Path(site.store), create=True)
        self.keeper = make_keeper(site, self._store, clock)
        self._alerts = make_alerts(site, self._store, clock)
        self.sending, receiving = make_pair()
        self._inlet = Inlet(receiving, self.keeper.tell)
        if count is not None:
            self.keeper.on_flush(lambda: count(keeper_figures(self.keeper)))

    def __enter__(self) -> "Keeping":
        self.keeper.start()
        self._inlet.start()
        if self._alerts is not None:
            self._alerts.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.sending.close()
        self._inlet.close()
        if self._alerts is not None:
            self._alerts.close()
        self.keeper.close()
        self._store.close()


def is_guarded(site: GuardSite) -> bool:
    """Whether there is a guard at all."""
    return site.mode != OFF
