"""What an edition says of itself, against its tables: counts, what waits, training, withdrawals;
and what stands beside them: its torrent, its checksums, its SQLite file. Audio is not read."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from phonotheque.catalogue import open_edition
from phonotheque.edition import VolumeFile, create_torrent
from phonotheque.mirror.checking import read_sha256
from phonotheque.mirror.edition_swarm import catalogue_torrent
from phonotheque.mirror.expected import entry, read_revoked
from phonotheque.mirror.formats import EntryReport
from phonotheque.model import tables
from phonotheque.model.edition import EditionManifest, Latest
from phonotheque.model.errors import FormatError
from phonotheque.model.findings import FindingCode, Severity
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.part_tables import paths_here, volumes_lacking

_CHECKSUMS, _WAITING, _TRAINING = "SHA256SUMS", "waiting.parquet", "ai-training/"
_LIVE = "files f ANTI JOIN tombstones t ON t.volume = f.volume AND t.path = f.path"
_COUNTED = {
    "files": f"SELECT count(*) FROM {_LIVE}",
    "audio_bytes": f"SELECT coalesce(sum(bytes), 0) FROM {_LIVE}",
    "volumes": "SELECT count(*) FROM volumes",
    "withdrawn": "SELECT count(DISTINCT recording) FROM tombstones",
    "waiting": "SELECT count(*) FROM waiting",
}
_OF_ALL_FILES = frozenset({"files", "audio_bytes"})
_STATED = {
    "files that wait are of recordings that are published, or withdrawn": """
        SELECT recording FROM waiting SEMI JOIN
        (SELECT recording FROM files UNION SELECT recording FROM tombstones) USING (recording)""",
}
_TRAINED = {
    "files have no row on training": """
        SELECT f.volume || '/' || f.path FROM files f
        ANTI JOIN tombstones t ON t.sha256 = f.sha256 ANTI JOIN training a
        ON a.volume = f.volume AND a.path = f.path AND a.sha256 = f.sha256""",
    "rows on training name no file that can be had": """
        SELECT a.volume || '/' || a.path FROM training a ANTI JOIN (
        SELECT f.volume, f.path FROM files f ANTI JOIN tombstones t ON t.sha256 = f.sha256) f
        ON a.volume = f.volume AND a.path = f.path""",
    "files have more than one row on training": """
        SELECT any_value(volume || '/' || path) FROM training GROUP BY volume, path
        HAVING count(*) > 1""",
}


def check_statements(tree: Tree, manifest: EditionManifest) -> Iterator[EntryReport]:
    """Counts of the manifest, and what waits and may train, against the tables."""
    where = f"editions/{manifest.name}"
    with (
        TemporaryDirectory(prefix="phonotheque-") as work,
        closing(open_edition(tree.edition(manifest.name), manifest)) as reader,
    ):
        listed = [e.path for e in manifest.contents]
        reader.add_view("waiting", tables.WAITING, [p for p in listed if p == _WAITING])
        lacking = volumes_lacking(tree.edition(manifest.name), manifest)
        cursor = reader.cursor()
        cursor.execute("SET memory_limit = '2GB'")
        cursor.execute("SET temp_directory = ?", [work])
        for name, sql in _COUNTED.items():
            if lacking and name in _OF_ALL_FILES:
                continue
            found, due = int(_one(cursor, sql)[0]), getattr(manifest.counts, name)
            if found != due:
                text = f"counts.{name} is {due:,}, and the tables have {found:,}; publish again"
                yield entry(FindingCode.EDITION_REFERENCE, where, text)
        stated = {} if lacking else dict(_STATED)
        here = paths_here(tree.edition(manifest.name), listed)
        training = [tree.edition(manifest.name) / p for p in here if p.startswith(_TRAINING)]
        if training:
            stated |= _TRAINED
            cursor.execute(f"CREATE TEMP VIEW training AS {_select_training(training)}")
        for said, sql in stated.items():
            count, example = _one(cursor, f"SELECT count(*), min(x) FROM ({sql}) t(x)")
            if count:
                text = f"{said}: {count:,}, for example {example}; publish or sync again"
                yield entry(FindingCode.EDITION_REFERENCE, where, text)


def _select_training(paths: list[Path]) -> str:
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return (
        "SELECT parse_filename(filename, true) AS volume, path, sha256 "
        f"FROM read_parquet([{listed}], filename = true)"
    )


def _one(cursor: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, object]:
    row = cursor.execute(sql).fetchall()[0]
    return int(row[0]), row[1] if len(row) > 1 else None


def check_revocations(tree: Tree, manifest: EditionManifest) -> Iterator[EntryReport]:
    """Tombstones of the newest edition against ``revocations.json``, which may be newer.

    Every file with a tombstone is revoked; every file of the edition that was revoked before it was
    published has a tombstone.
    """
    if not tree.latest_json.is_file():
        return
    if read_document(tree.latest_json, Latest).edition != manifest.name:
        return
    revoked = read_revoked(tree)
    with closing(open_edition(tree.edition(manifest.name), manifest)) as reader:
        stones = {
            (volume, path)
            for volume, path in reader.cursor()
            .execute("SELECT volume, path FROM tombstones WHERE sha256 IS NOT NULL")
            .fetchall()
        }
    known = {(v, p): file for v, files in revoked.by_volume.items() for p, file in files.items()}
    for volume, path in sorted(stones - known.keys()):
        text = "has a tombstone and is not revoked; run publish --renew, or sync again"
        yield entry(FindingCode.EDITION_REFERENCE, f"volumes/{volume}/{path}", text)
    for volume, path in sorted(known.keys() - stones):
        if known[volume, path].since < manifest.published_at:
            text = "was revoked before this edition, which has no tombstone of it; publish again"
            yield entry(FindingCode.EDITION_REFERENCE, f"volumes/{volume}/{path}", text)


def check_release(tree: Tree, manifest: EditionManifest) -> Iterator[EntryReport]:
    """The edition's torrent, made anew; its checksums; its SQLite file, where it is here."""
    folder, where = tree.edition(manifest.name), f"editions/{manifest.name}"
    listed = {e.path: e for e in manifest.contents}
    if _CHECKSUMS in listed:
        said = (folder / _CHECKSUMS).read_text().splitlines()
        due = [f"{e.sha256}  {e.path}" for e in manifest.contents if e.path != _CHECKSUMS]
        if said != due:
            text = "does not list the files as edition.json does; publish or sync again"
            yield entry(FindingCode.EDITION_REFERENCE, f"{where}/{_CHECKSUMS}", text)
    yield from _check_torrent(tree, manifest)
    sqlite = manifest.sqlite
    if sqlite is None or not (folder / sqlite.path).is_file():
        return
    if read_sha256(folder / sqlite.path) != sqlite.sha256:
        text = "is not the file that the edition names; delete it, or fetch it again"
        yield entry(FindingCode.TABLE_DAMAGED, f"{where}/{sqlite.path}", text)


