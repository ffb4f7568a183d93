"""What an update touches: the rows whose recording may change, found from the keys they share.

```
changed rows ─► rows with their MBIDs ─► with the codes of those ─► with the texts of those
             ─► the recordings these rows were of, with all their rows
             ─► what sounds as these do, with its recordings, to the end          = target
target ─► rows that share a text, a code or an MBID with it, three times over     = context
```
Identity goes MBID → code → text (units.py), so a change can travel no further than that way, and
inside the context every group that decides over the target is whole. The target's recordings are
made anew from the context; everything else stays as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import ibis

from phonotheque.catalogue.entities import release_key
from phonotheque.catalogue.inputs import Rows, table_of_numbers, united
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.previous import Previous
from phonotheque.catalogue.sounds import Sounds, rows_heard, rows_of_files
from phonotheque.model.numbers import Kind

_KEYS = ("isrcs", "recording_mbid", "text_match")
_HOPS = 3
_HOPS_WITHOUT_IDS = 2
"""Without ids there are no links; the second is for the findings of codes."""

_SOUND_ROUNDS = 8
"""So many steps from recording to recording that sound the same are taken; then all are anew."""

_ALMOST_ALL = 3
"""When more than one row in so many would be made anew, all are: it is cheaper."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Rows to be made anew. `everything`: all of them; the tables are then None.

    `recordings`: `number` of recordings before that are made anew; `codes`: `code`, ISRCs and
    MusicBrainz ids that target rows carry or carried; `artists`, `releases`: `key` and
    `release_match` that changed rows name (None: all); `files`: `sha256` that target rows have or
    had (None: nothing is known of sounds).
    """

    everything: bool
    target: Rows
    context: Rows
    recordings: Any = None
    codes: Any = None
    artists: Any = None
    releases: Any = None
    release_keys: Any = None
    artist_rows: Rows | None = None
    release_rows: Rows | None = None
    files: Any = None


def whole(rows: Rows) -> Scope:
    """Everything anew."""
    return Scope(True, rows, rows, artist_rows=rows, release_rows=rows)


def find_scope(
    engine: TableEngine,
    rows: Rows,
    previous: Previous,
    marked: list[int],
    sounds: Sounds | None = None,
) -> Scope:
    """What the imports that `previous` did not know touch. `marked` are numbers of recordings to
    be made anew in any case."""
    assert previous.manifest is not None
    known = set(previous.manifest.inputs)
    columns = (
        *_KEYS, "source", "source_key", "artist_norm", "artists", "release_match", "release_mbid",
        "release_key", "file_sha256",
    )  # fmt: skip
    added = engine.keep(rows.added(known, *columns))
    replaced = engine.keep(rows.replaced(known, *columns))
    grown = partial(_grown, engine, rows, previous, replaced=replaced, marked=marked)
    recordings, target = grown(engine.keep(_touched(engine, rows, added, replaced)))
    if rows.has("recording_mbid") and rows.has("isrcs"):
        # a unit may leave one link for another, that a text nobody touched proposes
        texts = engine.keep(_texts(rows.select("text_match").semi_join(target, "row")))
        recordings, target = grown(_joined(engine, target, *_sharing(rows, texts=texts)))
    files = None
    if sounds is not None and rows.has("file_sha256"):
        heard = _with_sounds(engine, rows, sounds, target, replaced, grown=grown)
        if heard is None:
            return whole(rows)
        recordings, target, files = heard
    ((count,),) = engine.rows(target.agg(rows=target.count()))
    if count * _ALMOST_ALL > rows.total:
        return whole(rows)
    context = _context(engine, rows, target)
    ((size,),) = engine.rows(context.agg(rows=context.count()))
    parts = rows.parts_for(int(size))
    target_rows = rows.narrowed(target, parts)
    changed = added.union(replaced, distinct=False)
    artists, artist_rows = _artists(engine, rows, changed, parts)
    releases = engine.keep(
        changed.filter(changed.release_match.notnull()).select("release_match").distinct()
    )
    of_releases = rows.select("release_match").semi_join(releases, "release_match").select("row")
    named = [target_rows.select("isrcs", "recording_mbid"), replaced]
    return Scope(
        False,
        target_rows,
        rows.narrowed(context, parts),
        recordings=recordings,
        codes=engine.keep(_codes_and_ids(named)),
        artists=artists,
        releases=releases,
        release_keys=engine.keep(_release_keys(changed)),
        artist_rows=artist_rows,
        release_rows=rows.narrowed(engine.keep(of_releases), parts),
        files=files,
    )


def _grown(
    engine: TableEngine,
    rows: Rows,
    previous: Previous,
    touched: Any,
    *,
    replaced: Any,
    marked: list[int],
) -> tuple[Any, Any]:
    """The recordings that touched rows were of, and these rows with all rows of those. Kept."""
    recordings = _recordings_of(
        engine, rows, previous, touched=touched, replaced=replaced, marked=marked
    )
    return recordings, engine.keep(_with_their_rows(rows, previous, touched, recordings))


def _with_sounds(
    engine: TableEngine,
    rows: Rows,
    sounds: Sounds,
    target: Any,
    replaced: Any,
    *,
    grown: Callable[[Any], tuple[Any, Any]],
) -> tuple[Any, Any, Any] | None:
    """The target with all that sounds as it does, and does so again, to the end: the recordings
    these rows were of, the rows, and the files they have or had. None where there is no end in
    `_SOUND_ROUNDS`."""
    gone = replaced.filter(replaced.file_sha256.notnull()).select(sha256="file_sha256")
    gone = engine.keep(gone.distinct())
    near = rows_of_files(engine, rows, sounds, sounds.changed.union(gone, distinct=True))
    for _ in range(_SOUND_ROUNDS):
        recordings, target = grown(_joined(engine, target.select("row"), near))
        near = engine.keep(rows_heard(engine, rows, sounds, target).anti_join(target, "row"))
        ((some,),) = engine.rows(near.agg(some=near.count()))
        if not some:
            held = rows.select("file_sha256").semi_join(target, "row")
            held = held.filter(held.file_sha256.notnull()).select(sha256="file_sha256")
            return recordings, target, engine.keep(held.union(gone, distinct=True))
    return None


def _release_keys(changed: Any) -> Any:
    named = changed.filter(changed.release_match.notnull())
    return named.select(key=release_key(named)).distinct()


def _codes(table: Any) -> Any:
    return table.select(code=table.isrcs.unnest()).distinct()


def _codes_and_ids(tables: list[Any]) -> Any:
    ids = [_mbids(table).select(code="recording_mbid") for table in tables]
    return ibis.union(*[_codes(table) for table in tables], *ids, distinct=True)


def _mbids(table: Any) -> Any:
    return table.filter(table.recording_mbid.notnull()).select("recording_mbid").distinct()


def _texts(table: Any) -> Any:
    return table.filter(table.text_match.notnull()).select("text_match").distinct()


def _sharing(rows: Rows, *, codes: Any = None, mbids: Any = None, texts: Any = None) -> list[Any]:
    """Tables of `row`: the rows that carry one of the given keys."""
    found = []
    if mbids is not None and rows.has("recording_mbid"):
        found.append(rows.select("recording_mbid").semi_join(mbids, "recording_mbid"))
    if codes is not None and rows.has("isrcs"):
        table = rows.select("isrcs")
        table = table.filter(table.isrcs.length() > 0)
        found.append(table.select("row", code=table.isrcs.unnest()).semi_join(codes, "code"))
    if texts is not None:
        found.append(rows.select("text_match").semi_join(texts, "text_match"))
    return [table.select("row") for table in found]


def _joined(engine: TableEngine, *ids: Any) -> Any:
    """Kept distinct rows of several tables of `row`."""
    every = united(ids)
    return engine.keep(every.distinct())


def _touched(engine: TableEngine, rows: Rows, added: Any, replaced: Any) -> Any:
    """Rows that share keys with changed ones, along the way that identity goes."""
    changed = added.union(replaced, distinct=False)
    here = _joined(engine, added.select("row"), *_sharing(rows, mbids=_mbids(changed)))
    said = rows.select(*_KEYS).semi_join(here, "row")
    codes = engine.keep(_codes(changed).union(_codes(said), distinct=True))
    here = _joined(engine, here, *_sharing(rows, codes=codes))
    said = rows.select(*_KEYS).semi_join(here, "row")
    several = said.filter(said.isrcs.length() > 1)  # they may go from one code to another
    more = engine.keep(_codes(several).anti_join(codes, "code"))
    here = _joined(engine, here, *_sharing(rows, codes=more))
    said = rows.select(*_KEYS).semi_join(here, "row")
    texts = engine.keep(_texts(changed).union(_texts(said), distinct=True))
    return _joined(engine, here, *_sharing(rows, texts=texts))


def _recordings_of(
    engine: TableEngine,
    rows: Rows,
    previous: Previous,
    *,
    touched: Any,
    replaced: Any,
    marked: list[int],
) -> Any:
    """Numbers of the recordings that touched and replaced rows were of."""
    keys = rows.select("source", "source_key").semi_join(touched, "row")
    keys = keys.select("source", "source_key").union(
        replaced.select("source", "source_key"), distinct=False
    )
    tracks = previous.content(Kind.TRACK)
    met = tracks.semi_join(keys, ["source", "source_key"])
    told = table_of_numbers(engine, marked)
    return engine.keep(met.select(number="recording").union(told, distinct=True))


def _with_their_rows(rows: Rows, previous: Previous, touched: Any, recordings: Any) -> Any:
    tracks = previous.content(Kind.TRACK)
    theirs = tracks.semi_join(recordings, tracks.recording == recordings.number)
    keys = theirs.select("source", "source_key")
    found = rows.select("source", "source_key").semi_join(keys, ["source", "source_key"])
    return touched.select("row").union(found.select("row"), distinct=True)


def _context(engine: TableEngine, rows: Rows, target: Any) -> Any:
    here = target
    hops = _HOPS if rows.has("recording_mbid") else _HOPS_WITHOUT_IDS
    for _ in range(hops):
        texts = engine.keep(_texts(rows.select("text_match").semi_join(here, "row")))
        here = _joined(engine, here, *_sharing(rows, texts=texts))
        said = engine.keep(rows.select(*_KEYS).semi_join(here, "row"))
        codes, mbids = engine.keep(_codes(said)), engine.keep(_mbids(said))
        here = _joined(engine, here, *_sharing(rows, codes=codes, mbids=mbids))
    return here


def _artists(engine: TableEngine, rows: Rows, changed: Any, parts: int) -> tuple[Any, Rows]:
    """Keys of the artists that changed rows name, and the rows that name one of them; where any
    credit names its artists apart, all artists (None): who is named where is not kept by key."""
    if rows.has("artists"):
        return None, rows
    norms = engine.keep(changed.select("artist_norm").distinct())
    keys = norms.select(key=ibis.literal("name:") + norms.artist_norm)
    theirs = rows.select("artist_norm").semi_join(norms, "artist_norm").select("row")
    return engine.keep(keys), rows.narrowed(engine.keep(theirs), parts)
