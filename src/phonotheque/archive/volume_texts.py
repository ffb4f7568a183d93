"""What a person finds at the top of a volume: README.txt and ATTRIBUTION.txt. Pure."""

import pyarrow as pa

from phonotheque.archive.workspace import Intent
from phonotheque.model.archive import ArchiveSettings


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
        "data/            the audio, one file for each recording, as it was admitted",
        "ATTRIBUTION.txt  whom to name, and the licence, for each file",
        "",
        "This directory is a BagIt bag (RFC 8493). To check it without any special program:",
        "    sha256sum --check manifest-sha256.txt",
        "A volume never changes. A file that was withdrawn later is named in revocations.json of",
        "the archive and must not be passed on any more.",
        "",
        "Licences of the files; the text of each stands at its address:",
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


def _licences(rows: pa.Table) -> list[str]:
    columns = (rows.column(c).to_pylist() for c in ("licence", "licence_name", "licence_url"))
    found = sorted({(key, name or key, url or "") for key, name, url in zip(*columns, strict=True)})
    return [f"    {key}: {name} {url}".rstrip() for key, name, url in found]
