"""What RFC 8493 takes for a bag and what not; bagit.py is asked about each case, too.

The cases follow the rules of the RFC and what its conformance suite looks at. Where bagit.py is
laxer than the RFC, or stricter, the case says so.
"""

import re
import unicodedata
import warnings
from collections.abc import Callable
from hashlib import md5, sha256, sha512
from pathlib import Path

import bagit
import pytest

from phonotheque.edition import bagit_faults
from phonotheque.edition.bag import format_bag
from phonotheque.edition.bag_rules import parse_info, parse_manifest
from phonotheque.model.errors import FormatError

AUDIO = {"data/a b.ogg": b"one", "data/Ödland/é.ogg": b"two", "data/empty": b""}
Bag = dict[str, bytes]
Change = Callable[[Bag], None]


def sound_bag() -> Bag:
    """A bag as volumes are made, by path."""
    payload = [(p, sha256(c).hexdigest(), len(c)) for p, c in AUDIO.items()]
    tags = format_bag(payload, [("Source-Organization", "Tests")], {"README.txt": b"Read me.\n"})
    return {**AUDIO, **tags}


def edit(path: str, old: str, new: str) -> Change:
    """A change of one tag file, with the tag manifest renewed."""

    def change(bag: Bag) -> None:
        assert old.encode() in bag[path]
        bag[path] = bag[path].replace(old.encode(), new.encode())
        renew(bag)

    return change


def put(path: str, content: bytes | None) -> Change:
    """A change that writes or removes one file; the tag manifest is renewed."""

    def change(bag: Bag) -> None:
        bag.pop(path, None)
        if content is not None:
            bag[path] = content
        renew(bag)

    return change


def renew(bag: Bag) -> None:
    """List the tag files that there are."""
    tags = sorted(p for p in bag if "/" not in p and not p.startswith("tagmanifest"))
    lines = [f"{sha256(bag[p]).hexdigest()}  {p}\n" for p in tags]
    bag["tagmanifest-sha256.txt"] = "".join(lines).encode()


def add(path: str, listed: str, digest: bytes = b"new") -> Change:
    """A payload file more, listed as `listed`."""

    def change(bag: Bag) -> None:
        bag[path] = b"new"
        bag["manifest-sha256.txt"] += f"{sha256(digest).hexdigest()}  {listed}\n".encode()
        bag["bag-info.txt"] = bag["bag-info.txt"].replace(b"6.3", b"9.4")
        renew(bag)

    return change


def digits(bag: Bag) -> None:
    bag["manifest-sha256.txt"] = re.sub(
        rb"(?m)^[0-9a-f]{64}", lambda m: m[0].upper(), bag["manifest-sha256.txt"]
    )
    renew(bag)


def second_manifest(paths: list[str]) -> Change:
    def change(bag: Bag) -> None:
        lines = (f"{sha512(AUDIO[p]).hexdigest()}  {p}\n" for p in paths)
        bag["manifest-sha512.txt"] = "".join(lines).encode()
        renew(bag)

    return change


