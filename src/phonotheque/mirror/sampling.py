"""What a sample says of all the files it was drawn from, and how large it must be to say it."""

import math
from hashlib import blake2b

import msgspec


class SampleStatement(msgspec.Struct, frozen=True, kw_only=True):
    """With `confidence`, fewer than `fewer_than` (share, 0 to 1) of `population` are damaged.

    Exact for files drawn without replacement (hypergeometric), wherever the damage lies. The
    population is the files that are there with the right length: of these alone one must read.
    """

    population: int
    read: int
    damaged: int
    confidence: float
    fewer_than: float


def draws(seed: int, where: str, share: float) -> bool:
    """Whether the file at `where` is in the sample of `share` (0 to 1): the same for a seed."""
    key = seed.to_bytes(8, "little")
    drawn = int.from_bytes(blake2b(where.encode(), digest_size=8, key=key).digest(), "little")
    return drawn < share * 2**64


def share_for(fewer_than: float, confidence: float, population: int) -> float:
    """Share of files to draw so that, if all are sound, the statement `fewer_than` can be made.

    Some more are drawn than needed, since how many chance draws varies.
    """
    needed = math.log(1 - confidence) / math.log1p(-fewer_than) if fewer_than < 1 else 1.0
    needed = math.ceil(needed)
    return min(1.0, (needed + 4 * math.sqrt(needed) + 4) / max(population, 1))


def state_sample(population: int, read: int, damaged: int, confidence: float) -> SampleStatement:
    """The statement that a sample allows: the least bound that holds with `confidence`.

    The bound is the least number of damaged files among all that would show as few as `damaged`
    in such a sample with a chance of at most 1 − `confidence`.
    """
    low, high = damaged, population - (read - damaged) + 1  # high cannot be
    while low < high:
        middle = (low + high) // 2
        if chance_of_so_few(population, middle, read, damaged) <= 1 - confidence:
            high = middle
        else:
            low = middle + 1
    return SampleStatement(
        population=population,
        read=read,
        damaged=damaged,
        confidence=confidence,
        fewer_than=low / population if population else 1.0,
    )


def chance_of_so_few(population: int, bad: int, read: int, found: int) -> float:
    """Chance of at most `found` bad ones among `read` drawn from `population` with `bad` bad."""
    least, most = max(0, read - (population - bad)), min(found, bad, read)
    if most < least:
        return 0.0
    term = math.exp(
        _log_choose(bad, most)
        + _log_choose(population - bad, read - most)
        - _log_choose(population, read)
    )
    total = term
    for k in range(most, least, -1):
        term *= k * (population - bad - read + k) / ((bad - k + 1) * (read - k + 1))
        total += term
        if term < total * 1e-15:
            break
    return min(total, 1.0)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
