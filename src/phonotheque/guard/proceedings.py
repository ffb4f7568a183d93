"""What people decide: disabling, by two of them; appeals; tokens for taking in bulk.

Everything is done in one transaction with its line in the audit log, under the name of whoever
does it.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec

from phonotheque.guard.records import DISABLE, Appeal, BulkToken, Decision, Proposal, What
from phonotheque.guard.store import GuardStore, lift_measure, set_measure
from phonotheque.guard.trail import append
from phonotheque.model.errors import NotFoundError, UsageError
from phonotheque.storage.database import from_us, maybe_from_us, to_us

BULK_PREFIX: Final = "phb_"
LONGEST_APPEAL: Final = 4000
APPEAL_DAYS: Final = 14
_PROPOSAL = (
    "proposal, actor, at_us, reasons, evidence, first_person, second_person, decided_us, state"
)
_APPEAL = "appeal, actor, at_us, text, decided_by, decided_us, outcome, answer"
_BULK = "token, sha256, name, contact, made_us, expires_us, used_us, revoked_us"


class Proceedings:
    """What people decide over the records of `store`."""

    def __init__(self, store: GuardStore) -> None:
        self._store, self._database = store, store.database

    # ------------------------------------------------------------------------ disabling

    def propose(
        self, actor: str, reasons: Sequence[str], evidence: dict[str, Any], tables: str,
        now: datetime,
    ) -> int | None:  # fmt: skip
        """Propose that an account be disabled; the proposal's number, None where one is open."""
        with self._database.transaction() as writer:
            made = writer.execute(
                "INSERT OR IGNORE INTO proposal (actor, at_us, reasons, evidence, state) "
                "VALUES (?,?,?,?,'open')",
                [actor, to_us(now), _text(list(reasons)), _text(evidence)],
            )
            if made.rowcount != 1:
                return None
            append(writer, now, What.DISABLING_PROPOSED, "guard", actor=actor, reasons=reasons,
                   evidence={"proposal": made.lastrowid, **evidence}, tables=tables)  # fmt: skip
            return made.lastrowid

    def proposals(self, *, only_open: bool = True) -> list[Proposal]:
        """Proposals, the oldest first."""
        condition = "WHERE state = 'open' " if only_open else ""
        rows = self._database.rows(f"SELECT {_PROPOSAL} FROM proposal {condition}ORDER BY proposal")
        return [_proposal(row) for row in rows]

    def proposal(self, number: int) -> Proposal:
        """One proposal.

        Raises:
            NotFoundError: there is none of this number.
        """
        row = self._database.row(f"SELECT {_PROPOSAL} FROM proposal WHERE proposal = ?", [number])
        if row is None:
            raise NotFoundError(f"{number}: there is no proposal of this number")
        return _proposal(row)

    def confirm(self, number: int, person: str, now: datetime) -> Proposal:
        """Confirm a proposal; with the second person the account is disabled.

        Raises:
            NotFoundError: there is none of this number.
            UsageError: it is decided already, the same person confirms twice, or gives no name.
        """
        name = _named(person)
        with self._database.transaction() as writer:
            found = _open(self.proposal(number))
            if found.first_person is None:
                writer.execute("UPDATE proposal SET first_person = ? WHERE proposal = ?",
                               [name, number])  # fmt: skip
            elif found.first_person.casefold() == name.casefold():
                raise UsageError(f"{name} has confirmed {number} already; it takes a second person")
            else:
                writer.execute(
                    "UPDATE proposal SET second_person = ?, decided_us = ?, state = 'confirmed' "
                    "WHERE proposal = ?",
                    [name, to_us(now), number],
                )
                kind = found.actor.partition(":")[0]
                set_measure(writer, Decision(actor=found.actor, kind=kind, measure=DISABLE,
                                             until=None, reasons=found.reasons), now)  # fmt: skip
            append(writer, now, What.DISABLING_CONFIRMED, name, actor=found.actor,
                   reasons=found.reasons, evidence={
                       "proposal": number, "first_person": found.first_person or name,
                       "second_person": name if found.first_person else None,
                       "disabled": found.first_person is not None})  # fmt: skip
        return self.proposal(number)

    def reject(self, number: int, person: str, why: str, now: datetime) -> Proposal:
        """Reject a proposal; whatever is in force against the account is lifted.

        Raises:
            NotFoundError: there is none of this number.
            UsageError: it is decided already, or no name is given.
        """
        name = _named(person)
        with self._database.transaction() as writer:
            found = _open(self.proposal(number))
            writer.execute(
                "UPDATE proposal SET decided_us = ?, state = 'rejected' WHERE proposal = ?",
                [to_us(now), number],
            )
            append(writer, now, What.DISABLING_REJECTED, name, actor=found.actor, reasons=(why,),
                   evidence={"proposal": number})  # fmt: skip
            lift_measure(writer, now, found.actor, What.MEASURE_LIFTED, by=name, reasons=(why,))
        return self.proposal(number)

    # ------------------------------------------------------------------------ appeals

    def appeal(self, actor: str, text: str, now: datetime) -> int:
        """Object to a measure that is in force or ended within `APPEAL_DAYS`; the appeal's number.

        Raises:
            UsageError: there is no such measure, one is open already, or the text has no length
                within `LONGEST_APPEAL` characters.
        """
        if not 0 < len(text.strip()) <= LONGEST_APPEAL:
            raise UsageError(f"an appeal has 1 to {LONGEST_APPEAL} characters")
        with self._database.transaction() as writer:
            met = writer.execute(
                "SELECT 1 FROM audit WHERE actor = ? AND at_us >= ? AND what IN (?,?) "
                "UNION ALL SELECT 1 FROM actor WHERE actor = ? AND measure <> 'allow'",
                [actor, to_us(now - timedelta(days=APPEAL_DAYS)), What.MEASURE_TAKEN.value,
                 What.DISABLING_CONFIRMED.value, actor],
            ).fetchone()  # fmt: skip
            if met is None:
                raise UsageError("nothing was held against you that one could appeal against")
            made = writer.execute(
                "INSERT OR IGNORE INTO appeal (actor, at_us, text, outcome) VALUES (?,?,?,'open')",
                [actor, to_us(now), text.strip()],
            )
            if made.rowcount != 1 or made.lastrowid is None:
                raise UsageError("an appeal of yours is open already; it will be answered")
            append(writer, now, What.APPEAL_MADE, actor, actor=actor,
                   evidence={"appeal": made.lastrowid})  # fmt: skip
            return made.lastrowid

    def appeals(self, actor: str | None = None, *, only_open: bool = False) -> list[Appeal]:
        """Appeals, the oldest first."""
        conditions = [f"actor = {'?'}"] if actor is not None else []
        conditions += ["outcome = 'open'"] if only_open else []
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        rows = self._database.rows(
            f"SELECT {_APPEAL} FROM appeal {where}ORDER BY appeal", [actor] if actor else []
        )
        return [_appeal(row) for row in rows]

    def decide_appeal(
        self, number: int, person: str, answer: str, now: datetime, *, granted: bool
    ) -> Appeal:
        """Answer an appeal; a granted one lifts the measure, and the actor begins anew.

        Raises:
            NotFoundError: there is none of this number.
            UsageError: it is decided already, or no name or no answer is given.
        """
        name = _named(person)
        if not answer.strip():
            raise UsageError("say why: whoever appeals is told the answer")
        with self._database.transaction() as writer:
            row = writer.execute(
                f"SELECT {_APPEAL} FROM appeal WHERE appeal = ?", [number]
            ).fetchone()
            if row is None:
                raise NotFoundError(f"{number}: there is no appeal of this number")
            found = _appeal(row)
            if found.outcome != "open":
                raise UsageError(f"{number}: was {found.outcome} already, by {found.decided_by}")
            outcome = "granted" if granted else "refused"
            writer.execute(
                "UPDATE appeal SET decided_by = ?, decided_us = ?, outcome = ?, answer = ? "
                "WHERE appeal = ?",
                [name, to_us(now), outcome, answer.strip(), number],
            )
            what = What.APPEAL_GRANTED if granted else What.APPEAL_REFUSED
            append(writer, now, what, name, actor=found.actor, reasons=(answer.strip(),),
                   evidence={"appeal": number})  # fmt: skip
            if granted:
                lift_measure(writer, now, found.actor, What.MEASURE_LIFTED, by=name,
                             reasons=(f"appeal {number} was granted",))  # fmt: skip
        return next(a for a in self.appeals(found.actor) if a.appeal == number)

    # ------------------------------------------------------------------------ bulk tokens

    def issue_token(
        self, name: str, contact: str, by: str, now: datetime, *, expires_at: datetime | None = None
    ) -> tuple[str, BulkToken]:
        """A new token for taking in bulk, told this once, and its row.

        Raises:
            UsageError: there is no name, or no contact to write to.
        """
        if not name.strip() or not contact.strip():
            raise UsageError("a bulk token wants a name and a contact, such as an address of mail")
        token = BULK_PREFIX + secrets.token_urlsafe(32)
        with self._database.transaction() as writer:
            made = writer.execute(
                "INSERT INTO bulk_token (sha256, name, contact, made_us, expires_us) "
                "VALUES (?,?,?,?,?)",
                [digest_token(token), name.strip(), contact.strip(), to_us(now),
                 None if expires_at is None else to_us(expires_at)],
            )  # fmt: skip
            append(writer, now, What.BULK_ISSUED, _named(by),
                   evidence={"token": made.lastrowid, "name": name.strip()})  # fmt: skip
        return token, next(t for t in self.tokens() if t.token == made.lastrowid)

    def tokens(self) -> list[BulkToken]:
        """All tokens, the oldest first."""
        rows = self._database.rows(f"SELECT {_BULK} FROM bulk_token ORDER BY token")
        return [_token(row) for row in rows]

    def find_token(self, token: str) -> BulkToken | None:
        """The row of a token, whether it is still good or not."""
        if not token.startswith(BULK_PREFIX) or len(token) > 100:
            return None
        row = self._database.row(
            f"SELECT {_BULK} FROM bulk_token WHERE sha256 = ?", [digest_token(token)]
        )
        return None if row is None else _token(row)

    def use_token(self, number: int, now: datetime) -> None:
        """Note that a token was used; called once a day for each."""
        with self._database.transaction() as writer:
            writer.execute(
                "UPDATE bulk_token SET used_us = ? WHERE token = ?", [to_us(now), number]
            )
            append(writer, now, What.BULK_USED, "guard", evidence={"token": number})

    def revoke_token(self, number: int, by: str, now: datetime) -> None:
        """Let a token open nothing any more.

        Raises:
            NotFoundError: there is none of this number in force.
        """
        with self._database.transaction() as writer:
            done = writer.execute(
                "UPDATE bulk_token SET revoked_us = ? WHERE token = ? AND revoked_us IS NULL",
                [to_us(now), number],
            )
            if done.rowcount != 1:
                raise NotFoundError(f"{number}: there is no bulk token of this number in force")
            append(writer, now, What.BULK_REVOKED, _named(by), evidence={"token": number})


