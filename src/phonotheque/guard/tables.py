"""What the guard has learned, as a versioned file with what it was learned from."""

import hashlib
import zlib
from functools import cached_property
from importlib import resources
from math import log
from pathlib import Path
from typing import ClassVar, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from phonotheque.guard.symbols import ACROSS, BUCKETS, NEXT_SYMBOL, STAGES, SYMBOLS, symbol
from phonotheque.model.errors import FormatError
from phonotheque.storage.documents import format_document, parse_document, read_document

Floats = NDArray[np.float64]
TABLES_FORMAT: Final = 2
BY_RANK: Final = frozenset({"s3", "s3x"})
"""Alternatives that only ranks tell from people."""
NEVER: Final = 1e9
BUDGETS: Final = (1e-1, 1e-2, 1e-3, 1e-4)
"""False positives for which there are levels: shares of accounts over thirty days."""
LEAST_STEP: Final = -4.0
MOST_STEP: Final = 4.0
"""No single request says more than this, in nats ..."""
MOST_SAYS: Final = tuple(
    0.0 if number == NEXT_SYMBOL
    else 1.0 if symbol(ACROSS, 0) <= number <= symbol(ACROSS, BUCKETS - 1)
    else MOST_STEP
    for number in range(SYMBOLS)
)  # fmt: skip
"""... and some less: items of one release are alike, and so, somewhat, are those of one artist."""


SHIPPED: Final = {10_000: "10000", 50_000: "50000", 200_000: "1000000"}
"""From which size of catalogue on which shipped tables are fit, by the size that they were learned
on. In one of another size people's requests fall into other symbols: by the tables of a million,
11 % of radio bots are told falsely in one of 50,000."""
LEAST_ITEMS: Final = min(SHIPPED)
"""In smaller catalogues no shipped tables are fit to act by: who likes music hears most of it."""


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What tables were learned from. A level of which fewer than one account in the threshold set
    could have been above is `extrapolated` from the tail of the others."""

    data: str
    digest: str  # SHA-256 of the symbols learned from
    seed: int
    catalogue_items: int
    accounts_fitted: int
    accounts_for_levels: int
    requests: int
    strata: dict[str, int] = {}
    extrapolated: tuple[float, ...] = ()


class Slow(msgspec.Struct, frozen=True, kw_only=True):
    """The calibrated logistic regression over slow features: readable weights, features scaled by
    `means` and `scales`. `population` is how people's new items fall into buckets, `heaps` the
    K and exponent of distinct items over requests."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float
    means: tuple[float, ...]
    scales: tuple[float, ...]
    population: tuple[float, ...]
    heaps: tuple[float, float]


class Tables(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """People as a mixture of kinds of listening, harvesters as alternatives, and the levels.

    `people[kind][symbol]`, `moves[kind][next kind]` and `harvesters[stage][alternative][symbol]`
    are chances, `weights` those of the kind that an account begins with. `levels` has
    one row for each of `BUDGETS`, with a level for each alternative and, last, for slow features:
    held-out people stood above any of a row's levels at any time in that share at most.
    """

    FORMAT: ClassVar[int] = TABLES_FORMAT
    format: int = TABLES_FORMAT
    version: str
    learned: Learned
    alternatives: tuple[str, ...]
    people: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    moves: tuple[tuple[float, ...], ...]
    harvesters: tuple[tuple[tuple[float, ...], ...], ...]
    levels: tuple[tuple[float, ...], ...]
    slow: Slow

    @cached_property
    def chances(self) -> Floats:
        """By symbol: its chance under each kind of listening (symbols x kinds)."""
        return np.array(self.people).T.copy()

    @cached_property
    def moving(self) -> Floats:
        """`moves`, as an array (kinds x next kinds)."""
        return np.array(self.moves)

    @cached_property
    def logs(self) -> tuple[tuple[tuple[float, ...], ...], ...]:
        """By stage and symbol: logarithm of its chance under each alternative."""
        return tuple(
            tuple(tuple(map(log, row)) for row in zip(*stage, strict=True))
            for stage in self.harvesters
        )

    @cached_property
    def mark(self) -> int:
        """A number that other versions do not have, above 0."""
        return zlib.crc32(self.version.encode()) or 1

    @cached_property
    def unranked(self) -> "Tables":
        """Tables for where ranks are not known: people who play the list of what was played most
        then look as those who go down it do, so that these alternatives raise no alarm."""
        rows = tuple(
            tuple(
                NEVER if name in BY_RANK else level
                for name, level in zip((*self.alternatives, ""), row, strict=True)
            )
            for row in self.levels
        )
        return msgspec.structs.replace(self, levels=rows)

    @cached_property
    def silent(self) -> "Tables":
        """Tables by which nobody is told, whatever is asked for: only canaries speak."""
        rows = tuple((NEVER,) * len(row) for row in self.levels)
        return msgspec.structs.replace(self, levels=rows, version=f"{self.version}-silent")

    @cached_property
    def ceilings(self) -> tuple[float, ...]:
        """Sums grow no further: twice the highest level, so that they come down again."""
        return tuple(2 * level for level in self.levels[-1][: len(self.alternatives)])


def check_tables(tables: Tables, name: str) -> None:
    """That shapes agree and chances are chances.

    Raises:
        FormatError: they do not.
    """
    count, slow = len(tables.alternatives), tables.slow
    kinds = len(tables.people)
    rows = [*tables.people, *(row for stage in tables.harvesters for row in stage)]
    moves = [tables.weights, *tables.moves]
    sound = (
        len(tables.harvesters) == STAGES
        and all(len(stage) == count for stage in tables.harvesters)
        and all(len(row) == SYMBOLS and min(row) > 0 and abs(sum(row) - 1) < 1e-6 for row in rows)
        and len(tables.moves) == kinds
        and all(len(row) == kinds and min(row) > 0 and abs(sum(row) - 1) < 1e-6 for row in moves)
        and len(tables.levels) == len(BUDGETS)
        and all(len(row) == count + 1 for row in tables.levels)
        and {*map(len, (slow.names, slow.weights, slow.means, slow.scales))} == {len(slow.names)}
        and len(slow.population) == BUCKETS
    )
    if not sound:
        raise FormatError(f"{name}: tables whose parts do not fit together; learn them anew")


def read_tables(path: Path) -> Tables:
    """The tables in the file `path`.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it is none of ours, of another format, or damaged.
    """
    tables = read_document(path, Tables)
    check_tables(tables, str(path))
    return tables


def read_shipped_tables(items: int | None = None) -> Tables:
    """The tables that come with the program, learned from made-up people, for a catalogue of
    `items` (below `LEAST_ITEMS`, those for that many). None: not known, and taken for large."""
    wanted = max(SHIPPED) if items is None else items
    least = max((size for size in SHIPPED if size <= wanted), default=LEAST_ITEMS)
    name = f"tables-{TABLES_FORMAT}-{SHIPPED[least]}.json"
    content = (resources.files("phonotheque.guard") / "shipped" / name).read_bytes()
    tables = parse_document(content, Tables, name)
    check_tables(tables, name)
    return tables


def format_tables(tables: Tables) -> bytes:
    """`tables` as a file; equal tables give equal bytes."""
    return format_document(tables)


def digest_tables(tables: Tables) -> str:
    """SHA-256 of the file; the start of it is part of every action's `model_version`."""
    return hashlib.sha256(format_tables(tables)).hexdigest()
