"""Writing where recordings have their files, so that one of them is found without its table.

A file tells of volumes with consecutive numbers and never changes, so a later edition links it and
adds one for its own volumes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from phonotheque.edition import place_file
from phonotheque.model.edition import EditionManifest
from phonotheque.storage.durable import write_bytes
from phonotheque.storage.places import (
    KEY,
    Keys,
    covered,
    is_places,
    pack_places,
    places_path,
    volume_number,
)

_VOLUMES_A_FILE = 500  # 15 million files at 30,000 each: 120 MB, twice that in memory


def write_places(
    editions: Path, previous: EditionManifest | None, directory: Path, volumes: Sequence[str]
) -> None:
    """Write ``places/`` of the edition in `directory`, whose ``files/`` has tables of `volumes`.

    Memory: the numbers of the recordings of 500 volumes, twice.
    """
    told = [e.path for e in previous.contents if is_places(e.path)] if previous else []
    for path in told:
        assert previous is not None
        place_file(editions / previous.name / path, directory / path)
    last = covered(told)
    numbered = {n: name for name in volumes if (n := volume_number(name)) is not None and n > last}
    for numbers in _batches(sorted(numbered)):
        keys = np.concatenate([_keys(directory, numbered[n], n) for n in numbers])
        keys.sort()
        target = directory / places_path(numbers[0], numbers[-1])
        write_bytes(target, keys.astype(KEY).tobytes(), read_only=True)


def _batches(numbers: Sequence[int]) -> list[Sequence[int]]:
    return [numbers[i : i + _VOLUMES_A_FILE] for i in range(0, len(numbers), _VOLUMES_A_FILE)]


def _keys(directory: Path, volume: str, number: int) -> Keys:
    table = pq.read_table(directory / "files" / f"{volume}.parquet", columns=["recording"])
    return pack_places(table.column("recording").to_numpy(), number)
