"""The whole build as one chain of relations, from rows to the tables of the catalogue."""

from dataclasses import dataclass
from typing import Any

import ibis
import pyarrow as pa

from phonotheque.catalogue import contents, evidence, identity, registry
from phonotheque.catalogue.ports import DecideSummary, TableEngine
from phonotheque.catalogue.previous import TABLES, Previous
from phonotheque.model.numbers import Kind
from phonotheque.model.text import normalise

_NAMES = pa.schema([pa.field("release_artist", pa.string()), pa.field("artist", pa.string())])
_NUMBERS = pa.schema([pa.field("number", pa.int64(), nullable=False)])


@dataclass(frozen=True, slots=True)
class Relations:
    """Kept tables of one build. `row_numbers`: row_key → recording number."""

    content: dict[Kind, Any]
    redirects: dict[Kind, Any]
    codes: Any
    row_numbers: Any
    recording_files: Any


def narrow_rows(engine: TableEngine, rows: Any) -> tuple[Any, Any]:
    """Rows with their keys and claims but without the evidence itself; and the codes. Both kept."""
    codes = engine.keep(identity.codes_in_use(rows))
    known = identity.identified(rows, codes)
    known = known.mutate(claims=evidence.claims(known.evidence)).drop(
        "evidence", "isrcs_raw", "title_norm", "origin", "origin_row"
    )
    return engine.keep(_with_release_ids(engine, known)), codes


def _with_release_ids(engine: TableEngine, rows: Any) -> Any:
    names = _release_artists(engine, rows)
    rows = rows.left_join(names, "release_artist").drop("release_artist_right")
    rows = rows.mutate(release_by=ibis.coalesce(rows.artist, rows.artist_norm)).drop("artist")
    year = rows.release_year.cast("string").fill_null("")
    by_name = ibis.literal("name:") + rows.release_by + "|" + rows.release_norm + "|" + year
    return rows.mutate(
        release_id=ibis.cases(
            (rows.release_mbid.notnull(), ibis.literal("mbid:") + rows.release_mbid),
            (
                rows.release_key.notnull(),
                ibis.literal("source:") + rows.source + ":" + rows.release_key,
            ),
            (rows.release_norm != "", by_name),
            else_=None,
        )
    )


def _release_artists(engine: TableEngine, rows: Any) -> Any:
    """The normalised form of each release artist (the one text that rows bring as written only)."""
    asked = rows.filter(rows.release_artist.notnull()).select("release_artist").distinct()

    def normalised() -> Any:
        for batch in engine.stream(asked, ["release_artist"]):
            names = batch.column(0).to_pylist()
            yield pa.RecordBatch.from_pydict(
                {"release_artist": names, "artist": [normalise(n) for n in names]}, schema=_NAMES
            )

    return engine.keep_batches(_NAMES, normalised())


def relate(
    engine: TableEngine,
    previous: Previous,
    rows: Any,
    withdrawn: list[int],
    decide: DecideSummary,
) -> Relations:
    """Everything a build writes but listens; nothing of it is written yet."""
    narrow, codes = narrow_rows(engine, rows)
    numbering = _number(engine, previous, narrow)
    numbers = {kind: n.numbers for kind, n in numbering.items()}
    content = {
        Kind.RECORDING: _recordings(
            engine, previous, narrow, numbering=numbering, withdrawn=withdrawn, decide=decide
        )
    }
    content[Kind.TRACK] = engine.keep(
        contents.tracks(narrow, numbers[Kind.TRACK], content[Kind.RECORDING], numbers[Kind.RELEASE])
    )
    content[Kind.RELEASE] = engine.keep(contents.releases(narrow, numbers[Kind.RELEASE]))
    content[Kind.ARTIST] = engine.keep(contents.artists(narrow, numbers[Kind.ARTIST]))
    return Relations(
        content=content,
        redirects={k: registry.redirects(engine, previous, k, numbering[k]) for k in Kind},
        codes=codes,
        row_numbers=narrow.inner_join(numbers[Kind.RECORDING], "key").select("row_key", "number"),
        recording_files=engine.keep(
            contents.recording_files(rows, narrow, numbers[Kind.RECORDING])
        ),
    )


def _number(engine: TableEngine, previous: Previous, rows: Any) -> dict[Kind, registry.Numbering]:
    order = contents.RECORDING_ORDER
    wanted = engine.keep(contents.recording_order(rows))
    shared = rows.filter(rows.grouped)
    members = shared.select(key="key", member="row_key")
    track_order = [*order[:-1], "key"]
    tracks = rows.select(*[c for c in order if c != "key"], key="row_key")
    artists = rows.select(key=ibis.literal("name:") + rows.artist_norm).distinct()
    return {
        Kind.RECORDING: registry.assign_claimed(
            engine, previous, Kind.RECORDING, wanted, members=members, order_by=order
        ),
        Kind.TRACK: registry.assign(engine, previous, Kind.TRACK, tracks, track_order),
        Kind.RELEASE: registry.assign(
            engine, previous, Kind.RELEASE, contents.release_order(rows),
            ["artist_norm", "release_year", "release_norm", "key"],
        ),
        Kind.ARTIST: registry.assign(engine, previous, Kind.ARTIST, artists, ["key"]),
    }  # fmt: skip


def _recordings(
    engine: TableEngine,
    previous: Previous,
    rows: Any,
    *,
    numbering: dict[Kind, registry.Numbering],
    withdrawn: list[int],
    decide: DecideSummary,
) -> Any:
    described = contents.described_recordings(rows)
    described = engine.keep(described.mutate(signature=evidence.signature(described.claims)))
    summaries = evidence.summaries(engine, described, decide)
    artists = numbering[Kind.ARTIST].numbers
    artists = artists.select("number", artist_norm=artists.key.substr(len("name:")))
    mine = numbering[Kind.RECORDING]
    gone = _withdrawn_keys(engine, previous, mine, withdrawn)
    return engine.keep(contents.recordings(described, mine.numbers, artists, summaries, gone))


def _withdrawn_keys(
    engine: TableEngine, previous: Previous, numbering: registry.Numbering, withdrawn: list[int]
) -> Any:
    """Keys of recordings that are withdrawn, or that took members from one that was.

    A code that turns up, or a conflict, must not bring withdrawn music back under a new number.
    """
    told = engine.keep_batches(
        _NUMBERS, [pa.RecordBatch.from_pydict({"number": withdrawn}, schema=_NUMBERS)]
    )
    moved = previous.redirects(Kind.RECORDING)
    moved = told.inner_join(moved, told.number == moved.old).select(number="new")
    every = ibis.union(told, moved, previous.withdrawn(), distinct=False)
    had = numbering.claims.union(numbering.numbers, distinct=False)
    return engine.keep(had.semi_join(every, "number").select("key").distinct())


def table_of(kind: Kind) -> str:
    """Name of the table that holds a kind."""
    return TABLES[kind]
