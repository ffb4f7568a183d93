"""``rights.toml``: what the operator states about the files of a folder
(docs/formats/rights-toml.md)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

import msgspec

from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Layer
from phonotheque.sources.globs import glob_pattern
from phonotheque.sources.imports import MAX_EVIDENCE_BYTES
from phonotheque.sources.stated import fact_value
from phonotheque.sources.statements import Understand

NAME = "rights.toml"
MAX_BYTES = 1 << 20


class Basis(StrEnum):
    """On what the right to keep and give out a recording rests."""

    LICENCE = "licence"
    OWN = "own"
    PUBLIC_DOMAIN = "public-domain"


class Rebuttal(StrEnum):
    """Whose rights the licence may not reach."""

    COVER = "cover"
    ARRANGEMENT = "arrangement"
    SAMPLE = "sample"
    THIRD_PARTY_ART = "third-party-art"
    LYRICS = "lyrics"


class Reservation(StrEnum):
    """What the rights holder keeps for himself."""

    AI = "ai"
    TDM = "tdm"


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[[rights.facts]]`` table: what one witness says."""

    witness: str
    confidence: float | None = None
    fixed: int | str | None = None
    published: int | str | None = None
    communicated: int | str | None = None
    work_published: int | str | None = None
    authors: list[str] = []
    all_authors: list[str] = []
    absent: list[str] = []
    rights_statement: str | None = None

    def claims(self) -> Iterator[tuple[Claim, str]]:
        """Everything it says, as written."""
        for claim, told in (
            (Claim.FIXED, self.fixed),
            (Claim.PUBLISHED, self.published),
            (Claim.COMMUNICATED, self.communicated),
            (Claim.WORK_PUBLISHED, self.work_published),
            (Claim.STATEMENT, self.rights_statement),
        ):
            if told is not None:
                yield claim, str(told)
        yield from ((Claim.AUTHOR, text) for text in self.authors)
        yield from ((Claim.AUTHORS, text) for text in self.all_authors)
        yield from ((Claim.ABSENT, text) for text in self.absent)


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[[rights]]`` table."""

    files: str | list[str] = "**"
    licence: str | None = None
    evidence: str | None = None
    holder: str | None = None
    basis: Basis = Basis.LICENCE
    rebuttal: Rebuttal | None = None
    cleared: list[Rebuttal] = []
    reservation: Reservation | None = None
    statement: str | None = None
    layer_licences: dict[str, str] = {}
    contract: list[str] = []
    donor: list[str] = []
    sensitivity: list[str] = []
    facts: list[Told] = []


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rights: list[Statement]
    format: int = 1


@dataclass(frozen=True, slots=True)
class Sidecar:
    """One ``rights.toml``. `name` is its key in the ingested folder; `kept` has the evidence files
    that belong to it, by digest (hex)."""

    name: str
    sha256: str
    statements: tuple[Statement, ...]
    evidence_digests: tuple[str | None, ...]
    kept: dict[str, bytes]

    def statement_for(self, below: str) -> tuple[Statement, str] | None:
        """The last statement whose files include `below` (a path relative to the sidecar's folder)
        and the digest of its evidence: its own file, else the sidecar itself."""
        for statement, digest in reversed(
            [*zip(self.statements, self.evidence_digests, strict=True)]
        ):
            globs = [statement.files] if isinstance(statement.files, str) else statement.files
            if any(glob_pattern(glob).fullmatch(below) for glob in globs):
                return statement, digest or self.sha256
        return None


class UnreadableSidecarError(ValueError):
    """The sidecar cannot be used; the message says why."""


def read_sidecar(path: Path, name: str) -> Sidecar:
    """The sidecar at `path` with the evidence files it names.

    Raises:
        UnreadableSidecarError: it does not parse, contradicts itself, or names a file that is not
            there or not below its folder.
    """
    content = _read_bounded(path, MAX_BYTES)
    try:
        document = msgspec.toml.decode(content, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableSidecarError(str(error)) from error
    if document.format != 1:
        raise UnreadableSidecarError(f"format {document.format}, this program reads 1")
    digest = sha256(content).hexdigest()
    kept, digests = {digest: content}, []
    for statement in document.rights:
        _check_statement(statement)
        evidence = _read_evidence(path.parent, statement.evidence)
        digests.append(sha256(evidence).hexdigest() if evidence is not None else None)
        if evidence is not None:
            kept[sha256(evidence).hexdigest()] = evidence
    return Sidecar(name, digest, tuple(document.rights), tuple(digests), kept)


def sidecar_evidence(
    statement: Statement, digest: str, name: str, understand: Understand, now: datetime
) -> Iterator[Evidence]:
    """What one statement claims."""

    def claim(kind: Claim, value: str | None, raw: str) -> Evidence:
        return Evidence(kind, value, raw, EvidenceKind.SIDECAR, name, now, digest)

    said = statement.statement or ""
    if statement.licence is not None:
        raw = f"{statement.licence} — {said}" if said else statement.licence
        yield claim(Claim.LICENCE, understand(statement.licence), raw)
    if statement.basis is not Basis.LICENCE:
        yield claim(Claim.BASIS, statement.basis.value, said or statement.basis.value)
    if statement.holder:
        yield claim(Claim.HOLDER, statement.holder, statement.holder)
    if statement.rebuttal is not None:
        yield claim(Claim.REBUTTAL, statement.rebuttal.value, said or statement.rebuttal.value)
    if statement.reservation is not None:
        value = statement.reservation.value
        yield claim(Claim.RESERVATION, value, said or value)
    for layer, written in sorted(statement.layer_licences.items()):
        licence = understand(written)
        given = f"{layer}={licence}" if licence else None
        yield claim(Claim.LAYER_LICENCE, given, f"{layer}: {written}")
    for kind, text in _limits(statement):
        yield claim(kind, fact_value(kind, text), f"{text} — {said}" if said else text)
    for told in statement.facts:
        for kind, text in told.claims():
            normal = fact_value(kind, text)
            yield Evidence(
                kind, normal, text, EvidenceKind.SIDECAR, name, now, digest,
                told.witness, told.confidence,
            )  # fmt: skip


def _limits(statement: Statement) -> Iterator[tuple[Claim, str]]:
    """What terms, donors and respect forbid, as written."""
    yield from ((Claim.CONTRACT, text) for text in statement.contract)
    yield from ((Claim.DONOR, text) for text in statement.donor)
    yield from ((Claim.SENSITIVITY, text) for text in statement.sensitivity)


def unreadable_evidence(name: str, now: datetime) -> Evidence:
    """What stands for a sidecar that cannot be read: a licence statement nobody understands."""
    raw = "rights.toml cannot be read"
    return Evidence(Claim.LICENCE, None, raw, EvidenceKind.SIDECAR, name, now)


def _check_statement(statement: Statement) -> None:
    facts = [*_limits(statement), *(one for told in statement.facts for one in told.claims())]
    _check_facts(statement, facts)
    limits = statement.rebuttal is not None or statement.reservation is not None
    limits = limits or bool(facts) or bool(statement.layer_licences)
    grants = statement.basis is not Basis.LICENCE or bool((statement.licence or "").strip())
    if not grants and not limits:
        raise UnreadableSidecarError(
            'a [[rights]] table needs licence = "…", basis = "own" or "public-domain", or a fact'
        )
    if not statement.files:
        raise UnreadableSidecarError("a [[rights]] table has an empty list of files")


def _check_facts(statement: Statement, facts: list[tuple[Claim, str]]) -> None:
    for kind, text in facts:
        if fact_value(kind, text) is None:
            raise UnreadableSidecarError(
                f"{text!r} is no value of {kind.value}; see docs/formats/rights-toml.md"
            )
    for layer in statement.layer_licences:
        if layer not in tuple(Layer):
            raise UnreadableSidecarError(f"{layer!r} is no layer; there are {', '.join(Layer)}")
    for told in statement.facts:
        if not 0 <= (1 if told.confidence is None else told.confidence) <= 1:
            raise UnreadableSidecarError("confidence is a number from 0 to 1")
        if not told.witness.strip():
            raise UnreadableSidecarError("a [[rights.facts]] table needs a witness: who says so")


def _read_evidence(folder: Path, name: str | None) -> bytes | None:
    if name is None:
        return None
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise UnreadableSidecarError(f"evidence {name!r} is not below its folder")
    return _read_bounded(path, MAX_EVIDENCE_BYTES)


def _read_bounded(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise UnreadableSidecarError(f"{path.name} cannot be read ({error.strerror})") from error
    if len(content) > limit:
        raise UnreadableSidecarError(f"{path.name} is longer than {limit} bytes")
    return content
