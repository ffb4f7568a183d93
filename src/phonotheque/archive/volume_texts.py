"""What a person finds at the top of a volume: README.txt, ATTRIBUTION.txt, licences/. Pure."""

from collections import Counter

import pyarrow as pa

from phonotheque.archive.workspace import Intent
from phonotheque.model.archive import ArchiveSettings
from phonotheque.rights import legal_text, licences_in


def format_readme(
    settings: ArchiveSettings, intent: Intent, name: str, tier: int, rows: pa.Table
) -> bytes:
    """What this directory is, how to check it, under which licences its files may be used."""
    size = sum(rows.column("bytes").to_pylist())
    lines = [
        name,
        "=" * len(name),
        "",
        f"{rows.num_rows} audio files ({size} bytes) of the archive “{settings.name}”,",
        f"published by {settings.publisher} with the edition {intent.name}, tier {tier}.",
        "",
        f"data/            the audio, one file for each recording{_as_admitted(rows)}",
        "ATTRIBUTION.txt  whom to name, and the licence, for each file",
        "licences/        the text of each licence, or a notice that says where it stands",
        "",
        "This directory is a BagIt bag (RFC 8493). To check it without any special program:",
        "    sha256sum --check manifest-sha256.txt",
        "A volume never changes. A file that was withdrawn later is named in revocations.json of",
        "the archive and must not be passed on any more.",
        "",
        *_copies(rows),
        "Licences of the files:",
        *_licences(rows),
        "",
    ]
    return "\n".join(lines).encode()


def format_attribution(name: str, rows: pa.Table) -> bytes:
    """Path and attribution of every file, in the order of paths."""
    paths, texts = rows.column("path").to_pylist(), rows.column("attribution").to_pylist()
    entries = sorted(zip(paths, texts, strict=True))
    body = (f"{path}\n    {' '.join(text.split())}\n" for path, text in entries)
    return (f"Attribution for the files of {name}\n\n" + "\n".join(body)).encode()


def format_licences(rows: pa.Table) -> dict[str, bytes]:
    """``licences/<id>.txt`` for every licence that a file has, alone or with others."""
    found = {
        licence.id: licence
        for ids in set(rows.column("licence").to_pylist())
        for licence in licences_in(ids)
    }
    return {f"licences/{key}.txt": legal_text(found[key]) for key in sorted(found)}


def _as_admitted(rows: pa.Table) -> str:
    return ", as it was admitted" if rows.column("derived_from").null_count == len(rows) else ""


def _copies(rows: pa.Table) -> list[str]:
    """Which files are not as they were admitted, how they were made, and which of lossy audio."""
    recipes = [text for text in rows.column("derived_by").to_pylist() if text]
    tagged = sum(text.startswith("tags/") for text in recipes)
    encoded = Counter(text for text in recipes if not text.startswith("tags/"))
    lines = []
    if encoded:
        lines += [
            f"{encoded.total()} of the files are access copies; the archive keeps the masters that "
            "they",
            "were encoded from. They are as loud as these; R128_TRACK_GAIN says how loud, where "
            "that",
            "was measured. They were made by:",
            *(f"    {recipe}: {count}" for recipe, count in sorted(encoded.items())),
            "",
        ]
    if tagged:
        lines += [
            f"{tagged} of the files have tags of this archive, such as title and attribution.",
            "Their audio is that of the masters, to the bit; the archive keeps these as they came.",
            "",
        ]
    return lines


def _licences(rows: pa.Table) -> list[str]:
    columns = (rows.column(c).to_pylist() for c in ("licence", "licence_name", "licence_url"))
    found = sorted({(key, name or key, url or "") for key, name, url in zip(*columns, strict=True)})
    return [f"    {key}: {name} {url}".rstrip() for key, name, url in found]
