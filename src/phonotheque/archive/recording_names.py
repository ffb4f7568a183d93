"""What files and tags are called in the archive: recordings of the current build or edition."""

from collections.abc import Iterable, Sequence

import duckdb
import msgspec

from phonotheque.archive.workspace import last_edition
from phonotheque.catalogue import current_build, open_build
from phonotheque.model.audio_tags import Tags
from phonotheque.model.errors import NotFoundError
from phonotheque.model.identifiers import IsrcStatus, parse_isrc, parse_mbid
from phonotheque.model.numbers import IdKey, Kind, format_public_id
from phonotheque.model.sounds import SoundVerdict
from phonotheque.search import DisplayRow, SearchIndex
from phonotheque.sources import iter_imports
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from phonotheque.vault import Description, Vault

MOST_BY_TEXT = 3


class NamedRecording(msgspec.Struct, frozen=True):
    """A recording as people know it; `id` is "" for a file that no build has seen yet."""

    id: str
    title: str
    artist: str
    release: str | None = None


def recordings_of_files(
    tree: Tree, vault: Vault, digests: Sequence[str]
) -> dict[str, NamedRecording]:
    """The recording of each file, by SHA-256; what its tags say where no build knows it.

    One pass over the build's table of files.
    """
    found = _built(tree, digests)
    for sha256 in digests:
        if sha256 not in found and (said := vault.description(sha256)) is not None:
            tags = tags_of(said)
            artist, title = tags.first("artist") or "", tags.first("title") or ""
            found[sha256] = NamedRecording("", title, artist, tags.first("album"))
    return found


def same_sounds(tree: Tree, digests: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each file those that imports of sounds say are the same, but for the file itself."""
    imports = [each for each in iter_imports(tree) if each.kind == "sounds"]
    paths = [str(path) for each in imports for path in each.paths]
    wanted = list(digests)
    if not paths or not wanted:
        return {}
    rows = duckdb.execute(
        "SELECT sha256, other FROM (SELECT sha256, other, arg_max(verdict, filename) AS verdict "
        "FROM read_parquet($1, filename = true) WHERE list_contains($2, sha256) "
        "OR list_contains($2, other) GROUP BY ALL) WHERE verdict = $3 ORDER BY ALL",
        [paths, wanted, SoundVerdict.SAME.value],
    ).fetchall()
    found: dict[str, set[str]] = {sha256: set() for sha256 in wanted}
    for one, other in rows:
        for mine, theirs in ((one, other), (other, one)):
            if mine in found and mine != theirs:
                found[mine].add(theirs)
    return {sha256: tuple(sorted(others)) for sha256, others in found.items()}


def recordings_by_tags(tree: Tree, said: Description) -> list[tuple[str, NamedRecording]]:
    """Recordings of the newest edition's index that the codes of tags name, or else the artist and
    title; each with `isrc`, `mbid` or `text`. Nothing where there is no index yet."""
    edition = last_edition(tree)
    if edition is None:
        return []
    try:
        index = SearchIndex.open(tree.edition_index(edition.name))
    except NotFoundError:
        return []
    tags = tags_of(said)
    try:
        found = _by_codes(index, tags)
        return found or _by_text(index, tags)
    finally:
        index.close()


def tags_of(said: Description) -> Tags:
    """The tags of a description."""
    return Tags(said.tags | said.tags_repaired, said.tag_duration_ms)


def _built(tree: Tree, digests: Sequence[str]) -> dict[str, NamedRecording]:
    current = current_build(tree)
    if current is None or not digests:
        return {}
    key = IdKey(bytes.fromhex(read_settings(tree).id_key))
    reader = open_build(current[1], current[0])
    try:
        rows = (
            reader.cursor()
            .execute(
                "SELECT f.sha256, r.number, r.title, r.artist_credit, f.release_title "
                "FROM recording_files f JOIN recordings r ON r.number = f.recording "
                "WHERE list_contains($1, f.sha256) ORDER BY f.sha256, r.number DESC",
                [list(digests)],
            )
            .fetchall()
        )
    finally:
        reader.close()
    return {
        sha256: NamedRecording(format_public_id(number, key), *texts)
        for sha256, number, *texts in rows
    }


def _by_codes(index: SearchIndex, tags: Tags) -> list[tuple[str, NamedRecording]]:
    mbid = parse_mbid(tags.first("musicbrainztrackid") or "")
    asked = [("mbid", mbid)] if mbid else []
    for _, text in tags.all("isrc"):
        code, status = parse_isrc(text)
        asked += [("isrc", code)] if status is IsrcStatus.VALID else []
    answers = index.lookup_many([text for _, text in asked])
    found: dict[int, str] = {}
    for (how, _), answer in zip(asked, answers, strict=True):
        if answer.kind is Kind.RECORDING:
            for number in answer.numbers:
                found.setdefault(number, how)
    return [(found[row.number], _named(row)) for row in index.rows(list(found))]


def _by_text(index: SearchIndex, tags: Tags) -> list[tuple[str, NamedRecording]]:
    artist, title = tags.first("artist"), tags.first("title")
    if not (artist and title):
        return []
    page = index.search(f"{artist} {title}", limit=MOST_BY_TEXT)
    return [] if page.relaxed else [("text", _named(hit.row)) for hit in page.hits]


def _named(row: DisplayRow) -> NamedRecording:
    return NamedRecording(row.public_id, row.title, row.artist, row.release_title)
