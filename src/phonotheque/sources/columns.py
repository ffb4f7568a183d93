"""Raw values of a column as Arrow arrays: whole columns where they are clean, Python for odd rows.

A raw column is a list or an Arrow array of n values, or None for a column that is not there. Every
function gives an array of n values; an empty text is null.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.model.identifiers import parse_mbid

Raw: TypeAlias = Sequence[Any] | pa.Array | None
Bools = npt.NDArray[np.bool_]
MAX_TEXT_CHARS = 4_000
_NO_ARROW = (pa.ArrowException, UnicodeEncodeError, OverflowError)
_ASCII_INSIDE = (0x21, 0x7E)
_MAX_DIGITS = 18
_MBID_PLACES = np.array([c == "-" for c in "0" * 8 + "-0000-0000-0000-" + "0" * 12])
_LOWER_HEX = np.isin(np.arange(256), list(b"0123456789abcdef"))


def text_of(value: Any) -> str:
    """A single raw value as text, as `texts` gives it; "" for nothing."""
    if value is None:
        return ""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.encode("utf-8", "replace").decode().strip()[:MAX_TEXT_CHARS]


def texts(raw: Raw, rows: int) -> pa.StringArray:
    """The values as text, without blanks around them, cut at 4,000 characters."""
    if raw is None:
        return pa.nulls(rows, pa.string())
    strings = _strings(raw)
    if strings.null_count == rows:
        return pa.nulls(rows, pa.string())
    if _has_margins(strings):
        strings = pc.utf8_trim_whitespace(strings)
    lengths = pc.binary_length(strings)
    shortest, longest = pc.min_max(lengths).as_py().values()
    if longest > MAX_TEXT_CHARS:
        strings = pc.utf8_slice_codeunits(strings, 0, MAX_TEXT_CHARS)
    if shortest == 0:
        strings = pc.if_else(pc.equal(lengths, 0), pa.scalar(None, pa.string()), strings)
    return strings


def _strings(raw: Sequence[Any] | pa.Array) -> pa.StringArray:
    if isinstance(raw, pa.Array):
        kind = raw.type.value_type if pa.types.is_dictionary(raw.type) else raw.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
            return raw.cast(pa.string())
        raw = raw.to_pylist()
    try:
        return pa.array(raw, pa.string())
    except _NO_ARROW:
        return pa.array([None if v is None else text_of(v) for v in raw], pa.string())


def _has_margins(strings: pa.StringArray) -> bool:
    """Whether any text may begin or end with a blank."""
    starts, ends, data = _buffers(strings)
    filled = ends > starts
    edges = np.concatenate([data[starts[filled]], data[ends[filled] - 1]])
    low, high = _ASCII_INSIDE
    return bool(len(edges)) and bool((edges.min() < low) or (edges.max() > high))


def _buffers(
    strings: pa.StringArray,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """(starts, ends, bytes) of the texts; nulls are empty."""
    _, offsets, data = strings.buffers()
    bounds = np.frombuffer(offsets, np.int32)[strings.offset : strings.offset + len(strings) + 1]
    starts, ends = bounds[:-1].astype(np.int64), bounds[1:].astype(np.int64)
    if strings.null_count:
        ends = np.where(np.asarray(strings.is_valid()), ends, starts)
    return starts, ends, np.frombuffer(data or b"", np.uint8)


def fixed_width(strings: pa.StringArray, width: int) -> tuple[Bools, npt.NDArray[np.uint8]]:
    """(which texts have `width` bytes, their bytes): shapes (n,) and (m, width)."""
    starts, ends, data = _buffers(strings)
    fits: Bools = ends - starts == width
    return fits, data[starts[fits, None] + np.arange(width)]


def numbers(raw: Raw, rows: int, low: int, high: int) -> tuple[pa.Int64Array, Bools]:
    """(whole numbers from `low` to `high`, which rows say something else)."""
    if raw is None:
        return pa.nulls(rows, pa.int64()), np.zeros(rows, dtype=np.bool_)
    parsed, odd = _whole_numbers(raw)
    values = parsed.fill_null(low).to_numpy(zero_copy_only=False)
    wrong: Bools = (values < low) | (values > high)
    if wrong.any():
        parsed = pa.array(
            parsed.fill_null(0).to_numpy(zero_copy_only=False),
            mask=wrong | ~np.asarray(parsed.is_valid()),
        )
    return parsed, odd | wrong


def _whole_numbers(raw: Sequence[Any] | pa.Array) -> tuple[pa.Int64Array, Bools]:
    try:
        array = raw if isinstance(raw, pa.Array) else pa.array(raw)
    except _NO_ARROW:
        return _parse_each(raw, np.ones(len(raw), dtype=np.bool_), pa.nulls(len(raw), pa.int64()))
    none = np.zeros(len(array), dtype=np.bool_)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), pa.int64()), none
    if pa.types.is_integer(array.type) and array.type != pa.uint64():
        return array.cast(pa.int64()), none
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        said = texts(array, len(array))
        plain = np.asarray(pc.ascii_is_decimal(said).fill_null(True))
        plain &= np.asarray(pc.binary_length(said).fill_null(0)) <= _MAX_DIGITS
        clean = pc.if_else(pa.array(plain), said, pa.scalar(None, pa.string())).cast(pa.int64())
        return (clean, none) if plain.all() else _parse_each(said, ~plain, clean)
    values = array.to_pylist()
    return _parse_each(
        values, np.ones(len(values), dtype=np.bool_), pa.nulls(len(values), pa.int64())
    )


def _parse_each(
    raw: Sequence[Any] | pa.Array, which: Bools, clean: pa.Int64Array
) -> tuple[pa.Int64Array, Bools]:
    """`clean` with the rows `which` parsed one by one, and which of them are no numbers."""
    out, odd = clean.to_pylist(), np.zeros(len(which), dtype=np.bool_)
    for row in np.flatnonzero(which).tolist():
        value = raw[row].as_py() if isinstance(raw, pa.Array) else raw[row]
        out[row] = _number(value)
        odd[row] = out[row] is None and bool(text_of(value))
    return pa.array(out, pa.int64()), odd


def _number(value: Any) -> int | None:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1 << 53 else None
    try:
        number = int(value)
    except (ValueError, TypeError):
        return None
    return number if abs(number) < 1 << 62 else None


def mbids(raw: Raw, rows: int) -> tuple[pa.StringArray, Bools]:
    """(MusicBrainz ids in canonical form, which rows say something else)."""
    said = texts(raw, rows)
    wrong = np.zeros(rows, dtype=np.bool_)
    if said.null_count == rows:
        return said, wrong
    fits, letters = fixed_width(said, len(_MBID_PLACES))
    good = (letters[:, _MBID_PLACES] == ord("-")).all(axis=1)
    good &= _LOWER_HEX[letters[:, ~_MBID_PLACES]].all(axis=1)
    sound: Bools = ~np.asarray(said.is_valid())
    sound[fits] |= good
    if sound.all():
        return said, wrong
    out = said.to_pylist()
    for row in np.flatnonzero(~sound).tolist():
        out[row] = parse_mbid(out[row])
        wrong[row] = out[row] is None
    return pa.array(out, pa.string()), wrong


def each_once(
    strings: pa.StringArray, compute: Callable[[list[str]], Any], kind: pa.DataType
) -> pa.Array:
    """`compute` of the different values, spread to all rows; null stays null."""
    coded = strings.dictionary_encode()
    return pa.array(compute(coded.dictionary.to_pylist()), kind).take(coded.indices)


def spread(rows: int, groups: Sequence[tuple[npt.NDArray[np.int64], pa.Array]]) -> pa.ListArray:
    """Lists of n rows from (row of each value in rising order, values); rows of no value get []."""
    where = np.concatenate([rows_of for rows_of, _ in groups])
    values = pa.concat_arrays([values for _, values in groups])
    if len(groups) > 1:
        order = np.argsort(where, kind="stable")
        values = values.take(pa.array(order))
    counts = np.bincount(where, minlength=rows)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
