"""Columns to MessagePack, a whole column at once: no value is touched by Python.

A *packed* column is an Arrow array of binaries, each the MessagePack of one value. Packed columns
are joined to arrays of values, lists to arrays of lists. Nulls become nil, a null list an empty
one.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NIL = b"\xc0"
_KNOWN_HEADERS = 1 << 16
_UNSIGNED = ((0x7F, 0, 0), (0xFF, 0xCC, 1), (0xFFFF, 0xCD, 2), (0xFFFFFFFF, 0xCE, 4))


@cache
def _nothing() -> pa.Scalar:  # not made at the start: pyarrow loads pandas to make a scalar
    return pa.scalar(b"", pa.binary())


def pack_column(column: pa.Array) -> pa.Array:
    """A column of texts, integers, or lists or structs of them, packed. Structs become arrays.

    Raises:
        TypeError: a column of another type.
    """
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _pack_texts(column)
    if pa.types.is_integer(kind):
        return _pack_integers(column)
    if pa.types.is_list(kind):
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        offsets = np.zeros(len(column) + 1, np.int64)
        np.cumsum(np.asarray(lengths), out=offsets[1:])
        return pack_lists(offsets, pack_column(pc.list_flatten(column)))
    if pa.types.is_struct(kind):
        packed = pack_tuples([pack_column(part) for part in column.flatten()])
        return pc.if_else(column.is_valid(), packed, pa.scalar(_NIL, pa.binary()))
    raise TypeError(f"no way to pack {kind}")


def pack_tuples(parts: Sequence[pa.Array]) -> pa.Array:
    """Row i of every packed part as one array."""
    header = pa.scalar(_array_header(len(parts)), pa.binary())
    return pc.binary_join_element_wise(header, *parts, _nothing())


def pack_lists(offsets: np.ndarray, packed: pa.Array) -> pa.Array:
    """packed[offsets[i]:offsets[i + 1]] as array i."""
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), packed)
    headers = _headers(np.diff(offsets), _array_header, _known_array_headers)
    return pc.binary_join_element_wise(headers, pc.binary_join(lists, _nothing()), _nothing())


def _pack_texts(column: pa.Array) -> pa.Array:
    lengths = np.asarray(pc.fill_null(pc.binary_length(column), 0), np.int64)
    headers = _headers(lengths, _text_header, _known_text_headers)
    if column.null_count:
        headers = pc.if_else(column.is_valid(), headers, pa.scalar(_NIL, pa.binary()))
    values = pc.fill_null(column.cast(pa.binary()), b"")
    return pc.binary_join_element_wise(headers, values, _nothing())


def _pack_integers(column: pa.Array) -> pa.Array:
    values = pc.fill_null(column, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    cells = np.zeros((len(values), 9), np.uint8)
    cells[:, 1:] = values.astype(">i8").view(np.uint8).reshape(-1, 8)
    wide = np.full(len(values), 8)
    cells[:, 0] = np.where(values < 0, 0xD3, 0xCF)
    for most, mark, width in reversed(_UNSIGNED):
        fits = (values >= 0) & (values <= most)
        wide[fits] = width
        cells[fits, 0] = values[fits] if not width else mark
    if column.null_count:
        absent = np.asarray(column.is_null())
        wide[absent] = 0
        cells[absent, 0] = _NIL[0]
    keep = np.arange(8) >= 8 - wide[:, None]
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(wide + 1, out=offsets[1:])
    data = cells[np.column_stack([np.ones(len(values), np.bool_), keep])]
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(values), buffers)


def _headers(
    lengths: np.ndarray, header: Callable[[int], bytes], known: Callable[[], pa.Array]
) -> pa.Array:
    if not len(lengths) or int(lengths.max()) < _KNOWN_HEADERS:
        return known().take(pa.array(lengths))
    return pa.array([header(n) for n in lengths.tolist()], pa.binary())  # texts of 64 KiB: rare


@cache
def _known_text_headers() -> pa.Array:
    return pa.array([_text_header(n) for n in range(_KNOWN_HEADERS)], pa.binary())


@cache
def _known_array_headers() -> pa.Array:
    return pa.array([_array_header(n) for n in range(_KNOWN_HEADERS)], pa.binary())


def _text_header(length: int) -> bytes:
    if length < 32:
        return bytes([0xA0 | length])
    if length <= 0xFF:
        return bytes([0xD9, length])
    if length <= 0xFFFF:
        return b"\xda" + length.to_bytes(2)
    return b"\xdb" + length.to_bytes(4)


def _array_header(length: int) -> bytes:
    if length < 16:
        return bytes([0x90 | length])
    if length <= 0xFFFF:
        return b"\xdc" + length.to_bytes(2)
    return b"\xdd" + length.to_bytes(4)
