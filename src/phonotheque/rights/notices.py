"""What a notice, a counter-notice or a complaint must contain, and what of it is missing.

The forms say what the letter has; the letter itself is kept beside. An element has an id and names
its clause. Sources, all read: 17 U.S.C. 512(c)(3), 512(g)(2) and (3) as enacted by Public Law
105-304; Regulation (EU) 2022/2065, article 16(2). What counts as enough to reach somebody is our
own decision: one working way, for the law says "such as".
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import unquote, urlsplit

import msgspec

_PAGES = re.compile(r"/(?:recording|stream|api/v1/recordings)/([^/]+)/?$")
MAX_MATERIAL = 100_000


class Law(StrEnum):
    """Under which rules a notice is handled."""

    US = "us-512"  # 17 U.S.C. 512
    EU = "eu-dsa-16"  # Regulation (EU) 2022/2065
    OTHER = "other"  # any other letter; the operator decides, no window runs


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who writes, and how to answer. Never published."""

    name: str = ""
    organisation: str = ""
    address: str = ""
    phone: str = ""
    email: str = ""


class Material(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing complained of: `id` (public id, ISRC, number) or the `url` of its page."""

    id: str = ""
    url: str = ""

    @property
    def named(self) -> str:
        """What names the recording; empty where the address is none of a recording."""
        if self.id.strip():
            return self.id.strip()
        try:
            found = _PAGES.search(unquote(urlsplit(self.url.strip()).path))
        except ValueError:
            return ""
        return found[1] if found else ""


class Statements(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the letter states; true only where it says so in words."""

    good_faith: bool = False
    accurate: bool = False
    authorised_under_perjury: bool = False


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The form of a notice (docs/take-down.md). `received_at` is aware; now where it is missing.

    `original` names the letter as it came, beside the form. `publish_name`: the sender agrees
    that the public notice names them.
    """

    law: Law
    received_at: datetime | None = None
    original: str = ""
    signature: str = ""
    works: list[str] = []
    material: list[Material] = []
    contact: Contact = Contact()
    statements: Statements = Statements()
    reasons: str = ""
    anonymous_by_law: bool = False  # DSA art. 16(2)(c): offences of Directive 2011/93/EU
    publish_name: bool = False


class CounterNotice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The form of a counter-notice or, under other laws than the American, of a complaint."""

    received_at: datetime | None = None
    original: str = ""
    signature: str = ""
    material: list[Material] = []
    contact: Contact = Contact()
    reasons: str = ""
    mistake_under_perjury: bool = False
    consents_to_jurisdiction: bool = False
    accepts_service: bool = False


@dataclass(frozen=True, slots=True)
class Lack:
    """One element that is missing: its id, its clause, and what to ask the sender for."""

    element: str
    clause: str
    ask: str


class Answer(StrEnum):
    """What a notice asks of the archive."""

    ACT = "act"  # complete: disable what it names
    ASK = "ask"  # says what and who, lacks form: 512(c)(3)(B)(ii), reach the sender promptly
    VOID = (
        "void"  # lacks substance: gives no knowledge of anything; the sender is told all the same
    )


def check_notice(notice: Notice) -> list[Lack]:
    """What is missing of a notice under its law, in the order of the law's clauses."""
    if notice.law is Law.US:
        return _check_us(notice)
    if notice.law is Law.EU:
        return _check_eu(notice)
    clause = "our own rule for letters under other laws"
    return _lacking(
        ("other.reasons", clause, "why it should not be here", bool(notice.reasons.strip())),
        ("other.material", clause, "the id or address of each recording", _located(notice)),
        ("other.contact", clause, "a name and one way to answer", _reachable(notice.contact)),
    )


def answer_notice(notice: Notice, lacks: list[Lack]) -> Answer:
    """Whether to act on it, to ask for the rest, or neither.

    17 U.S.C. 512(c)(3)(B): a notice that fails in form but has (ii), (iii) and (iv) obliges the
    archive to reach the sender promptly; one without those gives no knowledge.
    """
    if not lacks:
        return Answer.ACT
    needed = {"us.work", "us.material", "us.contact", "eu.url", "eu.contact", "other.material",
              "other.contact"}  # fmt: skip
    return Answer.VOID if needed & {lack.element for lack in lacks} else Answer.ASK


def check_counter(counter: CounterNotice, law: Law) -> list[Lack]:
    """What is missing of a counter-notice (512(g)(3)) or of a complaint (DSA art. 20)."""
    contact = counter.contact
    if law is not Law.US:
        clause = "DSA art. 20" if law is Law.EU else "our own rule for letters under other laws"
        return _lacking(
            ("complaint.reasons", clause, "why the decision is wrong", bool(counter.reasons)),
            ("complaint.contact", clause, "a name and one way to answer", _reachable(contact)),
        )
    who = bool(contact.name.strip() and contact.address.strip() and contact.phone.strip())
    located = bool(counter.material) and all(
        m.id.strip() or m.url.strip() for m in counter.material
    )
    consents = counter.consents_to_jurisdiction and counter.accepts_service
    clause = "17 U.S.C. 512(g)(3)"
    return _lacking(
        ("us.counter-signature", f"{clause}(A)", "a signature", bool(counter.signature.strip())),
        ("us.counter-material", f"{clause}(B)",
         "what was disabled, and where it stood before", located),
        ("us.counter-mistake", f"{clause}(C)",
         "a statement under penalty of perjury that it was disabled by mistake or "
         "misidentification, in good faith", counter.mistake_under_perjury),
        ("us.counter-contact", f"{clause}(D)", "name, address and telephone number", who),
        ("us.counter-jurisdiction", f"{clause}(D)",
         "consent to the jurisdiction of the federal district court, and to service of process",
         consents),
    )  # fmt: skip


def _check_us(notice: Notice) -> list[Lack]:
    clause = "17 U.S.C. 512(c)(3)(A)"
    said = notice.statements
    return _lacking(
        ("us.signature", f"{clause}(i)", "a signature of the owner or of someone authorised",
         bool(notice.signature.strip())),
        ("us.work", f"{clause}(ii)", "which work is infringed, or a representative list",
         any(work.strip() for work in notice.works)),
        ("us.material", f"{clause}(iii)", "the id or address of each recording complained of",
         _located(notice)),
        ("us.contact", f"{clause}(iv)", "an address, telephone number or e-mail address",
         _reachable(notice.contact, name=False)),
        ("us.good-faith", f"{clause}(v)", "a statement of good-faith belief that the use is not "
         "authorised by the owner, its agent or the law", said.good_faith),
        ("us.accuracy", f"{clause}(vi)", "a statement that the information is accurate",
         said.accurate),
        ("us.authority", f"{clause}(vi)", "a statement under penalty of perjury of being "
         "authorised to act for the owner", said.authorised_under_perjury),
    )  # fmt: skip


def _check_eu(notice: Notice) -> list[Lack]:
    clause, contact = "DSA art. 16(2)", notice.contact
    named = bool((contact.name.strip() or contact.organisation.strip()) and contact.email.strip())
    return _lacking(
        ("eu.reasons", f"{clause}(a)", "a substantiated explanation of why it is illegal",
         bool(notice.reasons.strip())),
        ("eu.url", f"{clause}(b)", "the exact address of each recording", _located(notice)),
        ("eu.contact", f"{clause}(c)", "name and e-mail address",
         named or notice.anonymous_by_law),
        ("eu.good-faith", f"{clause}(d)", "a statement of the good-faith belief that it is "
         "accurate and complete", notice.statements.good_faith),
    )  # fmt: skip


def _located(notice: Notice) -> bool:
    return bool(notice.material) and all(m.named for m in notice.material)


def _reachable(contact: Contact, *, name: bool = True) -> bool:
    ways = (contact.address, contact.phone, contact.email)
    known = contact.name.strip() or contact.organisation.strip()
    return any(way.strip() for way in ways) and bool(known or not name)


def _lacking(*elements: tuple[str, str, str, bool]) -> list[Lack]:
    return [Lack(element, clause, ask) for element, clause, ask, there in elements if not there]