def _check_torrent(tree: Tree, manifest: EditionManifest) -> Iterator[EntryReport]:
    named, folder = manifest.catalogue_torrent, tree.edition(manifest.name)
    if named is None:
        return
    where = f"editions/{manifest.name}/{named.path}"
    try:
        found = catalogue_torrent(tree, manifest)
    except FormatError as error:
        yield entry(FindingCode.EDITION_TORRENT, where, f"{error}; publish or sync again")
        return
    if found is None:
        text = "the edition names it, and it is not here; publish or sync again"
        yield entry(FindingCode.EDITION_TORRENT, where, text)
        return
    if volumes_lacking(folder, manifest):
        text = "its files are not all here, so it was not made anew to compare it"
        yield entry(FindingCode.COPY_NOT_CHECKED, where, text, Severity.INFO)
        return
    files = [
        VolumeFile(e.path, folder / e.path, e.bytes, e.sha256)
        for e in manifest.contents
        if e.path not in (named.path, _CHECKSUMS)
    ]
    with ThreadPoolExecutor(2) as pool:
        made = create_torrent(manifest.name, files, found[1].piece_length, pool)
    if (made.info_hash_v1, made.info_hash_v2) != (named.info_hash_v1, named.info_hash_v2):
        text = "is not the torrent of the files that the edition has; publish or sync again"
        yield entry(FindingCode.EDITION_TORRENT, where, text)
