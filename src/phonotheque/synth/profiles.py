"""What a profile is: the files it has, and how to make their rows from the numbers of tracks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from phonotheque.synth import coded, listening
from phonotheque.synth.draws import Ints
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

PROFILES = {profile.name: profile for profile in (CODED,)}
