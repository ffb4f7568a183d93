"""Copyright files of Debian packages as rights evidence.

Machine-readable form: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/ (DEP-5).
Its patterns name files of the *source* tree, while we see the *installed* file, so a pattern is
compared by its trailing components, and what stays uncertain is reported as a second claim.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from phonotheque.model.rights import Claim, Evidence, EvidenceKind
from phonotheque.sources.globs import debian_pattern
from phonotheque.sources.statements import Understand, holder_in

PUBLIC_DOMAIN = "public-domain"
_PACKAGING = ("debian/",)  # the packaging's own files are never installed as music


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One Files paragraph."""

    patterns: tuple[str, ...]
    licence: str  # short name
    licence_text: str
    holder: str | None


@dataclass(frozen=True, slots=True)
class CopyrightFile:
    """A package's copyright file. `paragraphs` is empty when it is not machine-readable."""

    package: str
    name: str  # its key in the ingested folder
    sha256: str
    text: str
    paragraphs: tuple[Paragraph, ...]
    content: bytes


def parse_copyright(package: str, name: str, content: bytes) -> CopyrightFile:
    """The copyright file of `package`; any bytes are accepted."""
    text = content.decode("utf-8", "replace")
    paragraphs = list(_iter_paragraphs(text))
    digest = sha256(content).hexdigest()
    is_dep5 = bool(paragraphs) and "copyright-format" in paragraphs[0].get("format", "")
    found = tuple(_files_paragraphs(paragraphs)) if is_dep5 else ()
    return CopyrightFile(package, name, digest, text, found, content)


def copyright_evidence(
    file: CopyrightFile, installed: str, understand: Understand, now: datetime
) -> Iterator[Evidence]:
    """What the copyright file says of the file installed at `installed` (path in the package)."""

    def claim(kind: Claim, value: str | None, raw: str) -> Evidence:
        return Evidence(
            kind, value, raw, EvidenceKind.PACKAGE_COPYRIGHT, file.name, now, file.sha256
        )

    if not file.paragraphs:
        if (licence := understand(file.text)) is not None:
            yield claim(Claim.LICENCE, licence, "the copyright file names this licence alone")
        if holder := _holder_line(file.text):
            yield claim(Claim.HOLDER, holder, holder)
        return
    for paragraph in covering_paragraphs(file.paragraphs, installed):
        raw = f"Files: {' '.join(paragraph.patterns)}; License: {paragraph.licence}"
        if paragraph.licence.lower() == PUBLIC_DOMAIN:
            yield claim(Claim.BASIS, PUBLIC_DOMAIN, raw)
        else:
            licence = understand(paragraph.licence) or understand(paragraph.licence_text)
            yield claim(Claim.LICENCE, licence, raw)
        if paragraph.holder:
            yield claim(Claim.HOLDER, paragraph.holder, paragraph.holder)


def covering_paragraphs(paragraphs: tuple[Paragraph, ...], installed: str) -> list[Paragraph]:
    """The last paragraph that surely covers the file, and later ones that may.

    Source: copyright format 1.0, "Files": the last matching paragraph applies. A pattern such as
    ``data/*`` may cover the file although no folder ``data`` was installed.
    """
    covering: list[Paragraph] = []
    for paragraph in paragraphs:
        matches = {_match(pattern, installed) for pattern in paragraph.patterns}
        if True in matches:
            covering = [paragraph]
        elif None in matches and all(paragraph.licence != p.licence for p in covering):
            covering.append(paragraph)
    return covering


def _match(pattern: str, installed: str) -> bool | None:
    """Whether a pattern of the source tree covers an installed file; None for "perhaps"."""
    clean = pattern.removeprefix("./")
    if clean.startswith(_PACKAGING):
        return False
    if clean == "*":
        return True
    folder, _, last = clean.rpartition("/")
    names = installed.split("/")
    if not debian_pattern(last).fullmatch(names[-1]):
        return False
    if last.strip("*?"):
        return True
    wanted = folder.rpartition("/")[2]
    return True if any(debian_pattern(wanted).fullmatch(n) for n in names[:-1]) else None


def _files_paragraphs(paragraphs: list[dict[str, str]]) -> Iterator[Paragraph]:
    texts = {}
    for fields in paragraphs:
        if "license" in fields and "files" not in fields:
            short, _, text = fields["license"].partition("\n")
            texts[short.strip()] = text
    for fields in paragraphs:
        if "files" not in fields:
            continue
        short, _, text = fields.get("license", "").partition("\n")
        short = short.strip()
        holder = holder_in(fields.get("copyright", "").strip().split("\n")[0])
        body = text if text.strip() else texts.get(short, "")
        yield Paragraph(tuple(fields["files"].split()), short, body, holder)


def _iter_paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Paragraphs of "Field: value" with continuation lines, names in lower case."""
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t" and name:
            fields[name] += "\n" + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()


def _holder_line(text: str) -> str | None:
    for line in text.splitlines():
        if line.strip().lower().startswith(("copyright (c)", "copyright ©", "© ")):
            return holder_in(line)
    return None
