"""What an admission is made of: the object, its file and pictures, its lines of history."""

import json
from collections.abc import Iterator, Mapping, Set
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from phonotheque.model.findings import FindingCode, Severity
from phonotheque.storage.stores import Store
from phonotheque.vault import descriptions, kept_pictures
from phonotheque.vault.events import EventType
from phonotheque.vault.examination import Description, Examination
from phonotheque.vault.material import Material
from phonotheque.vault.objects import VaultObject


class Told(NamedTuple):
    """One event that is still to be numbered."""

    kind: EventType
    outcome: str
    detail: str


def may_enter(examination: Examination, accepted: Set[FindingCode]) -> bool:
    """Whether it was decoded, and no error but an accepted one was found."""
    wrong = (f.code for f in examination.findings if f.severity is Severity.ERROR)
    return bool(examination.codec) and all(code in accepted for code in wrong)


def object_of(material: Material, examination: Examination) -> VaultObject:
    """What the vault will say of it."""
    return VaultObject(
        sha256=material.sha256,
        bytes=material.size_bytes,
        pieces_root=material.pieces_root,
        puid=examination.puid,
        media_type=examination.media_type,
        extension=examination.extension,
        codec=examination.codec,
        duration_ms=examination.duration_ms,
        sample_rate_hz=examination.sample_rate_hz,
        channels=examination.channels,
        bits=examination.bits,
        lossless=examination.lossless,
    )


def without_contents(examination: Examination) -> Examination:
    """The same without the bytes of pictures."""
    said = examination.description
    if said is None or not said.pictures:
        return examination
    plain = descriptions.without_contents(said)
    return msgspec.structs.replace(examination, description=plain)


def put(store: Store, root: Path, material: Material, said: Description | None) -> None:
    """Make pictures and bytes durable, and let go of the material. In any thread.

    What stands under the name already (a crash left it, or it was damaged) is proved, and
    replaced where it is not sound.
    """
    with material:
        for picture in said.pictures if said else ():
            kept_pictures.write_picture(root, picture)
        moved = material.staging is not None
        if store.put(material.sha256, material.content, move=moved):
            return
        if not _is_sound(store, material.sha256):
            store.remove(material.sha256)
            store.put(material.sha256, material.content, move=moved)


def _is_sound(store: Store, digest: str) -> bool:
    hasher = sha256()
    try:
        for chunk in store.iter_chunks(digest):
            hasher.update(chunk)
    except OSError:
        return False
    return hasher.hexdigest() == digest


def events_of(item: VaultObject, examination: Examination) -> Iterator[Told]:
    """The history of an object's admission; the last one brings it in."""
    identified = {"puid": item.puid, "format": examination.format_name}
    yield _told(EventType.FORMAT_IDENTIFICATION, identified)
    proved: dict[str, object] = {
        "decoder": examination.decoder, "duration_ms": item.duration_ms,
    }  # fmt: skip
    if examination.findings:
        proved["findings"] = _rules(examination)
    damaged = any(f.severity is Severity.ERROR for f in examination.findings)
    yield _told(EventType.VALIDATION, proved, "failure" if damaged else "success")
    yield _told(EventType.MESSAGE_DIGEST, {"sha256": item.sha256, "pieces_root": item.pieces_root})
    said = examination.description
    if said is not None:
        extracted = {
            "tags": len(said.tags),
            "pictures": [p.sha256 for p in said.pictures],
            "fingerprint": said.fingerprint_by,
        }
        yield _told(EventType.METADATA_EXTRACTION, extracted)
    yield Told(EventType.INGESTION, "success", msgspec.json.encode(item).decode())


def refusal_detail(examination: Examination, source: str, key: str) -> str:
    """Why a file was not taken as an object, as JSON."""
    refused = {
        "refused": _rules(examination), "puid": examination.puid, "source": source, "path": key,
    }  # fmt: skip
    return json.dumps(refused, ensure_ascii=False)


def _rules(examination: Examination) -> list[dict[str, str]]:
    return [{"rule": f.code.value, "reason": f.message} for f in examination.findings]


def _told(kind: EventType, detail: Mapping[str, object], outcome: str = "success") -> Told:
    return Told(kind, outcome, json.dumps(detail, ensure_ascii=False))
