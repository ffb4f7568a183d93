"""Sets of evidence decided set by set, outside of an archive."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from phonotheque.archive.stated_sets import StatedSets
from phonotheque.archive.verdict_tables import Asked
from phonotheque.catalogue import SIGNED, format_signature
from phonotheque.model.rights import Evidence
from phonotheque.rights import Policy


@contextmanager
def stated_sets(evidences: Sequence[Sequence[Evidence]], policy: Policy) -> Iterator[StatedSets]:
    """Recordings 0, 1, … each with its evidence, to none of which anybody listens."""
    rows = {
        "recording": list(range(len(evidences))),
        "signature": [format_signature(evidence) for evidence in evidences],
    }
    with duckdb.connect() as connection, TemporaryDirectory() as folder:
        connection.execute("CREATE TABLE standing (number BIGINT, listens BIGINT)")
        batch = pa.RecordBatch.from_pydict(rows, schema=SIGNED)
        yield StatedSets(connection, [batch], [], policy, Path(folder))


def masks(sets: StatedSets, asked: Asked, *, withdrawn: bool = False) -> list[tuple[int, int]]:
    """Number and mask (rights.level_in) of each recording."""
    sets.verdicts.decide("there", [asked], withdrawn=withdrawn)
    found = sets.cursor.execute(
        f"SELECT c.recording, v.mask_0 FROM {sets.verdicts.members('there')}"
    )
    return found.fetchall()
