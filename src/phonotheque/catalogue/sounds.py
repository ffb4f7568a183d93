"""Which files are the same sound, as imports of sounds say, and what is reached through them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import ibis

from phonotheque.catalogue.identity import first_in
from phonotheque.catalogue.inputs import ImportFiles, Rows, closed, union
from phonotheque.catalogue.ports import TableEngine
from phonotheque.model.sounds import SOUNDS, SoundVerdict
from phonotheque.storage.tables import check_schema

_NEWEST = ("number", "score", "verdict", "overlap_ms", "offset_ms")


@dataclass(frozen=True, slots=True)
class Sounds:
    """Kept tables. `pairs`: sha256, other of files that are the same sound, each pair both ways
    round; `files`: sha256 of those; `changed`: sha256 of files in pairs that new imports name,
    whatever they say of them."""

    pairs: Any
    files: Any
    changed: Any


def read_sounds(
    engine: TableEngine, imports: Sequence[ImportFiles], known: Collection[str] = ()
) -> Sounds | None:
    """What imports say, the newest word on each pair; None without any. Those with labels other
    than `known` are new.

    Raises:
        FormatError: a file that this program does not read.
    """
    if not imports:
        return None
    pairs = pairs_said(engine, imports, SoundVerdict.SAME)
    files = engine.keep(pairs.select("sha256").distinct())
    new = _said(engine, [each for each in imports if each.label not in known])
    return Sounds(pairs, files, engine.keep(_both_ways(new).select("sha256").distinct()))


def pairs_said(engine: TableEngine, imports: Sequence[ImportFiles], verdict: SoundVerdict) -> Any:
    """Kept: `sha256`, `other` of the pairs on which the newest word is `verdict`, both ways round.

    Raises:
        FormatError: a file that this program does not read.
    """
    order = [ibis.desc(name) for name in _NEWEST]
    newest = first_in(_said(engine, imports), ["sha256", "other"], order)
    return engine.keep(_both_ways(newest.filter(newest.verdict == verdict.value)))


def _said(engine: TableEngine, imports: Sequence[ImportFiles]) -> Any:
    """All rows of some imports, with the `number` of the import in the order they were made."""
    parts = []
    for number, each in enumerate(sorted(imports, key=lambda i: (i.source, i.ordinal))):
        for path in each.paths:
            check_schema(path, SOUNDS)
        table = engine.read(each.paths, SOUNDS)
        parts.append(table.mutate(number=ibis.literal(number, "int64")))
    if not parts:
        empty = engine.read([], SOUNDS)
        return empty.mutate(number=ibis.literal(0, "int64"))
    return closed(union(engine, parts, SOUNDS))


def _both_ways(pairs: Any) -> Any:
    there = pairs.select("sha256", "other")
    back = pairs.select(sha256="other", other="sha256")
    return closed(there.union(back, distinct=True))


def rows_heard(engine: TableEngine, rows: Rows, sounds: Sounds, target: Any) -> Any:
    """Kept: `row` of the rows that sound as rows of `target` (row) do: that have their files, or
    files that are the same sound; and of those that share a text with such of them as no code or
    id tells of: sound takes these from what text gave them to, and gives them back."""
    heard = engine.keep(sounds.files.union(sounds.changed, distinct=True))
    said = rows.select("file_sha256", "isrcs", "recording_mbid", "text_match")
    said = said.semi_join(target, "row")
    said = engine.keep(said.semi_join(heard, said.file_sha256 == heard.sha256))
    free = said.filter(said.isrcs.length() == 0, said.recording_mbid.isnull())
    texts = engine.keep(free.filter(free.text_match.notnull()).select("text_match").distinct())
    mates = rows.select("text_match").semi_join(texts, "text_match").select("row")
    files = said.select(sha256="file_sha256").distinct()
    found = rows_of_files(engine, rows, sounds, files)
    return engine.keep(found.union(mates, distinct=True))


def rows_of_files(engine: TableEngine, rows: Rows, sounds: Sounds, files: Any) -> Any:
    """Kept: `row` of the rows that have one of `files` (sha256), or one that sounds the same."""
    files = engine.keep(files)
    near = sounds.pairs.semi_join(files, "sha256").select(sha256="other")
    reached = engine.keep(files.union(near, distinct=True))
    held = rows.select("file_sha256")
    return engine.keep(held.semi_join(reached, held.file_sha256 == reached.sha256).select("row"))
