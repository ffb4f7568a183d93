"""The gate of one process: who asks, for what, within which budget, and how they stand."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from time import perf_counter

from phonotheque.guard import ORDER, BulkToken, GuardStore, Kind, canary_numbers
from phonotheque.serve.guarding.answers import refusal_body
from phonotheque.serve.guarding.budgets import Budgets
from phonotheque.serve.guarding.counts import Counts
from phonotheque.serve.guarding.items import Facts, Items, Way, number_in
from phonotheque.serve.guarding.ladder import Refusal, Standing, leave, pass_by, refuse
from phonotheque.serve.guarding.membership import Signups, groups_of
from phonotheque.serve.guarding.networks import Networks
from phonotheque.serve.guarding.policy import GuardPolicy
from phonotheque.serve.guarding.standings import Standings
from phonotheque.serve.guarding.told import Message, TokenUsed, Told
from phonotheque.serve.guarding.windows import Windows
from phonotheque.serve.publication import Publication

_LOG = logging.getLogger(__name__)
VISIT = "phonotheque.guard"
"""Under this name a request's scope has its `Visit`."""
_GIVEN = frozenset({200, 206, 304})
_LOST = Refusal("lost", HTTPStatus.SERVICE_UNAVAILABLE, 30, "audio is not given out at the moment")


@dataclass(frozen=True, slots=True)
class Means:
    """What a gate works with. `tell`: the keeper, or the way to it; `lost`: whether that cannot use
    the records; `enforcing`: measures are carried out, not only noted; `signups`: when accounts
    were made."""

    store: GuardStore
    policy: GuardPolicy
    windows: Windows
    clock: Callable[[], datetime]
    tell: Callable[[Message], None]
    canary_secret: bytes
    enforcing: bool
    lost: Callable[[], bool] = lambda: False
    signups: Signups = field(default_factory=lambda: Signups(lambda _: None))


class Gate:
    """Admits requests, and tells of them. For any number of threads. `publication` gives the
    edition that is shown."""

    def __init__(self, means: Means, publication: Callable[[], Publication | None]) -> None:
        self.means, self.policy = means, means.policy
        self.publication = publication
        self.counts = Counts()
        self.networks = Networks(means.store, means.windows.share)
        self.standings = Standings(means.store)
        self.items, self.budgets = Items(), Budgets(means.windows, means.policy, means.clock)
        self.canaries = canary_numbers(means.canary_secret, means.policy.canaries)

    def visit(self, address: str, token: BulkToken | None, way: Way, agent: str = "") -> "Visit":
        """A request from `address` by the program `agent`, with a bulk token that is good or
        without."""
        now = self.means.clock()
        network, prefix = self.networks.names(address, now)
        visit = Visit(self, (network, prefix, agent), now.timestamp(), token, way)
        with Timing(visit):
            if self.means.enforcing:
                visit.refusal = self.budgets.enter(visit.owner, visit.owner_kind)
            if visit.refusal is not None:
                visit.note_refusal()
        return visit

    def facts(self, number: int) -> Facts | None:
        """Of a recording of the edition that is shown."""
        publication = self.publication()
        return None if publication is None else self.items.facts(publication, number)

    def number(self, public_id: str | None) -> int | None:
        """The number of a public id."""
        publication = self.publication()
        if publication is None or public_id is None:
            return None
        return number_in(public_id, publication.id_key)


