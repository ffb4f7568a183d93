"""How well the vault is checked: what was looked at lately, what is overdue, what rate it takes."""

from datetime import datetime, timedelta

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.vault.events import batch_files
from phonotheque.vault.fixity_state import (
    END,
    FixityState,
    Outcome,
    Round,
    position_at,
    share_of,
)
from phonotheque.vault.store import Vault

RESERVE = 0.1  # of the days, for runs that come late


class FixityStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Shares are of the digest space, which objects fill evenly: 0 to 1.

    `checked_share`: looked at within `days`; an object counts as looked at when it was admitted.
    `oldest_check`: no object was looked at before that. `behind_days`: how far the round is behind
    its schedule. `bytes_per_s`: what keeps the schedule; `bytes_per_s_now`: what ends the round
    that is running in time.
    """

    objects: int
    bytes: int
    days: float
    round: int
    round_started: datetime | None
    round_done: float
    round_due: float
    checked_share: float
    oldest_check: datetime | None
    behind_days: float
    bytes_per_s: int
    bytes_per_s_now: int
    damaged: int
    missing: int
    not_checked: int

    def findings(self, where: str) -> list[Finding]:
        """A finding when something was looked at longer ago than it should have been."""
        if self.checked_share >= 1 or self.oldest_check is None:
            return []
        message = (
            f"{1 - self.checked_share:.1%} of the vault was last checked more than "
            f"{self.days:g} days ago, some of it on {self.oldest_check:%Y-%m-%d}; it takes "
            f"{self.bytes_per_s_now:,} bytes/s to catch up within this round: run `phonotheque "
            "verify --vault` more often, or with a higher --rate"
        )
        return [Finding(FindingCode.COPY_CHECK_OVERDUE, Severity.WARNING, where, message)]


class FixityReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one run saw, and how the vault stands after it. `findings` are the first ones;
    `findings_left_out` counts the others: all are in the vault's history. `mended`: objects that
    were bad before and are sound now. `pictures` out of audio were looked at as well."""

    sound: int
    damaged: int
    missing: int
    not_checked: int
    mended: int
    pictures: int
    bytes_read: int
    status: FixityStatus
    findings: list[Finding]
    findings_left_out: int


def due_position(at: Round, now: datetime) -> bytes:
    """The digest up to which the round ought to have come by `now`."""
    if at.days == 0:
        return END
    return position_at((now - at.started) / span_of(at.days))


def span_of(days: float) -> timedelta:
    """How long a round takes when everything is to be looked at within `days`."""
    return timedelta(days=days * (1 - RESERVE))


def fixity_status(
    vault: Vault, now: datetime, days: float, held: tuple[int, int] | None = None
) -> FixityStatus:
    """How the vault stands at `now`; `held`: its objects and bytes, where they were counted just
    now. Reads the state alone."""
    state = FixityState(vault.state)
    objects, size = held or vault.count_objects()
    last = state.newest()
    done = share_of(last.cursor) if last else 0.0
    due = share_of(due_position(last, now)) if last else 0.0
    checked, oldest = _coverage(state, now, days, first_admission(vault) if objects else None)
    left = span_of(days) * max(1 - due, 0.05)
    faults = state.count_faults()
    return FixityStatus(
        objects=objects,
        bytes=size,
        days=days,
        round=last.number if last else 0,
        round_started=last.started if last else None,
        round_done=round(done, 6),
        round_due=round(due, 6),
        checked_share=checked,
        oldest_check=oldest,
        behind_days=round(max(due - done, 0) * span_of(days) / timedelta(days=1), 3),
        bytes_per_s=round(size / span_of(days).total_seconds()),
        bytes_per_s_now=round(size * (1 - done) / left.total_seconds()),
        damaged=faults[Outcome.DAMAGED],
        missing=faults[Outcome.MISSING],
        not_checked=faults[Outcome.NOT_CHECKED],
    )


def first_admission(vault: Vault) -> datetime | None:
    """When the history of the vault began, as far as it can be read."""
    for path in batch_files(vault.root):
        try:
            with pq.ParquetFile(path) as file:
                first: datetime = file.read_row_group(0, columns=["at"])["at"][0].as_py()
                return first
        except (pa.ArrowException, OSError):
            continue  # `check_events` says what is wrong with it
    return FixityState(vault.state).first_pending()


def _coverage(
    state: FixityState, now: datetime, days: float, admitted: datetime | None
) -> tuple[float, datetime | None]:
    """(share looked at within `days`, the oldest look)."""
    if admitted is None:
        return 1.0, None
    limit, share, covered = now - timedelta(days=days), 0.0, 0.0
    oldest = None
    for stretch in state.iter_coverage():
        end = share_of(stretch.last)
        share += end - covered if stretch.at >= limit else 0.0
        covered, oldest = end, min(oldest or stretch.at, stretch.at)
    if covered < 1:
        share += 1 - covered if admitted >= limit else 0.0
        oldest = min(oldest or admitted, admitted)
    return (1.0 if share > 1 - 1e-9 else share), oldest
