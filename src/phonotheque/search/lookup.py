"""Identifiers in any writing to what they name."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from phonotheque.model.identifiers import IsrcStatus, gtin_is_valid, parse_isrc
from phonotheque.model.numbers import IdKey, Kind, parse_public_ids
from phonotheque.search.files import IndexFiles
from phonotheque.search.keys import ExactKeys, HashedKeys, pack_isrcs, text_hash, text_hashes
from phonotheque.search.values import LookupResult
from phonotheque.storage.arrays import Array, load_array

SOURCE_PREFIX = "source:"
_LONGEST_NUMBER = 11  # from twelve digits on it is a barcode
_CLEAN_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_PREFIXED = re.compile(r"(isrc|mbid|upc|ean|gtin|barcode|number)\s*:\s*(.*)", re.IGNORECASE)
_MBID = re.compile(
    r"(?:https?://(?:\w+\.)?musicbrainz\.org/(?:recording|release|artist)/)?"
    r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:[/?#].*)?",
    re.IGNORECASE | re.ASCII,
)
_PUBLIC_ID = re.compile(r"[rtda](?:-*[0-9a-z]){9}-*", re.IGNORECASE | re.ASCII)
_BARCODE = re.compile(r"[0-9](?:[\s\-]?[0-9]){0,13}", re.ASCII)
_NOT_DIGITS = re.compile(r"[\s\-]")
_PREFIX_MEANS = {"upc": "barcode", "ean": "barcode", "gtin": "barcode"}


_Found = tuple[Kind | None, tuple[int, ...]]


class Named(NamedTuple):
    """How a text was read: isrc, mbid, barcode, source, number, or public-id (which it may be),
    and what of it is to be looked up."""

    how: str
    key: str


def read_identifier(text: str) -> Named:
    """What kind of identifier a text is, by its form alone."""
    clean = text.strip()
    if _CLEAN_ISRC.fullmatch(clean):
        return Named("isrc", clean)
    if clean.startswith(SOURCE_PREFIX):
        return Named("source", clean[len(SOURCE_PREFIX) :])
    wanted = None
    if prefixed := _PREFIXED.fullmatch(clean):
        prefix, clean = prefixed[1].lower(), prefixed[2]
        wanted = _PREFIX_MEANS.get(prefix, prefix)
    if wanted in (None, "mbid") and (mbid := _MBID.fullmatch(clean)):
        return Named("mbid", mbid[1].lower())
    if wanted in (None, "barcode", "number") and _BARCODE.fullmatch(clean):
        return _read_digits(clean, wanted)
    if wanted in (None, "isrc"):
        code, status = parse_isrc(clean)
        if status is not IsrcStatus.MALFORMED:
            return Named("isrc", code)
    may_be_public = wanted is None and _PUBLIC_ID.fullmatch(clean)
    return Named("public-id" if may_be_public else "none", clean)


def _read_digits(clean: str, wanted: str | None) -> Named:
    digits = _NOT_DIGITS.sub("", clean)
    if wanted == "barcode" or (wanted is None and len(digits) > _LONGEST_NUMBER):
        return Named("barcode", digits)
    return Named("number", digits) if digits == clean else Named("none", clean)


def barcode_keys(digits: str) -> list[int]:
    """The numbers under which a barcode may be filed: as written, and, where its last digit is
    no check digit of it, with one added. Leading zeros are nothing: a UPC is its EAN."""
    keys = [int(digits)]
    if len(digits) in (7, 11, 12, 13) and not gtin_is_valid(digits):
        keys += [int(d) for d in (f"{digits}{c}" for c in range(10)) if gtin_is_valid(d)]
    return keys


class Identifiers:
    """The identifiers of one index."""

    def __init__(self, folder: Path, id_key: IdKey, files: IndexFiles) -> None:
        self._id_key = id_key
        self._has_number = files.has_number
        self._isrcs = ExactKeys(folder, "isrc", files.doc_number)
        self._barcodes = ExactKeys(folder, "barcode")
        self._sources = HashedKeys(folder, "source", files.doc_number)
        self._mbids = {
            kind: HashedKeys(folder, f"mbid_{kind.value}", meaning)
            for kind, meaning in (
                (Kind.RECORDING, files.doc_number), (Kind.RELEASE, None), (Kind.ARTIST, None)
            )
        }  # fmt: skip
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
        """As `look_up` for each of `texts`; those of one kind are found all at once."""
        groups: dict[str, tuple[list[int], list[str]]] = {}
        for at, text in enumerate(texts):
            how, key = read_identifier(text)
            places, keys = groups.setdefault(how, ([], []))
            places.append(at)
            keys.append(key)
        out = [LookupResult(text, "none", None, ()) for text in texts]
        for how, (places, keys) in groups.items():
            for at, (kind, numbers) in zip(places, self._find(how, keys), strict=True):
                if kind is not None:
                    out[at] = LookupResult(texts[at], how, kind, numbers)
        return out

    def isrc_documents(self, code: str) -> Array:
        """The documents of an ISRC."""
        code, status = parse_isrc(code)
        if status is IsrcStatus.MALFORMED:
            return np.zeros(0, np.uint32)
        return self._isrcs.filed(int(pack_isrcs([code])[0]))

    def documents(self, text: str) -> Array | None:
        """The documents of a recording's ISRC, MBID or source key; None of any other name."""
        how, key = read_identifier(text)
        match how:
            case "isrc":
                return self.isrc_documents(key)
            case "source":
                return self._sources.filed(text_hash(key))
            case "mbid":
                return self._mbids[Kind.RECORDING].filed(text_hash(key))
            case _:
                return None

    def find_barcode(self, text: str) -> tuple[int, ...]:
        """The releases of a UPC, EAN or other barcode of 1 to 14 digits."""
        if not _BARCODE.fullmatch(text.strip()):
            return ()
        return self._find_barcodes([_NOT_DIGITS.sub("", text)])[0]

    def current(self, kind: Kind, number: int) -> int | None:
        """The number in use for `number`, past any merger; None where there is none."""
        (found,) = self._current(kind, [number])
        return found[0] if found else None

    def _find(self, how: str, keys: Sequence[str]) -> Sequence[_Found]:
        match how:
            case "isrc":
                found = self._isrcs.find_many(pack_isrcs(keys))
            case "source":
                found = self._sources.find_many(text_hashes(keys))
            case "barcode":
                return [(Kind.RELEASE, numbers) for numbers in self._find_barcodes(keys)]
            case "number":
                found = self._current(Kind.RECORDING, [int(key) for key in keys])
            case "mbid":
                return self._find_mbids(keys)
            case "public-id":
                return self._find_public_ids(keys)
            case _:
                return [(None, ())] * len(keys)
        return [(Kind.RECORDING, numbers) for numbers in found]

    def _find_barcodes(self, codes: Sequence[str]) -> list[tuple[int, ...]]:
        wanted = [barcode_keys(code) for code in codes]
        found = self._barcodes.find_many(np.array([keys[0] for keys in wanted], np.uint64))
        for at, keys in enumerate(wanted):
            if not found[at] and len(keys) > 1:
                found[at] = self._barcodes.find(keys[1])
        return found

    def _find_mbids(self, mbids: Sequence[str]) -> list[_Found]:
        hashes = text_hashes(mbids)
        out: list[_Found] = [(Kind.RECORDING, ())] * len(mbids)
        left = np.arange(len(mbids))
        for kind, file in self._mbids.items():
            found = file.find_many(hashes[left])
            for at, numbers in zip(left.tolist(), found, strict=True):
                if numbers:
                    out[at] = (kind, numbers)
            left = left[[not numbers for numbers in found]] if found else left
        return out

    def _find_public_ids(self, texts: Sequence[str]) -> list[_Found]:
        out: list[_Found] = [(None, ())] * len(texts)
        read = parse_public_ids(texts, self._id_key)
        for kind in Kind:
            places = [at for at, found in enumerate(read) if found and found[0] is kind]
            if not places:
                continue
            numbers = [found[1] for found in read if found and found[0] is kind]
            for at, current in zip(places, self._current(kind, numbers), strict=True):
                out[at] = (kind, current)
        return out

    def _current(self, kind: Kind, numbers: Sequence[int]) -> list[tuple[int, ...]]:
        """The number in use for each of `numbers`, or nothing."""
        old, new = self._redirects[kind]
        now = np.array(numbers, np.int64)
        for _ in range(len(old)):
            at = np.searchsorted(old, now.astype(np.uint64))
            moved = np.flatnonzero(at < len(old))
            moved = moved[old[at[moved]] == now[moved].astype(np.uint64)]
            if not len(moved):
                break
            now[moved] = new[at[moved]].astype(np.int64)
        exists = self._exist(kind, now)
        return [
            (number,) if there else ()
            for number, there in zip(now.tolist(), exists.tolist(), strict=True)
        ]

    def _exist(self, kind: Kind, numbers: Array) -> Array:
        """Whether each number is one of this edition."""
        if kind is not Kind.RECORDING:
            return (numbers > 0) & (numbers <= self._greatest.get(kind, 0))
        known: Array = (numbers > 0) & (numbers < 8 * len(self._has_number))
        within = numbers[known]
        known[known] = (self._has_number[within >> 3] >> (within & 7) & 1).astype(np.bool_)
        return known
