"""What a profile is: the files it has, and how to make their rows from the numbers of tracks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.synth import coded, listening, open_dumps
from phonotheque.synth.draws import Ints
from phonotheque.synth.habits import SOURCES
from phonotheque.synth.layouts import BLOCK, FRESH
from phonotheque.synth.world import World

TRUTH = "truth"
TRUTH_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("source_key", pa.string()),
        ("recording", pa.int64()),  # which it truly is
        ("fault", pa.string()),  # what was done to the row; null: nothing
    ]
)

Batches = Mapping[str, pa.RecordBatch]


@dataclass(frozen=True, slots=True)
class Profile:
    """Kind of dump. `schemas` has the columns of each file; `make(world, numbers, random_ids)` the
    rows of whole blocks of tracks for each of them."""

    name: str
    about: str
    schemas: Mapping[str, pa.Schema]
    make: Callable[[World, Ints, bool], Batches]


def first_heard(numbers: Ints) -> Ints:
    """The recordings that appear first among these tracks."""
    blocks, slots = np.divmod(numbers, BLOCK)
    fresh = slots < FRESH
    return (blocks * FRESH + slots)[fresh]


def _coded(world: World, numbers: Ints, random_ids: bool) -> Batches:
    rows = coded.make_rows(world, numbers, random_ids=random_ids)
    recordings = first_heard(numbers)
    truth = [
        pa.repeat(coded.SOURCE, len(numbers)),
        rows.column("source_key"),
        pa.array(coded.find_tracks(world, numbers).recording),
        pa.nulls(len(numbers), pa.string()),
    ]
    return {
        coded.SOURCE: rows,
        f"{coded.SOURCE}-listens": listening.make_listens(
            world, recordings, world.isrcs(world.codes(recordings))
        ),
        TRUTH: pa.RecordBatch.from_arrays(truth, schema=TRUTH_SCHEMA),
    }


def _open(world: World, numbers: Ints, random_ids: bool) -> Batches:
    told = open_dumps.tell(world, numbers)
    truth = []
    for source, rows in told.items():
        keys = rows.rows.column("source_key")
        columns = [pa.repeat(source, len(keys)), keys, pa.array(rows.recording), rows.fault]
        truth.append(pa.Table.from_arrays(columns, schema=TRUTH_SCHEMA))
    recordings = first_heard(numbers)
    keys = pc.binary_join_element_wise("mbid:", world.mbids(recordings), "")
    whole = pa.concat_tables(truth).combine_chunks().to_batches()
    return {
        **{source: rows.rows for source, rows in told.items()},
        "open-listens": listening.make_listens(world, recordings, keys),
        TRUTH: whole[0] if whole else pa.RecordBatch.from_pylist([], schema=TRUTH_SCHEMA),
    }


CODED = Profile(
    "coded",
    "one source, a code on every track: the reference archive's kind",
    {
        coded.SOURCE: coded.SCHEMA,
        f"{coded.SOURCE}-listens": listening.SCHEMA,
        TRUTH: TRUTH_SCHEMA,
    },
    _coded,
)

OPEN = Profile(
    "open",
    "three sources that tell of the same music in their own ways: few codes, many faults",
    {
        **{habits.source: open_dumps.SCHEMA for habits in SOURCES},
        "open-listens": listening.SCHEMA,
        TRUTH: TRUTH_SCHEMA,
    },
    _open,
)

PROFILES = {profile.name: profile for profile in (CODED, OPEN)}
