"""What is stated on the rights in every recording of a build, as one signature each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from phonotheque.catalogue import evidence
from phonotheque.catalogue.build import BuildInputs
from phonotheque.catalogue.claimed import evidence_table, living_claims, read_claims
from phonotheque.catalogue.inputs import Rows, newest_table, united
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.previous import Previous
from phonotheque.model.edition import BuildManifest
from phonotheque.model.numbers import Kind
from phonotheque.model.tables import MBID_REDIRECTS

SIGNED = pa.schema([pa.field("recording", pa.int64()), pa.field("signature", pa.string())])
RECORDINGS_AT_ONCE = 10_000_000


def signatures_from_imports(
    engine: TableEngine,
    inputs: BuildInputs,
    manifest: BuildManifest,
    directory: Path,
    *,
    at_once: int = RECORDINGS_AT_ONCE,
) -> Iterator[pa.RecordBatch]:
    """`SIGNED` batches of the recordings of which anything is stated, by number.

    The build in `directory` was made from `inputs`. Their evidence is read once and kept by the
    engine; the recordings are gone through `at_once` numbers at a time, so memory is that of the
    engine however many there are.
    """
    build = Previous(engine, manifest, directory)
    redirects = newest_table(engine, inputs.redirects, MBID_REDIRECTS)
    rows = Rows(engine, inputs.rows, redirects, rows_per_part=inputs.rows_per_part)
    told = rows.select("source", "source_key", "evidence")
    told = told.filter(told.evidence.length() > 0)
    told = engine.keep(told.select("source", "source_key", claims=evidence.claims(told.evidence)))
    recorded = _recorded(engine, inputs, build)
    tracks = build.content(Kind.TRACK).select("recording", "source", "source_key")
    for first in range(1, build.highest(Kind.RECORDING) + 1, at_once):
        last = first + at_once - 1
        mine = tracks.filter(tracks.recording.between(first, last))
        met = mine.inner_join(told, ["source", "source_key"]).select("recording", "claims")
        by_hand = recorded.filter(recorded.recording.between(first, last))
        every = united([met, by_hand]).view()
        each = every.group_by("recording").agg(
            claims=every.claims.collect().flatten().unique().sort()
        )
        signed = each.select("recording", signature=evidence.signature(each.claims))
        yield from engine.stream(signed, ["recording"])


def _recorded(engine: TableEngine, inputs: BuildInputs, build: Previous) -> Any:
    """Columns `recording` and `claims`: what the operator recorded."""
    moved = build.redirects(Kind.RECORDING)
    standing = living_claims(engine, read_claims(inputs.claims), moved)
    table = evidence_table(engine, standing)
    return table.select("recording", claims=evidence.claims(table.told))
