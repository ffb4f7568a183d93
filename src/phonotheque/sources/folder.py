"""A folder of audio: from file, tags and statements of rights to rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from phonotheque.model.audio_tags import Tags
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.identifiers import parse_mbid
from phonotheque.model.rights import Claim, Evidence, EvidenceKind
from phonotheque.sources.debian import copyright_evidence
from phonotheque.sources.identifiers import sort_isrcs
from phonotheque.sources.isrc_columns import best_class
from phonotheque.sources.packages import Packages
from phonotheque.sources.provenance import spoken_provenance, tag_provenance
from phonotheque.sources.sidecar import (
    NAME,
    Rebuttal,
    Sidecar,
    UnreadableSidecarError,
    read_sidecar,
    sidecar_evidence,
    unreadable_evidence,
)
from phonotheque.sources.statements import (
    Otherwise,
    Understand,
    nothing_else,
    tag_evidence,
    title_signs,
)
from phonotheque.sources.walk import AudioFile, OtherFile, iter_folder
from phonotheque.sources.writers import writer_signs

UNKNOWN_ARTIST = "[unknown]"


@dataclass(frozen=True, slots=True)
class FolderSize:
    """What a folder holds, without reading any file."""

    audio_files: int
    audio_bytes: int
    other_files: int
    findings: int


@dataclass(frozen=True, slots=True)
class RightsFound:
    """All that is stated about one file. `kept` has the files of evidence by digest (hex)."""

    evidence: tuple[Evidence, ...]
    collection: str | None
    findings: tuple[Finding, ...]
    kept: dict[str, bytes]


def plan_folder(root: Path) -> FolderSize:
    """Count what is below `root`."""
    audio = size = other = findings = 0
    for found in iter_folder(root):
        if isinstance(found, AudioFile):
            audio, size = audio + 1, size + found.size_bytes
        elif isinstance(found, OtherFile):
            other += 1
        else:
            findings += 1
    return FolderSize(audio, size, other, findings)


class FolderRights:
    """Gathers what sidecars, package copyright files and tags say. Files in walking order, so
    that only the sidecars above the current file are held."""

    def __init__(
        self, root: Path, understand: Understand, now: datetime, otherwise: Otherwise = nothing_else
    ) -> None:
        self._root = root
        self._understand = understand
        self._otherwise = otherwise
        self._now = now
        self._packages = Packages(root)
        self._sidecars: dict[str, Sidecar | Evidence | None] = {}

    def of(self, file: AudioFile, tags: Tags | None) -> RightsFound:
        """The evidence for one file, strongest kind first."""
        evidence: list[Evidence] = []
        findings: list[Finding] = []
        kept: dict[str, bytes] = {}
        cleared = self._from_sidecars(file, evidence, findings, kept)
        collection = file.key.split("/")[0] if "/" in file.key else None
        if package := self._packages.find(file.key):
            copyright_file, below = package
            collection = copyright_file.package
            kept[copyright_file.sha256] = copyright_file.content
            evidence += copyright_evidence(copyright_file, below, self._understand, self._now)
        said = tag_evidence(tags, self._understand, self._now, self._otherwise) if tags else ()
        signs = [*title_signs(file.path.stem, "file name", self._now)]
        if tags:
            signs += writer_signs(tags, _holders(evidence), self._now)
        evidence += [e for e in (*said, *signs) if e.claim is not Claim.REBUTTAL
                     or e.value not in cleared]  # fmt: skip
        evidence += [
            *spoken_provenance(evidence),
            *(tag_provenance(tags, self._now) if tags else ()),
        ]
        return RightsFound(tuple(dict.fromkeys(evidence)), collection, tuple(findings), kept)

    def _from_sidecars(
        self,
        file: AudioFile,
        evidence: list[Evidence],
        findings: list[Finding],
        kept: dict[str, bytes],
    ) -> set[str]:
        """Add what the deepest sidecar with a statement says; returns the signs it cleared.

        An unreadable sidecar takes all rights by sidecar from what is below it.
        """
        for folder in _folders_above(file.key):
            sidecar = self._sidecar(folder, file, findings)
            if isinstance(sidecar, Evidence):
                evidence.append(sidecar)
                return set()
            found = sidecar.statement_for(file.key[len(folder) :]) if sidecar else None
            if sidecar and found:
                statement, digest = found
                claims = list(
                    sidecar_evidence(statement, digest, sidecar.name, self._understand, self._now)
                )
                evidence += claims
                findings += _not_understood(claims, file.key, sidecar.name)
                kept.update(
                    {d: c for d, c in sidecar.kept.items() if d in (digest, sidecar.sha256)}
                )
                return {Rebuttal(value).value for value in statement.cleared}
        return set()

    def _sidecar(
        self, folder: str, file: AudioFile, findings: list[Finding]
    ) -> Sidecar | Evidence | None:
        if folder not in self._sidecars:
            above = set(_folders_above(file.key))
            self._sidecars = {k: v for k, v in self._sidecars.items() if k in above}
            self._sidecars[folder] = self._read(folder, findings)
        return self._sidecars[folder]

    def _read(self, folder: str, findings: list[Finding]) -> Sidecar | Evidence | None:
        path, name = self._root / folder / NAME, folder + NAME
        if not path.exists():
            return None
        try:
            return read_sidecar(path, name)
        except UnreadableSidecarError as error:
            message = f"{error}; nothing below it has rights by sidecar until it is mended"
            findings.append(Finding(FindingCode.RIGHTS_UNREADABLE, Severity.ERROR, name, message))
            return unreadable_evidence(name, self._now)


def _folders_above(key: str) -> Iterator[str]:
    """Keys of the folders a file is in, deepest first; each ends with a slash, the root is ""."""
    parts = key.split("/")[:-1]
    for depth in range(len(parts), 0, -1):
        yield "/".join(parts[:depth]) + "/"
    yield ""


def _not_understood(claims: list[Evidence], key: str, name: str) -> list[Finding]:
    return [
        Finding(
            FindingCode.RIGHTS_UNREADABLE,
            Severity.WARNING,
            key,
            f"the licence {e.raw!r} in {name} is not known; write its SPDX id or URL",
        )
        for e in claims
        if e.claim is Claim.LICENCE and e.value is None
    ]


def _holders(evidence: Iterable[Evidence]) -> Iterator[str]:
    """Who gives the rights, by name, as somebody says who may say it."""
    return (e.value for e in evidence if e.claim is Claim.HOLDER and e.value)


def folder_row(
    file: AudioFile, tags: Tags, rights: RightsFound, duration_ms: int | None
) -> tuple[dict[str, Any], list[Finding]]:
    """One row with the columns of `tables.ROWS` but the computed ones, and what is wrong with its
    codes; `computed_columns` gives the rest. `file_sha256` is for whoever admits the audio."""
    title = tags.first("title") or file.path.stem
    artist = tags.first("artist", "albumartist") or UNKNOWN_ARTIST
    release = tags.first("album")
    usable, written, findings = sort_isrcs([v for _, v in tags.all("isrc")], file.key, None)
    row = {
        "source_key": file.key,
        "title": title,
        "artist_credit": artist,
        "artists": None,
        "release_title": release,
        "release_artist": tags.first("albumartist"),
        "release_key": None,
        "release_group": None,
        "release_year": tags.year,
        "release_country": tags.first("releasecountry"),
        "label": tags.first("organization", "label", "publisher"),
        "barcode": tags.first("barcode", "upc", "ean"),
        "genres": [value for _, value in tags.all("genre")] or None,
        "disc": tags.number("discnumber", 2**15 - 1),
        "position": tags.number("tracknumber", 2**31 - 1),
        "position_text": _position_text(tags),
        "duration_ms": duration_ms or tags.duration_ms or None,
        "year": tags.year,
        "isrcs": usable,
        "isrcs_raw": written,
        "isrc_class": best_class(written),
        "recording_mbid": parse_mbid(tags.first("musicbrainztrackid") or ""),
        "release_mbid": parse_mbid(tags.first("musicbrainzalbumid") or ""),
        "collection": rights.collection,
        "evidence": [evidence_value(e) for e in rights.evidence],
        "file_sha256": None,
        "origin": file.key,
        "origin_row": 1,
    }
    return row, findings


def _position_text(tags: Tags) -> str | None:
    """What the tags say of the position where that is no plain number, as on vinyl ("A1")."""
    said = (tags.first("tracknumber") or "").partition("/")[0].strip()
    return said if said and not said.isdecimal() else None


def evidence_value(evidence: Evidence) -> dict[str, Any]:
    """A piece of evidence as a value of the column `evidence`."""
    return {
        "claim": evidence.claim.value,
        "value": evidence.value,
        "raw": evidence.raw,
        "kind": EvidenceKind(evidence.kind).value,
        "source": evidence.source,
        "captured_at": evidence.captured_at,
        "sha256": evidence.sha256,
        "witness": evidence.witness,
        "confidence": evidence.confidence,
    }
