"""Summaries of evidence, decided once for each distinct set of claims.

The set of (claim, value, kind, witness, doubted or not) behind a recording is written as one
string, its signature. A catalogue has few different ones, so the rights are asked a few times, not
for each recording. Names of people do not stand in it, only layers and years.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import ibis
import pyarrow as pa

from phonotheque.catalogue.inputs import united
from phonotheque.catalogue.ports import HOLDER_PRESENT, DecideSummary, TableEngine
from phonotheque.model.rights import LEAST_CONFIDENCE, Claim, Evidence, EvidenceKind

_FIELD, _ITEM, _NOTHING = "\x1f", "\x1e", "\x1d"
_DOUBTED = "doubted"
_UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
SUMMARIES = pa.schema(
    [
        pa.field("signature", pa.string(), nullable=False),
        pa.field("licence", pa.string()),
        pa.field("stream", pa.string(), nullable=False),
        pa.field("distribute", pa.string(), nullable=False),
    ]
)


def claims(evidence: Any) -> Any:
    """The distinct claims of an evidence column as a sorted array of strings."""
    return evidence.map(_claim).unique().sort()


def signature(claim_set: Any) -> Any:
    """One string for a sorted array of claims."""
    return claim_set.join(_ITEM).fill_null("")


def format_signature(evidence: Iterable[Evidence]) -> str:
    """As `signature` of `claims`, for evidence in hand. Raw texts and dates do not stand in it."""
    return _ITEM.join(sorted({_format_claim(item) for item in evidence}))


def claims_within(signature: str, wanted: Collection[Claim]) -> str:
    """SQL for what a signature, itself SQL, says on the claims `wanted`: a signature too."""
    listed = ", ".join(f"'{claim}'" for claim in sorted(wanted))
    return (
        f"array_to_string(list_filter(string_split({signature}, chr({ord(_ITEM)})), "
        f"lambda c: split_part(c, chr({ord(_FIELD)}), 1) IN ({listed})), chr({ord(_ITEM)}))"
    )


def parse_signature(text: str) -> tuple[Evidence, ...]:
    """The evidence behind a signature; only claim, value, kind and witness are true, and confidence
    in so far as it is 0 where the source holds it for unlikely."""
    return tuple(_parse_claim(item) for item in text.split(_ITEM) if item)


def summaries(engine: TableEngine, signatures: Sequence[Any], decide: DecideSummary) -> Any:
    """A table with the summary of each distinct `signature` of the tables, taken one by one."""
    found = [engine.keep(table.select("signature").distinct()) for table in signatures]
    distinct = united(found).distinct()

    def decided() -> Iterator[pa.RecordBatch]:
        for batch in engine.stream(distinct, ["signature"]):
            texts = batch.column(0).to_pylist()
            answers = [decide(parse_signature(text)) for text in texts]
            yield pa.RecordBatch.from_pylist(
                [{"signature": t, **a._asdict()} for t, a in zip(texts, answers, strict=True)],
                schema=SUMMARIES,
            )

    decisions = engine.keep_batches(SUMMARIES, decided())
    engine.drop(*found)
    return decisions


def _claim(item: Any) -> Any:
    value, witness = item["value"], item["witness"]
    for reserved in (_FIELD, _ITEM, _NOTHING):
        value = value.replace(reserved, " ")
        witness = witness.replace(reserved, " ")
    kept = ibis.ifelse(
        (item["claim"] == Claim.HOLDER.value) & value.notnull(), HOLDER_PRESENT, value
    )
    told = item["claim"] + _FIELD + kept.fill_null(_NOTHING) + _FIELD + item["kind"]
    doubted = (item["confidence"] < LEAST_CONFIDENCE).fill_null(False)
    named = ibis.ifelse(
        witness.isnull() & ~doubted, "", ibis.literal(_FIELD) + witness.fill_null("")
    )
    return told + named + ibis.ifelse(doubted, _FIELD + _DOUBTED, "")


def _format_claim(item: Evidence) -> str:
    def plain(text: str) -> str:
        return "".join(" " if c in (_FIELD, _ITEM, _NOTHING) else c for c in text)

    value = _NOTHING if item.value is None else plain(item.value)
    if item.claim is Claim.HOLDER and item.value is not None:
        value = HOLDER_PRESENT
    told = [item.claim.value, value, item.kind.value]
    doubted = item.confidence is not None and item.confidence < LEAST_CONFIDENCE
    if doubted or item.witness is not None:
        told.append(plain(item.witness or ""))
    return _FIELD.join([*told, _DOUBTED] if doubted else told)


def _parse_claim(item: str) -> Evidence:
    claim, value, kind, *rest = item.split(_FIELD)
    known = None if value == _NOTHING else value
    return Evidence(
        Claim(claim), known, known or "", EvidenceKind(kind), "catalogue", _UNDATED,
        witness=rest[0] if rest else None, confidence=0.0 if len(rest) > 1 else None,
    )  # fmt: skip
