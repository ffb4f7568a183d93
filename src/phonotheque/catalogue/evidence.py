"""Summaries of evidence, decided once for each distinct set of claims.

The set of (claim, value, kind, witness) that stands behind a recording is written as one string,
its signature. A catalogue has few different ones, so the rights are asked a few times, not for each
recording. Names of people do not stand in it, only layers and years.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import ibis
import pyarrow as pa

from phonotheque.catalogue.inputs import united
from phonotheque.catalogue.ports import HOLDER_PRESENT, DecideSummary, TableEngine
from phonotheque.model.rights import Claim, Evidence, EvidenceKind

_FIELD, _ITEM, _NOTHING = "\x1f", "\x1e", "\x1d"
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


def parse_signature(text: str) -> tuple[Evidence, ...]:
    """The evidence behind a signature; only claim, value, kind and witness are true."""
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
    value = item["value"]
    for reserved in (_FIELD, _ITEM, _NOTHING):
        value = value.replace(reserved, " ")
    kept = ibis.ifelse(
        (item["claim"] == Claim.HOLDER.value) & value.notnull(), HOLDER_PRESENT, value
    )
    witness = item["witness"]
    for reserved in (_FIELD, _ITEM, _NOTHING):
        witness = witness.replace(reserved, " ")
    told = item["claim"] + _FIELD + kept.fill_null(_NOTHING) + _FIELD + item["kind"]
    return told + ibis.ifelse(witness.isnull(), "", ibis.literal(_FIELD) + witness)


def _parse_claim(item: str) -> Evidence:
    claim, value, kind, *witness = item.split(_FIELD)
    known = None if value == _NOTHING else value
    return Evidence(
        Claim(claim), known, known or "", EvidenceKind(kind), "catalogue", _UNDATED,
        witness=witness[0] if witness else None,
    )  # fmt: skip
