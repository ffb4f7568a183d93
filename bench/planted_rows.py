"""The rows of what is planted in an edition."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bench.known_items import Item
from phonotheque.synth.draws import Ints
from phonotheque.synth.world import fixed_strings


class Albums:
    """The releases of the items, numbered from `first`: those of one set and one title are one.
    `places` has the number and the position on it of each item, `rows` the releases."""

    def __init__(self, items: Sequence[Item], first: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self.places: list[tuple[int | None, int | None]] = []
        known: dict[tuple[str, str], int] = {}
        sizes: Counter[int] = Counter()
        for item in items:
            if item.release is None:
                self.places.append((None, None))
                continue
            number = known.setdefault((item.source, item.release), first + len(known))
            if number == first + len(self.rows):
                self.rows.append(
                    {"number": number, "key": f"planted:{number}", "title": item.release,
                     "artist_credit": item.artist, "year": item.year,
                     "label": f"{item.source} Records", "barcode": ean13(number)}
                )  # fmt: skip
            sizes[number] += 1
            self.places.append((number, sizes[number]))


def planted_recordings(
    items: Sequence[Item], first: int, artists: dict[str, int]
) -> list[dict[str, Any]]:
    """Rows of recordings, numbered from `first`."""
    return [
        {"number": first + i, "isrcs": [f"QZBEN{9_000_000 + i:07d}"], "title": item.title,
         "artist_credit": item.artist, "artist_numbers": [artists[item.artist]],
         "first_release_year": item.year, "collections": [item.source], "licence": "CC-BY-4.0",
         "stream": "ALLOW_IF", "distribute": "ALLOW_IF", "flags": 0}
        for i, item in enumerate(items)
    ]  # fmt: skip


def planted_tracks(albums: Albums, first: int, first_recording: int) -> list[dict[str, Any]]:
    """One track of each recording, numbered from `first`."""
    return [
        {"number": first + i, "recording": first_recording + i, "release": release, "disc": 1,
         "position": position, "source": "planted", "source_key": str(i)}
        for i, (release, position) in enumerate(albums.places)
    ]  # fmt: skip


def ean13(number: int) -> str:
    """A barcode with its check digit for a release."""
    return str(ean13s(np.array([number])).to_pylist()[0])


def ean13s(numbers: Ints) -> pa.Array:
    """As `ean13` for each of `numbers`."""
    digits = np.empty((len(numbers), 13), dtype=np.uint8)
    rest = numbers + 400_000_000_000
    for column in range(11, -1, -1):
        rest, digits[:, column] = np.divmod(rest, 10)
    odd = digits[:, 0:12:2].astype(np.int64).sum(axis=1)
    even = digits[:, 1:12:2].astype(np.int64).sum(axis=1)
    digits[:, 12] = (10 - (odd + 3 * even) % 10) % 10
    return fixed_strings(digits + 48)
