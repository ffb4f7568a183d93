"""A build after another: what the scope makes anew gets its old numbers, or new ones after them.

The same relations as in the first build, over the rows of the scope; then numbers by what rows and
codes had before, redirects for what merged or went, and overlays instead of whole shards.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import ibis

from phonotheque.catalogue import contents, evidence, registry
from phonotheque.catalogue.claimed import Reconsider, with_claims
from phonotheque.catalogue.described import (
    ORDER,
    Described,
    describe_units,
    heads_of,
)
from phonotheque.catalogue.entities import find_artists, find_releases, release_keys
from phonotheque.catalogue.extras import Extras
from phonotheque.catalogue.inputs import Rows, closed, table_of_numbers, united
from phonotheque.catalogue.ports import DecideSummary, TableEngine
from phonotheque.catalogue.previous import TABLES, Previous, source_key
from phonotheque.catalogue.scope import Scope
from phonotheque.catalogue.shards import ShardWriter
from phonotheque.catalogue.units import Units
from phonotheque.model import tables
from phonotheque.model.edition import RecordingFlag, ShardFile
from phonotheque.model.numbers import Kind
from phonotheque.model.progress import Progress

_LIVE = 1 << 20
"""A row claims the number it has before all that codes and rows of the past claim."""

_RELEASE_ORDER = [c for c in contents.RELEASE_ORDER if c != "release_match"]
_SCHEMAS = {
    Kind.RECORDING: tables.RECORDINGS,
    Kind.TRACK: tables.TRACKS,
    Kind.RELEASE: tables.RELEASES,
    Kind.ARTIST: tables.ARTISTS,
}


@dataclass(frozen=True, slots=True)
class Anew:
    """One kind made anew, kept: `rows` (the table with numbers), `before` (number: live before),
    `lost` (key, number: its keys before), `living` (key: its keys now), `numbering`."""

    rows: Any
    before: Any
    lost: Any
    living: Any
    numbering: registry.Numbering


class LaterBuild:
    """Writes all tables of a build with a past. Memory: one part, and what the engine spills."""

    def __init__(
        self,
        engine: TableEngine,
        scope: Scope,
        previous: Previous,
        writer: ShardWriter,
        progress: Progress,
    ) -> None:
        self._engine = engine
        self._scope = scope
        self._previous = previous
        self._writer = writer
        self._progress = progress
        self.shards: list[ShardFile] = []
        self.counts: dict[str, int] = {}
        self.redirects: dict[Kind, Any] = {}

    def write(
        self, units: Units, extras: Extras, decide: DecideSummary, withdrawn: list[int]
    ) -> None:
        """Write artists, releases, recordings, tracks, redirects and the registry's rest."""
        self._progress.start("artists and releases", None, "rows")
        artists, releases = self._artists(extras), self._releases()
        self._progress.start("recordings", None, "rows")
        described = describe_units(self._engine, self._scope.target, units, extras.groups)
        heads = self._heads(units, described, extras, artists, decide)
        was = self._were()
        reconsider = partial(with_claims, self._engine, extras.claims, decide)
        recordings = self._recordings(heads, units, was, withdrawn, reconsider)
        self._progress.start("tracks", None, "rows")
        tracks = self._tracks(heads, units, was, recordings, releases)
        self._progress.start("write", None, "tables")
        for kind, anew in (
            (Kind.RECORDING, recordings),
            (Kind.TRACK, tracks),
            (Kind.RELEASE, releases),
            (Kind.ARTIST, artists),
        ):
            self._write(kind, anew)
        self._write_redirects()

    # ------------------------------------------------------------------------ what there is

    def _artists(self, extras: Extras) -> Anew:
        assert self._scope.artist_rows is not None
        found = find_artists(self._engine, self._scope.artist_rows, extras.artists)
        before = self._previous.content(Kind.ARTIST)
        if self._scope.artists is not None:
            found = found.semi_join(self._scope.artists, "key")
            before = before.semi_join(self._scope.artists, "key")
        wanted = found.select(id="key")
        numbering = registry.assign(
            self._engine,
            self._previous,
            Kind.ARTIST,
            wanted=wanted,
            known=self._known(Kind.ARTIST, before, wanted),
            order=["id"],
        )
        rows = found.inner_join(numbering.numbers, found.key == numbering.numbers.id)
        return self._anew(Kind.ARTIST, rows, before, numbering)

    def _releases(self) -> Anew:
        assert self._scope.release_rows is not None
        placed, _ = find_releases(self._engine, self._scope.release_rows)
        found, before = united(placed), self._previous.content(Kind.RELEASE)
        if self._scope.releases is not None:
            keys = self._scope.releases
            found = found.semi_join(keys, "release_match")
            named = self._scope.release_keys
            before = before.semi_join(named, "key")
        wanted = found.select(*_RELEASE_ORDER, id="key")
        numbering = registry.assign(
            self._engine,
            self._previous,
            Kind.RELEASE,
            wanted=wanted,
            known=self._known(Kind.RELEASE, before, wanted),
            order=[*_RELEASE_ORDER[:-1], "id"],
        )
        rows = found.inner_join(numbering.numbers, found.key == numbering.numbers.id)
        return self._anew(Kind.RELEASE, rows, before, numbering)

    def _known(self, kind: Kind, before: Any, wanted: Any) -> Any:
        """id → number of those that the registry knows by key."""
        every = before.select("key", "number").union(
            self._previous.retired(kind).select("key", "number"), distinct=False
        )
        met = every.inner_join(wanted.select(key="id"), "key")
        return met.group_by(id=met.key).agg(number=met.number.min())

    def _anew(self, kind: Kind, rows: Any, before: Any, numbering: registry.Numbering) -> Anew:
        kept = self._engine.keep(rows.select(_SCHEMAS[kind].names))
        lost = self._engine.keep(before.select("key", "number"))
        return Anew(kept, lost.select("number"), lost, kept.select("key"), numbering)

    def _heads(
        self,
        units: Units,
        described: Described,
        extras: Extras,
        artists: Anew,
        decide: DecideSummary,
    ) -> Any:
        rows = self._scope.target
        parts = range(rows.parts)
        heads = [heads_of(rows, units, described, extras.groups, part) for part in parts]
        summaries = evidence.summaries(
            self._engine, [contents.signatures(h) for h in heads], decide
        )
        named = artists.rows.select("key", "number")
        if self._scope.artists is not None:
            others = self._previous.content(Kind.ARTIST).select("key", "number")
            others = others.anti_join(artists.lost, "key").anti_join(named, "key")
            named = self._engine.keep(others.union(named, distinct=False))
        made = []
        for part in parts:
            credited = contents.credited_numbers(self._engine, rows, part, named)
            table = contents.recordings(heads[part], named, credited, summaries)
            made.append(self._engine.keep(table))
        return united(made)

    def _were(self) -> Any:
        """Kept: row, track, recording (numbers before) of rows that the registry knows; lives:
        whether they were there in the build before."""
        rows = self._scope.target.select("source", "source_key")
        mine = rows.select("row", key=source_key(rows))
        tracks = self._tracks_before()
        every = tracks.select(key=source_key(tracks), track="number", recording="recording")
        met = mine.inner_join(every, "key").select("row", "track", "recording")
        met = met.mutate(lives=ibis.literal(True))
        retired = self._previous.retired(Kind.TRACK).select("key", track="number")
        of = self._previous.retired(Kind.RECORDING).select("key", recording="number")
        gone = mine.inner_join(retired, "key").left_join(of, "key", rname="{name}_r")
        return self._engine.keep(
            met.union(
                gone.select("row", "track", "recording", lives=ibis.literal(False)), distinct=False
            )
        )

    def _tracks_before(self) -> Any:
        tracks = self._previous.content(Kind.TRACK)
        if self._scope.recordings is None:
            return tracks
        scope = self._scope.recordings.select(recording="number")
        return tracks.semi_join(scope, "recording")

    def _recordings_before(self) -> Any:
        recordings = self._previous.content(Kind.RECORDING)
        if self._scope.recordings is None:
            return recordings
        return recordings.semi_join(self._scope.recordings, "number")

    # ---------------------------------------------------------------------------- recordings

    def _recordings(
        self, heads: Any, units: Units, was: Any, withdrawn: list[int], reconsider: Reconsider
    ) -> Anew:
        before = self._recordings_before()
        tracks = self._tracks_before()
        of = row_units(self._scope.target, units)
        by_rows = of.inner_join(was, "row").filter(lambda t: t.recording.notnull())
        codes = before.select("number", code=before.isrcs.unnest())
        retired = self._previous.retired(Kind.RECORDING)
        prefixed = retired.filter(retired.key.startswith("isrc:"))
        codes = codes.union(prefixed.select("number", code=prefixed.key.substr(5)), distinct=False)
        mine = heads.select(id="unit", code=heads.isrcs.unnest())
        lives = ibis.ifelse(by_rows.lives, ibis.literal(_LIVE), 1)
        claims = ibis.union(
            by_rows.select(id="unit", number="recording", weight=lives.cast("int64")),
            mine.inner_join(codes, "code").select("id", "number", weight=ibis.literal(1, "int64")),
            distinct=False,
        )
        claims = self._in_scope(claims)
        claims = claims.group_by("id", "number").agg(members=claims.weight.sum())
        wanted = heads.select(*ORDER, id="unit")
        numbering = registry.assign_claimed(
            self._engine, self._previous, Kind.RECORDING, wanted=wanted, claims=claims, order=ORDER
        )
        made = heads.inner_join(numbering.numbers, heads.unit == numbering.numbers.id)
        numbers = self._engine.keep(before.select("number"))
        prior = self._engine, self._previous, Kind.RECORDING, numbering, numbers
        made = reconsider(made, lambda: registry.redirects(*prior))
        kept = self._engine.keep(self._denied(made, numbering, withdrawn))
        lost = self._engine.keep(
            ibis.union(
                tracks.select(key=source_key(tracks), number="recording"),
                before.select(key=_code_keys(before.isrcs).unnest(), number="number"),
                distinct=False,
            )
        )
        rows = self._scope.target.select("source", "source_key")
        living = ibis.union(
            rows.select(key=source_key(rows)),
            kept.select(key=_code_keys(kept.isrcs).unnest()),
            self._codes_elsewhere(before),
            distinct=False,
        )
        return Anew(kept, numbers, lost, living, numbering)

    def _codes_elsewhere(self, before: Any) -> Any:
        """Kept: `key` of the codes of `before` that recordings outside the scope carry too."""
        if self._scope.recordings is None:
            return self._engine.read([], tables.REGISTRY).select("key")
        every = self._previous.content(Kind.RECORDING)
        codes = before.select(code=before.isrcs.unnest()).distinct()
        each = every.select("number", code=every.isrcs.unnest())
        # kept between the joins: Ibis refuses the second where both stand on `before`
        met = self._engine.keep(each.semi_join(codes, "code"))
        met = met.anti_join(before.select("number"), "number")
        return self._engine.keep(met.select(key=ibis.literal("isrc:") + met.code).distinct())

    def _in_scope(self, claims: Any) -> Any:
        """Claims to numbers that no recording outside the scope has."""
        if self._scope.recordings is None:
            return claims
        free = self._previous.redirects(Kind.RECORDING).select(number="old")
        ours = self._scope.recordings.select("number").union(free, distinct=False)
        return claims.semi_join(ours, "number")

    def _denied(self, made: Any, numbering: registry.Numbering, withdrawn: list[int]) -> Any:
        """The recordings, those denied that are withdrawn or took members from one that was.

        A code that turns up, or a conflict, must not bring withdrawn music back under a new number.
        """
        told = table_of_numbers(self._engine, withdrawn)
        moved = self._previous.redirects(Kind.RECORDING)
        moved = told.inner_join(moved, told.number == moved.old).select(number="new")
        flagged = self._previous.withdrawn(withdrawn)
        every = ibis.union(told, moved, flagged, distinct=False)
        had = numbering.claims.union(numbering.numbers, distinct=False)
        gone = self._engine.keep(had.semi_join(every, "number").select("id").distinct())
        marked = gone.select(id="id", gone=ibis.literal(True))
        table = made.left_join(marked, "id", rname="{name}_g")
        denied = table.gone.notnull()
        return table.mutate(
            stream=ibis.ifelse(denied, "DENY", table.stream),
            distribute=ibis.ifelse(denied, "DENY", table.distribute),
            flags=(table.flags + denied.cast("int32") * int(RecordingFlag.WITHDRAWN)).cast("int32"),
        ).drop("gone")

    # -------------------------------------------------------------------------------- tracks

    def _tracks(self, heads: Any, units: Units, was: Any, recordings: Anew, releases: Anew) -> Anew:
        rows = self._scope.target
        whole = recordings.rows.select(
            "unit", "number", "alone", whole="wording", whole_ms="duration_ms"
        )
        said = rows.select("wording", "duration_ms")
        told = row_units(rows, units).inner_join(said, "row").inner_join(whole, "unit")
        told = told.select(
            "row",
            level=ibis.ifelse(told.alone, ibis.null("int8"), told.level),
            recording="number",
            same_words=told.wording == told.whole,
            same_ms=told.duration_ms.identical_to(told.whole_ms),
        )  # fmt: skip
        table = contents.tracks(
            rows.select(*contents.TRACK_COLUMNS), told, self._release_numbers(releases)
        )
        kept = self._engine.keep(table)
        numbering = registry.assign(
            self._engine,
            self._previous,
            Kind.TRACK,
            wanted=kept.select(*ORDER, id="row"),
            known=was.select(id="row", number="track"),
            order=ORDER,
        )
        made = kept.inner_join(numbering.numbers, kept.row == numbering.numbers.id)
        tracks = self._engine.keep(made.select(tables.TRACKS.names))
        before = self._tracks_before()
        lost = self._engine.keep(before.select(key=source_key(before), number="number"))
        living = kept.select(key=source_key(kept))
        return Anew(tracks, lost.select("number"), lost, living, numbering)

    def _release_numbers(self, releases: Anew) -> Any:
        """release_match, release of the target's rows."""
        pairs = self._engine.keep(release_keys(self._scope.target).distinct())
        known = releases.rows.select("key", "number")
        if self._scope.releases is not None:
            others = self._previous.content(Kind.RELEASE).select("key", "number")
            others = others.anti_join(releases.lost, "key").anti_join(known, "key")
            known = others.union(known, distinct=False)
        met = pairs.inner_join(known, "key")
        return met.group_by("release_match").agg(release=met.number.min())

    # ------------------------------------------------------------------------------- writing

    def _write(self, kind: Kind, anew: Anew) -> None:
        table, schema = TABLES[kind], _SCHEMAS[kind]
        moved = registry.redirects(self._engine, self._previous, kind, anew.numbering, anew.before)
        self.redirects[kind] = moved
        before = None if self._scope.everything else anew.before
        rows = anew.rows.select(schema.names)
        self.shards += self._writer.write_layered(
            table, schema, rows, before, moved.select(number="old")
        )
        self.counts[table] = self._count(rows)
        if before is not None:
            assert self._previous.manifest is not None
            was = int(getattr(self._previous.manifest, table))
            self.counts[table] += was - self._count(before)
        left = registry.retired(
            self._engine,
            self._previous,
            kind,
            lost=anew.lost,
            living=anew.living,
            redirected=moved,
        )
        name = f"registry-{table}"
        self.shards += self._writer.write_plain(name, tables.REGISTRY, left, order_by=["key"])

    def _write_redirects(self) -> None:
        every = [
            table.select(kind=ibis.literal(kind.value), old="old", new="new")
            for kind, table in self.redirects.items()
        ]
        self.shards += self._writer.write_single(
            "redirects", tables.REDIRECTS, ibis.union(*every, distinct=False), ["kind", "old"]
        )

    def _count(self, table: Any) -> int:
        ((rows,),) = self._engine.rows(table.agg(rows=table.count()))
        return int(rows)


def row_units(rows: Rows, units: Units) -> Any:
    """row, unit, level of all rows; a row that is alone is its own unit."""
    members = united(units.members)
    table = rows.select().left_join(members.select("row", "unit", "level"), "row")
    return closed(table.select("row", "level", unit=ibis.coalesce(table.unit, table.row)))


def _code_keys(isrcs: Any) -> Any:
    """Each code as a key. (Made before unnesting: Spark has nothing round a generator.)"""
    return isrcs.map(lambda code: ibis.literal("isrc:") + code)