LINE = "manifest-sha256.txt"
GOOD: dict[str, Change] = {
    "as we make it": lambda bag: None,
    "no bag-info": put("bag-info.txt", None),
    "no tag manifest": lambda bag: bag.pop("tagmanifest-sha256.txt") and None,
    "other tag files": put("notes.xml", b"<x/>"),
    "version 0.97": edit("bagit.txt", "1.0", "0.97"),
    "lines ended by CR LF": edit("bagit.txt", "\n", "\r\n"),
    "digits in capitals": digits,
    "one blank": edit(LINE, "  data", " data"),
    "a tab": edit(LINE, "  data", "\tdata"),
    "a manifest more": second_manifest(list(AUDIO)),
    "a percent sign, encoded": add("data/100%.ogg", "data/100%25.ogg"),
    "a line feed, encoded": add("data/a\nb.ogg", "data/a%0Ab.ogg"),
    "a long value, folded": edit("bag-info.txt", ": Tests", ": Tests\n  and more"),
    "a label twice": edit("bag-info.txt", "Source", "Contact-Name: A\nContact-Name: B\nSource"),
}
BAD: dict[str, Change] = {
    "no declaration": put("bagit.txt", None),
    "a mark of byte order": put("bagit.txt", b"\xef\xbb\xbf" + sound_bag()["bagit.txt"]),
    "a declaration without encoding": put("bagit.txt", b"BagIt-Version: 1.0\n"),
    "a version that is none": edit("bagit.txt", "1.0", "one"),
    "no manifest": put(LINE, None),
    "a file that is listed and lost": put("data/empty", None),
    "a file that is not listed": put("data/stray", b"x"),
    "a manifest more without all": second_manifest(["data/empty"]),
    "a path above": add("x", "../x"),
    "a path of the system": add("x", "/etc/passwd"),
    "a home directory": add("x", "~/x"),
    "a tag file as payload": add("x", "README.txt"),
    "a path twice with two digests": add("data/a b.ogg", "data/a b.ogg", b"other"),
    "another Payload-Oxum": edit("bag-info.txt", "6.3", "6.4"),
    "a lost tag file": lambda bag: bag.pop("README.txt") and None,
    "something to fetch": put("fetch.txt", b"http://x/ 3 data/a\n"),
}
OTHERWISE = frozenset(
    [
        "a percent sign, encoded",  # bagit.py decodes line ends only
        "a manifest more without all",  # it looks for each file in any manifest
        "something to fetch",  # it does not ask whether what is to be fetched is listed
    ]
)
"""Cases in which bagit.py (1.9) does not say what the RFC does."""


def ours(bag: Bag) -> list[str]:
    tags = {p: c for p, c in bag.items() if not p.startswith("data/")}
    return list(bagit_faults(tags, {p: len(c) for p, c in bag.items() if p.startswith("data/")}))


def theirs(bag: Bag, folder: Path) -> bool:
    for path, content in bag.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bagit.Bag(str(folder)).validate()
    except (bagit.BagError, bagit.BagValidationError, OSError, ValueError):
        return False
    return True


def made(change: Change) -> Bag:
    bag = sound_bag()
    change(bag)
    return bag


@pytest.mark.parametrize("name", GOOD)
def test_what_the_rules_allow_is_taken(name: str, tmp_path: Path) -> None:
    bag = made(GOOD[name])
    assert ours(bag) == []
    assert theirs(bag, tmp_path) != (name in OTHERWISE)


@pytest.mark.parametrize("name", BAD)
def test_what_the_rules_forbid_is_refused(name: str, tmp_path: Path) -> None:
    bag = made(BAD[name])
    assert ours(bag)
    assert theirs(bag, tmp_path) == (name in OTHERWISE)


@pytest.mark.parametrize(
    "change",
    [
        edit("bagit.txt", "UTF-8", "ISO-8859-1"),
        add("data/A B.ogg", "data/A B.ogg"),
        add(unicodedata.normalize("NFD", "data/Ödland/é.ogg"),
            unicodedata.normalize("NFD", "data/Ödland/é.ogg")),
        add("data/CON.ogg", "data/CON.ogg"),
    ],
    ids=["another encoding", "names equal but for case", "names equal but for form", "reserved"],
)  # fmt: skip
def test_what_is_a_bag_but_not_everywhere_is_told(change: Change) -> None:
    assert ours(made(change))


def test_a_manifest_with_digests_of_another_length_is_none() -> None:
    with pytest.raises(FormatError, match="no digest and path"):
        parse_manifest(md5(b"").hexdigest().encode() + b"  data/a\n", LINE)
    with pytest.raises(FormatError, match="no name of a manifest"):
        parse_manifest(b"", "manifest-SHA256.txt")
    assert parse_info(b"A: b\n\tc\nD:\n") == [("A", "b c"), ("D", "")]
    with pytest.raises(FormatError, match="has no label"):
        parse_info(b"no label here\n")