def digest_token(token: str) -> bytes:
    """What is kept of a token: 32 bytes."""
    return sha256(token.encode()).digest()


def _named(person: str) -> str:
    if not person.strip():
        raise UsageError("give the name of the person who decides")
    return person.strip()


def _open(proposal: Proposal) -> Proposal:
    if proposal.state != "open":
        raise UsageError(f"{proposal.proposal}: was {proposal.state} already")
    return proposal


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _proposal(row: Sequence[Any]) -> Proposal:
    return Proposal(
        proposal=row[0], actor=row[1], at=from_us(row[2]),
        reasons=tuple(msgspec.json.decode(row[3])), evidence=msgspec.json.decode(row[4]),
        first_person=row[5], second_person=row[6], decided_at=maybe_from_us(row[7]), state=row[8],
    )  # fmt: skip


def _appeal(row: Sequence[Any]) -> Appeal:
    return Appeal(
        appeal=row[0], actor=row[1], at=from_us(row[2]), text=row[3], decided_by=row[4],
        decided_at=maybe_from_us(row[5]), outcome=row[6], answer=row[7],
    )  # fmt: skip


def _token(row: Sequence[Any]) -> BulkToken:
    return BulkToken(
        token=row[0], sha256=row[1], name=row[2], contact=row[3], made_at=from_us(row[4]),
        expires_at=maybe_from_us(row[5]), used_at=maybe_from_us(row[6]),
        revoked_at=maybe_from_us(row[7]),
    )  # fmt: skip
