"""ISRCs of a block of rows: plain good ones as columns, all others one by one."""

from collections.abc import Sequence
from functools import cache
from itertools import product
from string import ascii_uppercase
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.model.findings import Finding
from phonotheque.model.identifiers import IsrcStatus, parse_isrc
from phonotheque.sources.columns import Bools, Raw, fixed_width, spread, text_of, texts
from phonotheque.sources.identifiers import sort_isrcs

_WIDTH = 12
_BEST_FIRST = (
    IsrcStatus.VALID,
    IsrcStatus.UNKNOWN_PREFIX,
    IsrcStatus.PLACEHOLDER,
    IsrcStatus.MALFORMED,
)


class IsrcColumns(NamedTuple):
    """Columns of n rows: codes that can be used, codes as written, and the best of their classes
    (null where nothing is written)."""

    usable: pa.ListArray
    written: pa.ListArray
    classes: pa.StringArray


def isrc_columns(raw: Raw, numbers: Sequence[int], where: str) -> tuple[IsrcColumns, list[Finding]]:
    """The ISRCs of n rows, whose row numbers are `numbers`, and what is wrong with them."""
    rows = len(numbers)
    single, several = _as_fields(raw, rows)
    plain = np.zeros(rows, dtype=np.bool_) if single is None else plain_isrcs(single)
    odd = np.array(sorted(several), dtype=np.int64)
    if single is not None:
        rest = np.asarray(single.is_valid()) & ~plain
        several |= {int(row): [single[row].as_py()] for row in np.flatnonzero(rest)}
        odd = np.array(sorted(several), dtype=np.int64)
    findings: list[Finding] = []
    sorted_codes = []
    for row in odd:
        usable, written, found = sort_isrcs(several[int(row)], where, numbers[row])
        sorted_codes.append((usable, written))
        findings += found
    good = single.filter(pa.array(plain)) if single is not None else pa.array([], pa.string())
    classes = np.where(plain, IsrcStatus.VALID.value, "").astype(object)
    for row, (_, written) in zip(odd, sorted_codes, strict=True):
        classes[row] = best_class(written)
    columns = IsrcColumns(
        _lists(rows, plain, good, odd, [usable for usable, _ in sorted_codes]),
        _lists(rows, plain, good, odd, [written for _, written in sorted_codes]),
        _class_column(plain, odd, classes),
    )
    return columns, findings


def _as_fields(raw: Raw, rows: int) -> tuple[pa.StringArray | None, dict[int, list[str]]]:
    """The rows with one text as a column, and those with lists of several by row."""
    if raw is None:
        return None, {}
    if isinstance(raw, pa.Array) and not pa.types.is_list(raw.type):
        return texts(raw, rows), {}
    if not isinstance(raw, pa.Array):
        try:
            return texts(pa.array(raw, pa.string()), rows), {}
        except (pa.ArrowException, UnicodeEncodeError):
            pass  # lists among them
    values: Sequence[Any] = raw.to_pylist() if isinstance(raw, pa.Array) else raw
    several = {
        row: [text for item in value if (text := text_of(item))]
        for row, value in enumerate(values)
        if isinstance(value, list) and len(value) != 1
    }
    flat = [
        None if row in several else value[0] if isinstance(value, list) else value
        for row, value in enumerate(values)
    ]
    return texts(flat, rows), {row: fields for row, fields in several.items() if fields}


@cache
def _known_prefixes() -> Bools:
    """Whether two letters begin valid codes; shape (65536,), by 256 * first + second."""
    known = np.zeros(1 << 16, dtype=np.bool_)
    for first, second in product(ascii_uppercase, repeat=2):
        _, status = parse_isrc(f"{first}{second}A1B2345678")
        known[256 * ord(first) + ord(second)] = status is IsrcStatus.VALID
    return known


def plain_isrcs(codes: pa.StringArray) -> Bools:
    """Which texts are valid codes just as they stand, so that `parse_isrc` gives them back; shape
    (n,)."""
    fits, letters = fixed_width(codes, _WIDTH)
    digit = (letters >= ord("0")) & (letters <= ord("9"))
    upper = (letters >= ord("A")) & (letters <= ord("Z"))
    good = (digit | upper)[:, 2:5].all(axis=1) & digit[:, 5:].all(axis=1)
    good &= _known_prefixes()[letters[:, 0].astype(np.int64) * 256 + letters[:, 1]]
    good &= ~_maybe_filler(letters)
    plain: Bools = fits.copy()
    plain[fits] = good
    return plain


def _maybe_filler(letters: npt.NDArray[np.uint8]) -> Bools:
    """Codes of few different signs, for `parse_isrc` to look at."""
    same = letters[:, 2:-1] == letters[:, 3:]
    zeros: Bools = (letters[:, 5:] == ord("0")).all(axis=1)
    alike: Bools = same[:, :2].all(axis=1) | same.all(axis=1)
    maybe: Bools = zeros | alike | (letters[:, 0] == ord("X"))
    return maybe


def _lists(
    rows: int, plain: Bools, good: pa.StringArray, odd: npt.NDArray[np.int64], more: list[list[str]]
) -> pa.ListArray:
    groups = [(np.flatnonzero(plain), good)]
    if more:
        counts = [len(codes) for codes in more]
        flat = pa.array([code for codes in more for code in codes], pa.string())
        groups.append((np.repeat(odd, counts), flat))
    return spread(rows, groups)


def best_class(written: Sequence[str]) -> str | None:
    """The best class of the codes as they are written, or None where there are none."""
    statuses = {parse_isrc(text)[1] for text in written}
    return next((status.value for status in _BEST_FIRST if status in statuses), None)


def _class_column(
    plain: Bools, odd: npt.NDArray[np.int64], classes: npt.NDArray[np.object_]
) -> pa.StringArray:
    valid, none = pa.scalar(IsrcStatus.VALID.value), pa.scalar(None, pa.string())
    if len(odd) == 0:
        return pc.if_else(pa.array(plain), valid, none)
    return pa.array([value or None for value in classes], pa.string())
