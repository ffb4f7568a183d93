"""Columns as JSON Lines, without a Python object for a row."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_ESCAPED = {"\\": "\\\\", '"': '\\"'} | {chr(c): f"\\u{c:04x}" for c in range(32)}


def format_lines(batch: pa.RecordBatch) -> memoryview:
    """One JSON object a line; a field that is null is left out. The first column has no nulls."""
    parts: list[pa.Array | str] = []
    for place, field in enumerate(batch.schema):
        column = batch.column(place)
        text = pa.types.is_string(field.type)
        opening = ("," if place else "{") + f'"{field.name}":' + ('"' if text else "")
        written = _escaped(column) if text else column.cast(pa.string())
        closing = '"' if text else ""
        if column.null_count:
            whole = pc.binary_join_element_wise(opening, written, closing, "")
            parts.append(pc.fill_null(whole, ""))
        else:
            parts += [opening, written, closing]
    lines = pc.binary_join_element_wise(*parts, "}\n", "")
    return _content(lines)


def _escaped(column: pa.Array) -> pa.Array:
    data = np.frombuffer(_content(column), dtype=np.uint8)
    if not ((data < 32) | (data == 34) | (data == 92)).any():
        return column
    present = set(np.unique(data[(data < 32) | (data == 34) | (data == 92)]).tolist())
    for character, written in _ESCAPED.items():
        if ord(character) in present:
            column = pc.replace_substring(column, character, written)
    return column


def _content(column: pa.Array) -> memoryview:
    """The bytes of all strings of an array, one after the other."""
    _, offsets, data = column.buffers()
    if data is None:
        return memoryview(b"")
    ends = np.frombuffer(offsets, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    return memoryview(data)[int(ends[0]) : int(ends[-1])]
