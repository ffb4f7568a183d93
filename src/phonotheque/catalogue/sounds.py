"""The level of sounds: units whose files the vault heard to be the same become one recording."""

from collections.abc import Collection, Sequence
from typing import Any

import ibis

from phonotheque.catalogue.identity import first_in
from phonotheque.catalogue.inputs import ImportFiles, union
from phonotheque.catalogue.ports import TableEngine
from phonotheque.model import tables
from phonotheque.model.sounds import SoundVerdict
from phonotheque.storage.tables import check_schema


def same_pairs(
    engine: TableEngine, imports: Sequence[ImportFiles], known: Collection[str] | None = None
) -> Any:
    """Kept: `sha256`, `other` of the files that are the same sound by the newest word on each pair;
    None where nothing was heard.

    With `known`: all pairs, whatever was said, that imports with other labels name.

    Raises:
        FormatError: a file that this program does not read.
    """
    wanted = [i for i in imports if known is None or i.label not in known]
    if not wanted:
        return None
    parts = []
    for number, each in enumerate(sorted(wanted, key=lambda i: (i.source, i.ordinal))):
        for path in each.paths:
            check_schema(path, tables.SOUNDS)
        table = engine.read(each.paths, tables.SOUNDS)
        parts.append(table.mutate(number=ibis.literal(number, "int64")))
    every = union(engine, parts, tables.SOUNDS)
    if known is not None:
        return engine.keep(every.select("sha256", "other").distinct())
    order = [ibis.desc(name) for name in ("number", "score", "verdict", "overlap_ms", "offset_ms")]
    newest = first_in(every, ["sha256", "other"], order)
    return engine.keep(
        newest.filter(newest.verdict == SoundVerdict.SAME.value).select("sha256", "other")
    )
