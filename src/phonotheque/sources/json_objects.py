"""Many small JSON objects of much the same form, decoded to columns.

A structure with exactly the names that were seen so far is decoded three times as fast as a
dictionary; an object with another name makes a new structure.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

_MOST_NAMES = 256
_WRONG = (msgspec.MsgspecError, UnicodeDecodeError)


def names_of(line: bytes) -> list[str]:
    """The names of a JSON object, as written; none of what is no object."""
    try:
        found = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except _WRONG:
        return []
    return list(found)


class JsonObjects:
    """Decodes objects and gives the columns `wanted`, whose names are compared in lower case."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = wanted
        self._seen: dict[str, None] = {}
        self._fields: dict[str, list[str]] = {}  # wanted name: fields of the structure
        self._decoder = self._structure()

    def _structure(self) -> msgspec.json.Decoder[Any]:
        names = {f"f{number}": name for number, name in enumerate(self._seen)}
        if len(names) > _MOST_NAMES:  # no table of few columns: take what is spelt in lower case
            names = {f"f{number}": name for number, name in enumerate(self._wanted)}
        self._fields = {}
        for field, name in names.items():
            if name.lower() in self._wanted:
                self._fields.setdefault(name.lower(), []).append(field)
        taken = {field for fields in self._fields.values() for field in fields}
        record = msgspec.defstruct(
            "Row",
            [(f, Any if f in taken else msgspec.Raw | None, None) for f in names],
            rename=names,
            forbid_unknown_fields=len(self._seen) <= _MOST_NAMES,
            gc=False,
        )
        return msgspec.json.Decoder(record)

    def _learn(self, lines: Sequence[bytes | None]) -> bool:
        """Make a structure that fits the lines as well; whether anything was new."""
        known = len(self._seen)
        if known > _MOST_NAMES:
            return False
        for line in lines:
            if line is not None:
                self._seen.update(dict.fromkeys(names_of(line)))
        if len(self._seen) > known:
            self._decoder = self._structure()
        return len(self._seen) > known

    def decode_all(self, lines: Sequence[bytes | None]) -> list[Any] | None:
        """The objects; None where a line is none, to be looked at one by one."""
        if not self._seen:
            self._learn(lines[:1])
        decode = self._decoder.decode
        try:
            return [decode(line) for line in lines]  # type: ignore[arg-type]
        except (*_WRONG, TypeError):
            if not self._learn(lines):
                return None
        return self.decode_all(lines)

    def decode(self, line: bytes) -> Any | str:
        """The object, or what is wrong with the line."""
        try:
            return self._decoder.decode(line)
        except _WRONG as error:
            return str(error)

    def columns(self, rows: Sequence[Any]) -> dict[str, list[Any]]:
        """The wanted columns that any of the objects may have."""
        out = {}
        for name, fields in self._fields.items():
            values = list(map(attrgetter(fields[0]), rows))
            for field in fields[1:]:
                more = map(attrgetter(field), rows)
                values = [b if a is None else a for a, b in zip(values, more, strict=True)]
            out[name] = values
        return out
