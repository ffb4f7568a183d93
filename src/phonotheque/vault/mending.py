"""Putting back objects that are damaged or missing, from any place that holds their bytes.

What a place gives is hashed before it counts. What stands under the name is set aside first, in
quarantine: nothing is deleted. The order of steps (history of what is set aside, moving it, the
new file, history of the recovery) makes that a kill at any moment is completed by the next run.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256 as new_sha256
from itertools import islice
from pathlib import Path
from typing import Protocol

import msgspec

from phonotheque.model.errors import NoSpaceError, PhonothequeError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.progress import Progress
from phonotheque.storage.durable import TEMPORARY_SUFFIX, write_chunks
from phonotheque.vault.events import EventType
from phonotheque.vault.fixity_state import Checked, FixityState, Outcome
from phonotheque.vault.proving import Pace, check_one
from phonotheque.vault.quarantine import (
    Quarantined,
    add_quarantined,
    is_quarantined,
    quarantine_path,
)
from phonotheque.vault.store import Vault

_AT_ONCE = 20_000  # bad objects looked for together: a walk over all places for each such page
MOST_NAMED = 1_000
_CODES = {
    Outcome.DAMAGED: FindingCode.COPY_DAMAGED,
    Outcome.MISSING: FindingCode.COPY_MISSING,
    Outcome.NOT_CHECKED: FindingCode.COPY_DAMAGED,
}


@dataclass(frozen=True, slots=True)
class Offer:
    """Bytes that are said to be those of `sha256`: at `where`, read by `chunks`."""

    sha256: str
    where: str
    chunks: Callable[[], Iterator[bytes]]


class Donor(Protocol):
    """A place that may hold objects."""

    @property
    def name(self) -> str:
        """How messages call it."""

    def offers(self, wanted: Mapping[str, int]) -> Iterator[Offer]:
        """What it has of `wanted` (digest → bytes), unproved. Of `wanted`, what has been found
        meanwhile is gone.

        Raises:
            PhonothequeError, OSError: the place cannot be looked through.
        """


class Mended(msgspec.Struct, frozen=True, kw_only=True):
    """An object that is sound again. `quarantined`: the name of what stood there before, in
    quarantine; None where nothing did."""

    sha256: str
    bytes: int
    source: str
    quarantined: str | None


class MendReport(msgspec.Struct, frozen=True, kw_only=True):
    """`bad` objects were known or found; of them `sound_again` were sound when looked at again,
    `mended` were put back (the first ones in `objects`), `failed` were not (the first ones in
    `findings`, with what was tried). In a dry run `objects` are those that some place names,
    unproved, and nothing was changed."""

    dry_run: bool
    bad: int
    sound_again: int
    mended: int
    failed: int
    bytes: int
    objects: list[Mended]
    findings: list[Finding]


@dataclass(slots=True)
class _Tally:
    bad: int = 0
    sound_again: int = 0
    mended: int = 0
    failed: int = 0
    bytes: int = 0
    objects: list[Mended] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def mend_objects(
    vault: Vault,
    now: datetime,
    progress: Progress,
    donors: Sequence[Donor],
    *,
    look_for_missing: bool = False,
    dry_run: bool = False,
    on_mended: Callable[[str], None] = lambda _: None,
) -> MendReport:
    """Put back what the last checks found bad, asking `donors` in their order; with
    `look_for_missing`, also whatever has a row and no file (a disk was lost). The caller holds the
    archive's lock.

    Raises:
        NoSpaceError: no room; what was mended stays mended.
    """
    mender = _Mender(vault, now, progress, donors, dry_run, on_mended)
    bad = mender.iter_bad(look_for_missing=look_for_missing)
    while page := list(islice(bad, _AT_ONCE)):
        mender.mend(page)
    return mender.report()


class _Mender:
    def __init__(  # noqa: PLR0917
        self,
        vault: Vault,
        now: datetime,
        progress: Progress,
        donors: Sequence[Donor],
        dry_run: bool,
        on_mended: Callable[[str], None],
    ) -> None:
        self._vault, self._now, self._progress = vault, now, progress
        self._donors, self._dry_run, self._on_mended = donors, dry_run, on_mended
        self._state = FixityState(vault.state)
        self._tally = _Tally()
        self._tried: dict[str, list[str]] = {}
        self._broken: dict[str, Checked] = {}

    def iter_bad(self, *, look_for_missing: bool) -> Iterator[tuple[bytes, int]]:
        """(digest, bytes) of what is known to be bad, or found without a file now."""
        for item in self._iter_missing() if look_for_missing else ():
            if self._state.fault(item.sha256) is None:
                if self._dry_run:
                    yield item.sha256, item.bytes
                else:
                    self._record(item)
        yield from ((digest, size) for digest, size, _, _ in self._state.faults())

    def _iter_missing(self) -> Iterator[Checked]:
        """Rows without a file: a merge of the state with the store's names."""
        self._progress.start("objects without a file", self._vault.count_objects()[0], "objects")
        names = self._vault.store.names()
        here = next(names, None)
        for item in self._vault.iter_objects():
            while here is not None and here[0] < item.sha256:
                here = next(names, None)
            self._progress.advance()
            if here is None or here[0] != item.sha256:
                digest = bytes.fromhex(item.sha256)
                yield Checked(digest, item.bytes, Outcome.MISSING, "it is not there")

    def _record(self, item: Checked) -> None:
        sound = item.outcome is Outcome.SOUND
        said = json.dumps({"outcome": item.outcome.value, "note": item.note})
        with self._vault.state.transaction():
            self._state.set_fault(item, self._now)
            self._vault.record_event(
                EventType.FIXITY_CHECK, self._now, outcome="success" if sound else "failure",
                detail=said, sha256_hex=item.sha256.hex(),
            )  # fmt: skip

    def mend(self, page: Sequence[tuple[bytes, int]]) -> None:
        """Look at each again, and put back what still is bad."""
        self._tally.bad += len(page)
        self._progress.start("looking for bad objects elsewhere", len(page), "objects")
        self._tried, self._broken = {}, {}
        wanted: dict[str, int] = {}
        for digest, size in page:
            self._look(digest, size, wanted)
        for donor in self._donors:
            if not wanted:
                break
            self._ask(donor, wanted)
        for name in wanted:
            self._fail(name, "; ".join(self._tried.get(name, ())) or "no place has it")

    def _look(self, digest: bytes, size: int, wanted: dict[str, int]) -> None:
        found = check_one(self._vault.store, digest, size, Pace(None))
        if found.outcome is Outcome.SOUND:
            self._tally.sound_again += 1
            if not self._dry_run:
                self._record(found)
        elif found.outcome is Outcome.NOT_CHECKED and not found.unreadable:
            self._fail(digest.hex(), f"{found.note}; see to that first")
        else:
            self._broken[digest.hex()] = found
            wanted[digest.hex()] = size

    def _ask(self, donor: Donor, wanted: dict[str, int]) -> None:
        try:
            for offer in donor.offers(wanted):
                if offer.sha256 in wanted and self._accept(offer, wanted[offer.sha256]):
                    del wanted[offer.sha256]
                    self._progress.advance()
        except (PhonothequeError, OSError) as error:
            if isinstance(error, NoSpaceError):
                raise
            self._progress.note(f"{donor.name}: cannot be looked through ({error})")
            for name in wanted:
                self._tried.setdefault(name, []).append(f"{donor.name}: {error}")

    def _accept(self, offer: Offer, size: int) -> bool:
        """Whether the object is sound by what is offered (in a dry run: may become so)."""
        if self._dry_run:
            self._note(offer, size, None)
            return True
        staging = self._vault.root / "incoming" / f"{os.getpid()}-mend{TEMPORARY_SUFFIX}"
        try:
            if not self._bring(offer, staging):
                return False
            aside = self._set_aside(offer)
            self._vault.store.put(offer.sha256, staging, move=True)
            self._record_recovery(offer, aside)
        finally:
            staging.unlink(missing_ok=True)
        self._on_mended(offer.sha256)
        self._note(offer, size, aside)
        return True

    def _bring(self, offer: Offer, staging: Path) -> bool:
        hasher = new_sha256()

        def hashed() -> Iterator[bytes]:
            for chunk in offer.chunks():
                hasher.update(chunk)
                yield chunk

        try:
            write_chunks(staging, hashed())
        except (PhonothequeError, OSError) as error:
            if isinstance(error, NoSpaceError):
                raise
            self._tried.setdefault(offer.sha256, []).append(f"{offer.where}: {error}")
            return False
        if hasher.hexdigest() != offer.sha256:
            text = f"{offer.where}: has other bytes than it should"
            self._tried.setdefault(offer.sha256, []).append(text)
            return False
        return True

    def _set_aside(self, offer: Offer) -> str | None:
        """The name in quarantine of what stands in the way; it is in the history first."""
        broken = self._broken[offer.sha256]
        if broken.outcome is Outcome.MISSING:
            return None
        kept = broken.found or offer.sha256
        size = self._vault.store.size(offer.sha256) or 0
        reason = json.dumps({"object": offer.sha256, "reason": broken.note})
        item = Quarantined(sha256=kept, bytes=size, at=self._now, reason=reason)
        with self._vault.state.transaction():
            if not is_quarantined(self._vault.state, kept):
                add_quarantined(self._vault.state, item)
                self._vault.record_event(
                    EventType.QUARANTINE, self._now, detail=reason, sha256_hex=kept
                )
        self._vault.store.set_aside(offer.sha256, quarantine_path(self._vault.root, kept))
        return kept

    def _record_recovery(self, offer: Offer, aside: str | None) -> None:
        said = {"from": offer.where} | ({"quarantined": aside} if aside else {})
        digest = bytes.fromhex(offer.sha256)
        with self._vault.state.transaction():
            self._vault.record_event(
                EventType.RECOVERY, self._now, detail=json.dumps(said, ensure_ascii=False),
                sha256_hex=offer.sha256,
            )  # fmt: skip
            self._state.set_fault(Checked(digest, 0, Outcome.SOUND), self._now)

    def _note(self, offer: Offer, size: int, aside: str | None) -> None:
        self._tally.mended += 1
        self._tally.bytes += size
        if len(self._tally.objects) < MOST_NAMED:
            self._tally.objects.append(
                Mended(sha256=offer.sha256, bytes=size, source=offer.where, quarantined=aside)
            )

    def _fail(self, name: str, why: str) -> None:
        self._tally.failed += 1
        if len(self._tally.findings) < MOST_NAMED:
            broken = self._broken.get(name)
            code = _CODES[broken.outcome] if broken else FindingCode.COPY_NOT_CHECKED
            where = self._vault.store.where(name)
            self._tally.findings.append(
                Finding(code, Severity.ERROR, where, f"not mended: {why}; name other places")
            )

    def report(self) -> MendReport:
        """What was done."""
        tally = self._tally
        return MendReport(
            dry_run=self._dry_run, bad=tally.bad, sound_again=tally.sound_again,
            mended=tally.mended, failed=tally.failed, bytes=tally.bytes, objects=tally.objects,
            findings=tally.findings,
        )  # fmt: skip