class Visit:
    """One request at the gate. `who`: its network, the wider one, its program; `actor`: whom it is
    put down to."""

    __slots__ = ("account", "actor", "agent", "canary", "gate", "item", "left", "network", "now",
                 "owner", "owner_kind", "prefix", "refusal", "seconds", "standing", "token",
                 "way")  # fmt: skip

    def __init__(
        self, gate: Gate, who: tuple[str, str, str], now: float, token: BulkToken | None, way: Way
    ) -> None:
        self.gate, self.now, self.token, self.way = gate, now, token, way
        self.network, self.prefix, self.agent = network, _, _ = who
        self.account: int | None = None
        self.owner = network if token is None else f"bulk:{token.token}"
        self.owner_kind = "network" if token is None else "bulk"
        self.actor = self.owner
        self.item: int | None = None
        self.canary = self.left = False
        self.refusal: Refusal | None = None
        self.standing: Standing | None = None
        self.seconds = 0.0

    @property
    def is_media(self) -> bool:
        """Whether it is for audio."""
        return self.way is Way.MEDIA

    def admit(
        self, account: int | None, *, media: bool, public_id: str | None = None
    ) -> Refusal | None:
        """Whether the request is refused, of `account` (None: nobody in particular), for audio or
        for something else, of the recording `public_id`. Called once, when that is known."""
        with Timing(self):
            self.way = Way.MEDIA if media else Way.METADATA
            self.account = account
            if account is not None and self.token is None:
                self.actor = f"account:{account}"
            try:
                self._admit(public_id)
            except Exception as error:  # a fault of the guard is no reason to refuse anybody
                self._excuse(error)
                self.refusal = None
        return self.refusal

    def _admit(self, public_id: str | None) -> None:
        self.item = self.gate.number(public_id)
        self.canary = self.item is not None and self.item in self.gate.canaries
        self.refusal = self._budget() or self._standing()
        if self.refusal is not None:
            self.note_refusal()
        elif self.is_media and self.item is not None and self.standing is not None:
            pass_by(self.standing, self.now, self.item)

    def admit_here(self, account: int | None, media: bool, public_id: str | None) -> None:
        """`admit`, for who looks at the refusal later."""
        self.admit(account, media=media, public_id=public_id)

    def answered(self, status: int, size_bytes: int) -> None:
        """The answer begins: `size_bytes` long, as far as that is known."""
        if self.refusal is not None or (self.standing is None and self.token is None):
            return
        with Timing(self):
            self.gate.counts.admitted += 1
            try:
                self._tell(status, size_bytes)
                if size_bytes and self.is_media:
                    self.gate.budgets.gave(self.actor, self.network, size_bytes)
            except Exception as error:  # the answer goes out whatever becomes of the guard
                self._excuse(error)

    def leave(self) -> None:
        """The answer has ended, or nobody takes it any more."""
        if self.left:
            return
        self.left = True
        if self.standing is not None and self.refusal is None and self.item is not None:
            leave(self.standing, self.item)
        self.gate.counts.took(self.seconds)

    def is_led_to_dumps(self) -> bool:
        """Whether the answer should say where everything is."""
        standing = self.standing
        return standing is not None and ORDER.get(standing.in_force(self.now), 0) >= 2

    def refusal_body(self) -> bytes:
        """The problem that a refused request is answered with."""
        assert self.refusal is not None
        reasons = self.standing.reasons if self.standing else ()
        return refusal_body(self.refusal, reasons, self.gate.policy.dumps)

    def note_refusal(self) -> None:
        """Count it; what is refused took nothing, and is no evidence."""
        assert self.refusal is not None
        self.gate.counts.refused[self.refusal.measure] += 1
        if self.refusal.measure != "budget":
            self._tell(int(self.refusal.status), 0, refused=True)

    def _groups(self) -> tuple[str, ...]:
        return groups_of(
            self.network, self.prefix, self.agent, self.account, self.gate.means.signups
        )

    def _excuse(self, error: Exception) -> None:
        self.gate.counts.faults += 1
        _LOG.error("the guard failed at a request, which is answered all the same", exc_info=error)

    def _budget(self) -> Refusal | None:
        budgets = self.gate.budgets
        if not self.gate.means.enforcing:
            return None
        if self.actor != self.owner:
            refused = budgets.enter(self.actor, "account")
            if refused is not None:
                return refused
        return budgets.take_media(self) if self.is_media else None

    def _standing(self) -> Refusal | None:
        """How the actor stands; a token is under budgets alone."""
        if self.token is not None:
            actor = "" if self.account is None else f"account:{self.account}"
            self.gate.means.tell(TokenUsed(token=self.token.token, t=self.now, actor=actor))
            return None
        means, gate = self.gate.means, self.gate
        self.standing = gate.standings.get(self.actor, self.now)
        if not means.enforcing:
            return None
        if (
            self.is_media
            and gate.policy.when_store_is_lost == "closed"
            and (gate.standings.is_lost or means.lost())
        ):
            return _LOST
        item = (-2 if self.item is None else self.item) if self.is_media else None
        return refuse(self.standing, self.now, item, gate.policy, self._is_open_to_all)

    def _is_open_to_all(self) -> bool:
        facts = None if self.item is None else self.gate.facts(self.item)
        return facts is not None and facts.open_to_all

    def _tell(self, status: int, size_bytes: int, *, refused: bool = False) -> None:
        gate, facts = self.gate, None
        kind = Kind.BULK if self.token is not None else Kind.METADATA
        heard = self.is_media and (status in _GIVEN or self.canary) and not refused
        if heard and self.token is None and self.item is not None:
            kind = Kind.MEDIA
            facts = None if self.canary else gate.facts(self.item)
            if facts is not None and self.standing is not None:
                self.standing.duration_s = facts.duration_s or 0.0
        gate.counts.canaries += self.canary
        gate.means.tell(
            Told(
                actor=self.actor, network=self.network, t=self.now, kind=kind, status=status,
                item=self.item, bytes=size_bytes, canary=self.canary, refused=refused,
                bucket=facts.bucket if facts else None, artist=facts.artist if facts else None,
                release=facts.release if facts else None, rank=facts.rank if facts else None,
                duration_s=facts.duration_s if facts else None,
                groups=self._groups() if kind is Kind.MEDIA else (),
            )
        )  # fmt: skip


class Timing:
    """Adds up what the guard takes for a visit, in seconds."""

    __slots__ = ("_began", "_visit")

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._visit.seconds += perf_counter() - self._began
