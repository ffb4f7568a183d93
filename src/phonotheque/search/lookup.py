"""Identifiers in any writing to what they name."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from phonotheque.model.errors import InputError
from phonotheque.model.identifiers import IsrcStatus, parse_isrc, parse_mbid
from phonotheque.model.numbers import IdKey, Kind, parse_public_id
from phonotheque.search.arrays import Array, load_array
from phonotheque.search.keys import KeyFile, MbidFile, pack_isrc, source_hash
from phonotheque.search.lists import NO_DOCUMENT
from phonotheque.search.values import LookupResult

SOURCE_PREFIX = "source:"
_KINDS = {"isrc": Kind.RECORDING, "mbid": Kind.RECORDING, "source": Kind.RECORDING}
_LONGEST_NUMBER = 13


class Identifiers:
    """The identifiers of one index."""

    def __init__(self, folder: Path, id_key: IdKey, number_doc: Array) -> None:
        self._id_key = id_key
        self._number_doc = number_doc
        self._isrcs = KeyFile(folder, "isrc")
        self._sources = KeyFile(folder, "source")
        self._mbids = MbidFile(folder)
        self._redirects = {
            kind: (load_array(folder / f"redirect_{kind.value}_old.npy"),
                   load_array(folder / f"redirect_{kind.value}_new.npy"))
            for kind in Kind
        }  # fmt: skip
        self._greatest = {
            kind: len(load_array(folder / f"{name}_offsets.npy")) - 2
            for kind, name in ((Kind.RELEASE, "release"), (Kind.ARTIST, "artist"))
        }

    def look_up(self, text: str) -> LookupResult:
        """What `text` names."""
        return self.look_up_many([text])[0]

    def look_up_many(self, texts: Sequence[str]) -> list[LookupResult]:
        """As `look_up` for each of `texts`; ISRCs are found all at once."""
        codes = [parse_isrc(text) for text in texts]
        coded = [
            i
            for i, (_, status) in enumerate(codes)
            if status in (IsrcStatus.VALID, IsrcStatus.UNKNOWN_PREFIX)
        ]
        found = self._isrcs.find_many([pack_isrc(codes[i][0]) for i in coded])
        by_code = dict(zip(coded, found, strict=True))
        return [
            LookupResult(text, "isrc", Kind.RECORDING, by_code[i])
            if i in by_code
            else self._other(text)
            for i, text in enumerate(texts)
        ]

    def find_isrc(self, code: str) -> tuple[int, ...]:
        """The recordings of a normalised ISRC."""
        if parse_isrc(code)[1] is IsrcStatus.MALFORMED:
            return ()
        return self._isrcs.find(pack_isrc(code))

    def current(self, kind: Kind, number: int) -> int | None:
        """The number in use for `number`, past any merger; None where there is none."""
        old, new = self._redirects[kind]
        for _ in range(len(old) + 1):
            at = int(np.searchsorted(old, number))
            if at == len(old) or int(old[at]) != number:
                break
            number = int(new[at])
        return number if self._exists(kind, number) else None

    def _exists(self, kind: Kind, number: int) -> bool:
        if kind is Kind.RECORDING:
            known = 0 < number < len(self._number_doc)
            return known and int(self._number_doc[number]) != NO_DOCUMENT
        return 0 < number <= self._greatest.get(kind, 0)

    def _other(self, text: str) -> LookupResult:
        clean = text.strip()
        if clean.startswith(SOURCE_PREFIX):
            numbers = self._sources.find(source_hash(clean[len(SOURCE_PREFIX) :]))
            return LookupResult(text, "source", Kind.RECORDING, numbers)
        if mbid := parse_mbid(clean.lower()):
            return LookupResult(text, "mbid", Kind.RECORDING, self._mbids.find(mbid))
        if clean.isascii() and clean.isdigit() and len(clean) <= _LONGEST_NUMBER:
            return self._numbered(text, "number", Kind.RECORDING, int(clean))
        try:
            kind, number = parse_public_id(clean, self._id_key)
        except InputError:
            return LookupResult(text, "none", None, ())
        return self._numbered(text, "public-id", kind, number)

    def _numbered(self, text: str, how: str, kind: Kind, number: int) -> LookupResult:
        found = self.current(kind, number)
        return LookupResult(text, how, kind, () if found is None else (found,))
