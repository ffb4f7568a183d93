"""Readable names of files that every common file system can hold (docs/formats/volume.md). Pure.

Windows: no reserved device names, none of ``<>:"/\\|?*``, no blank or dot at the end. macOS: NFC,
and no two names that differ only in case or in normal form. BagIt: no ``%``, which tools decode
differently. Nobody: control characters, bidirectional overrides, hidden files.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_COMPONENT_BYTES = 120
MAX_PATH_BYTES = 240
MAX_FOLDER_BYTES = 80
_REPLACED = str.maketrans(
    {"/": "-", "\\": "-", "|": "-", ":": "-", '"': "'", "?": "_", "*": "_", "<": "_", ">": "_",
     "%": "_"}
)  # fmt: skip
_RESERVED = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Naming:
    """What a file's name is made of. `extension` has no dot; `sha256` is 64 hex digits."""

    artist: str
    title: str
    disc: int | None
    position: int | None
    sha256: str
    extension: str


def portable(text: str, fallback: str, max_bytes: int = MAX_COMPONENT_BYTES) -> str:
    """`text` as one path component of at most `max_bytes` UTF-8 bytes; `fallback` when empty.

    Idempotent for one `fallback` and `max_bytes`.
    """
    text = _BLANKS.sub(" ", text).translate(_REPLACED)
    text = "".join(c for c in text if unicodedata.category(c)[0] != "C")
    text = unicodedata.normalize("NFC", text)
    cleaned = _cut(_BLANKS.sub(" ", text).strip(" .~"), max_bytes) or fallback
    if _RESERVED.fullmatch(cleaned.split(".")[0].strip()):
        cleaned = _cut("_" + cleaned, max_bytes)
    return cleaned


def distinct_form(path: str) -> str:
    """Paths with equal forms are one file on some file system."""
    once = unicodedata.normalize("NFKC", path).casefold()
    return unicodedata.normalize("NFKC", once).casefold()


def iter_names(files: Iterable[Naming]) -> Iterator[str]:
    """A path ``data/<artist>/<NN - title> [<digest>].<ext>`` for each file, in order.

    Within one call no two are equal, nor equal in `distinct_form`. The digest is the first 8 hex
    digits of the sha256, 16 or all where that is not enough, and a counter when one and the same
    file comes twice. Memory: one entry a file.
    """
    folders: dict[str, str] = {}
    taken: set[str] = set()
    for file in files:
        folder = portable(file.artist, "Unknown artist", MAX_FOLDER_BYTES)
        folder = folders.setdefault(distinct_form(folder), folder)
        for suffix in _suffixes(file.sha256):
            path = f"data/{folder}/{_file_name(file, suffix)}"
            form = distinct_form(path)
            if form not in taken:
                taken.add(form)
                yield path
                break


def iter_kept_names(files: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A path for each (path in an earlier volume, sha256), in order: the same where it is free, by
    the rules of `iter_names` where volumes that are put together have it twice."""
    folders: dict[str, str] = {}
    taken: set[str] = set()
    for path, sha256 in files:
        _, folder, name = path.split("/")
        folder = folders.setdefault(distinct_form(folder), folder)
        for wanted in _kept_names(name, sha256):
            form = distinct_form(f"data/{folder}/{wanted}")
            if form not in taken:
                taken.add(form)
                yield f"data/{folder}/{wanted}"
                break


def _kept_names(name: str, sha256: str) -> Iterator[str]:
    yield name
    head, _, tail = name.rpartition(" [")
    extension = tail.rpartition("].")[2]
    for suffix in _suffixes(sha256):
        end = f" [{suffix}].{extension}"
        yield portable(head, "Untitled", MAX_COMPONENT_BYTES - len(end.encode())) + end


def _suffixes(sha256: str) -> Iterator[str]:
    yield from (sha256[:8], sha256[:16], sha256)
    counter = 2
    while True:
        yield f"{sha256[:16]}-{counter}"
        counter += 1


def _file_name(file: Naming, suffix: str) -> str:
    number = "" if file.position is None else f"{file.position:02d} - "
    if number and file.disc is not None and file.disc > 1:
        number = f"{file.disc}-{number}"
    tail = f" [{suffix}].{file.extension}"
    head = portable(number + file.title, "Untitled", MAX_COMPONENT_BYTES - len(tail.encode()))
    return head + tail


def _cut(text: str, max_bytes: int) -> str:
    short = text.encode()[:max_bytes].decode(errors="ignore")
    return unicodedata.normalize("NFC", short).strip(" .~")
