"""The rules of BagIt 1.0 (RFC 8493) for what stands in the tag files of a bag. Pure.

Stricter than bagit.py, as the RFC is: `bagit_faults` names what is wrong in words.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from unicodedata import normalize

from phonotheque.model.errors import FormatError

DECLARATION = "bagit.txt"
_MANIFEST = re.compile(r"(tag)?manifest-([a-z0-9]+)\.txt")
_DIGEST_DIGITS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
_DECODED = {"%0A": "\n", "%0D": "\r", "%25": "%"}
_RESERVED = re.compile(r"(?i)(CON|PRN|AUX|NUL|COM[1-9]|LPT[1-9])(\..*)?")


def parse_declaration(content: bytes) -> str:
    """The version that ``bagit.txt`` declares.

    Raises:
        FormatError: it is not the two lines of RFC 8493, in this order, in UTF-8 without a BOM.
    """
    lines = content.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    labels = (b"BagIt-Version: ", b"Tag-File-Character-Encoding: ")
    if len(lines) != 2 or not all(x.startswith(y) for x, y in zip(lines, labels, strict=True)):
        raise FormatError(f"{DECLARATION} is not the two lines that declare a bag")
    version, encoding = (x.removeprefix(y) for x, y in zip(lines, labels, strict=True))
    if not re.fullmatch(rb"\d+\.\d+", version):
        raise FormatError(f"{DECLARATION}: {version!r} is no version")
    if encoding.upper() != b"UTF-8":
        raise FormatError(f"{DECLARATION}: tag files are in {encoding!r}, UTF-8 is read here")
    return version.decode()


def parse_manifest(content: bytes, name: str) -> dict[str, str]:
    """Path → digest in lower case of the manifest `name`; ``%0A``, ``%0D`` and ``%25`` decoded.

    Raises:
        FormatError: no UTF-8, a line that is none, a path that leaves the bag or stands twice.
    """
    matched = _MANIFEST.fullmatch(name)
    if matched is None:
        raise FormatError(f"{name} is no name of a manifest")
    is_tag, algorithm = bool(matched[1]), matched[2]
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"{name}: not UTF-8") from error
    found: dict[str, str] = {}
    for line in re.split("\r\n|\n|\r", text):
        if not line:
            continue
        parts = re.fullmatch(r"([0-9A-Fa-f]+)[ \t]+\*?(.+)", line)
        if parts is None or len(parts[1]) != _DIGEST_DIGITS.get(algorithm, len(parts[1])):
            raise FormatError(f"{name}: the line {line!r} is no digest and path")
        path = _decoded(parts[2].removeprefix("./"))
        _check_path(path, name, is_tag=is_tag)
        if path in found:
            raise FormatError(f"{name}: lists {path!r} twice")
        found[path] = parts[1].lower()
    return found


def _decoded(path: str) -> str:
    return re.sub("(?i)%(0A|0D|25)", lambda m: _DECODED[m[0].upper()], path)


def _check_path(path: str, name: str, *, is_tag: bool) -> None:
    parts = path.split("/")
    outside = path.startswith(("/", "~", "\\")) or re.match("[A-Za-z]:", path)
    if outside or any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise FormatError(f"{name}: {path!r} leads out of the bag")
    if is_tag and (parts[0] == "data" or path.startswith("tagmanifest-")):
        raise FormatError(f"{name}: {path!r} belongs in no tag manifest")
    if not is_tag and (parts[0] != "data" or len(parts) < 2):
        raise FormatError(f"{name}: {path!r} is no payload")


def parse_info(content: bytes) -> list[tuple[str, str]]:
    """Labels and values of ``bag-info.txt``, in order; continued lines joined by a blank.

    Raises:
        FormatError: no UTF-8, or a line without a label.
    """
    try:
        lines = re.split("\r\n|\n|\r", content.decode())
    except UnicodeDecodeError as error:
        raise FormatError("bag-info.txt: not UTF-8") from error
    found: list[tuple[str, str]] = []
    for line in filter(None, lines):
        if line[0] in " \t" and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
            continue
        label, colon, value = line.partition(":")
        if not colon or not label.strip() or label[0] in " \t":
            raise FormatError(f"bag-info.txt: the line {line!r} has no label")
        found.append((label.strip(), value.strip()))
    return found


def bagit_faults(tags: Mapping[str, bytes], payload: Mapping[str, int]) -> Iterator[str]:
    """What RFC 8493 has against a bag, digests of payload aside; nothing: complete.

    `tags`: content of every file outside ``data/``; `payload`: bytes of every file in it.
    """
    try:
        parse_declaration(tags.get(DECLARATION, b""))
        manifests = {name: parse_manifest(tags[name], name) for name in tags
                     if name.startswith(("manifest-", "tagmanifest-"))}  # fmt: skip
        info = parse_info(tags.get("bag-info.txt", b""))
    except FormatError as error:
        yield str(error)
        return
    payloads = {name for name in manifests if name.startswith("manifest-")}
    if not payloads:
        yield "there is no payload manifest"
    for name in sorted(payloads):
        yield from _differences(name, manifests[name].keys(), payload.keys())
    for name in sorted(manifests.keys() - payloads):
        for path in sorted(manifests[name].keys() - tags.keys()):
            yield f"{name}: lists {path!r}, which is not there"
        for path in sorted(payloads - manifests[name].keys()):
            yield f"{name}: does not list {path}"
    yield from _oxum_faults(info, payload)
    if "fetch.txt" in tags:
        yield "fetch.txt: the bag is not whole; what it names has to be fetched first"
    yield from _name_faults([*payload])


def _differences(name: str, listed: Collection[str], there: Collection[str]) -> Iterator[str]:
    due, found = set(listed), set(there)
    for path in sorted(due - found):
        yield f"{name}: lists {path!r}, which is not there"
    for path in sorted(found - due):
        yield f"{name}: does not list {path!r}"


def _oxum_faults(info: list[tuple[str, str]], payload: Mapping[str, int]) -> Iterator[str]:
    stated = [value for label, value in info if label.lower() == "payload-oxum"]
    if len(stated) > 1:
        yield "bag-info.txt: Payload-Oxum stands twice"
    if stated and stated[0] != f"{sum(payload.values())}.{len(payload)}":
        yield f"bag-info.txt: Payload-Oxum is {stated[0]}, which the payload is not"


def _name_faults(paths: list[str]) -> Iterator[str]:
    folded: dict[str, str] = {}
    for path in sorted(paths):
        other = folded.setdefault(normalize("NFC", path).casefold(), path)
        if other != path:
            yield f"{path!r} and {other!r} are one file on some systems"
        if any(_RESERVED.fullmatch(part) for part in path.split("/")):
            yield f"{path!r} is a name that Windows reserves"
