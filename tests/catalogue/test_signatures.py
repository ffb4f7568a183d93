"""Signatures: what is stated on a recording as one string, by columns and in hand."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.catalogue import claims_within, evidence, format_signature, parse_signature
from phonotheque.engine import LocalEngine
from phonotheque.model.rights import Claim, Evidence, EvidenceKind
from phonotheque.model.tables import EVIDENCE
from phonotheque.rights import YEAR_PARTS, facts_of
from tests.support.rights_cases import random_evidence

AT = datetime(2026, 1, 1, tzinfo=UTC)


def some_evidence(seed: int) -> tuple[Evidence, ...]:
    random = Random(seed)
    return tuple(
        replace(one, confidence=random.choice([None, None, 0.3, 0.5, 1.0]))
        for one in random_evidence(random)
    )


def test_columns_and_values_in_hand_give_one_signature(tmp_path: Path) -> None:
    sets = [some_evidence(seed) for seed in range(200)]
    odd = Evidence(Claim.HOLDER, "A\x1fB", "", EvidenceKind.TAG, "t", AT, witness="x\x1ey")
    sets += [(), (odd,), (odd, odd, replace(odd, claim=Claim.BASIS))]
    names = EVIDENCE.names if hasattr(EVIDENCE, "names") else [f.name for f in EVIDENCE]
    rows = [
        {"number": n, "said": [{name: getattr(one, name) for name in names} for one in told]}
        for n, told in enumerate(sets)
    ]
    schema = pa.schema([pa.field("number", pa.int64()), pa.field("said", pa.list_(EVIDENCE))])
    engine = LocalEngine(tmp_path / "engine")
    table = engine.keep_batches(schema, [pa.RecordBatch.from_pylist(rows, schema=schema)])
    signed = table.select("number", signature=evidence.signature(evidence.claims(table.said)))
    found = dict(engine.rows(signed))
    engine.close()
    assert [found[n] for n in range(len(sets))] == [format_signature(told) for told in sets]


@given(st.integers(0, 2**32))
def test_what_was_signed_tells_the_same_years_by_the_same_witnesses(seed: int) -> None:
    told = some_evidence(seed)
    assert facts_of(parse_signature(format_signature(told))).years == facts_of(told).years


@given(st.integers(0, 2**32))
def test_parts_of_a_signature_hold_every_claim_once(seed: int) -> None:
    told = format_signature(some_evidence(seed))
    years = frozenset[Claim]().union(*(claims for _, claims in YEAR_PARTS.values()))
    parts = [claims for _, claims in YEAR_PARTS.values()] + [frozenset(Claim) - years]
    with duckdb.connect() as connection:
        columns = ", ".join(claims_within("$told", claims) for claims in parts)
        (row,) = connection.execute(f"SELECT {columns}", {"told": told}).fetchall()
    items = [item for part in row for item in parse_signature(part)]
    assert sorted(items, key=str) == sorted(parse_signature(told), key=str)
