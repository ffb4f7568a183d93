"""Rows, listens and builds for tests of the catalogue and of what stands on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.catalogue import (
    BuildInputs,
    ImportFiles,
    Summary,
    build_catalogue,
    open_build,
    work_directory,
)
from phonotheque.engine import LocalEngine
from phonotheque.model import tables
from phonotheque.model.edition import BuildManifest
from phonotheque.model.matching import digest64, match_columns
from phonotheque.model.progress import Silent
from phonotheque.model.rights import Evidence
from phonotheque.model.sounds import SOUNDS, SoundMatch, SoundVerdict
from phonotheque.model.text import normalise
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table

Row = dict[str, Any]


def row(key: str, title: str = "Song", artist: str = "Band", **more: Any) -> Row:
    """One row of `tables.ROWS`; what is not said is null."""
    base: Row = dict.fromkeys(tables.ROWS.names)
    release = more.get("release_title")
    return base | {
        "source_key": key, "title": title, "artist_credit": artist, "isrcs": [], "isrcs_raw": [],
        "release_norm": normalise(release) if release else "", "evidence": [],
        "origin": "rows.csv", "origin_row": 1,
    } | more  # fmt: skip


def computed(source: str, rows: list[Row]) -> list[Row]:
    """`rows` in the order of an import, with the columns that reading a row computes."""
    match = match_columns([r["title"] for r in rows], [r["artist_credit"] for r in rows])
    out = []
    for i, each in enumerate(rows):
        made = each | {
            "artist_norm": match.artist_norm[i],
            "title_match": int(match.title_match[i]),
            "text_match": int(match.text_match[i]) if match.text_usable[i] else None,
            "wording": int(match.wording[i]),
            "bucket": int(match.bucket[i]),
        }
        key = _release_key(source, made)
        out.append(made | {"release_match": digest64(key) if key else None})
    out.sort(key=lambda r: r["bucket"])
    return [r | {"place": place} for place, r in enumerate(out)]


def _release_key(source: str, r: Row) -> str | None:
    if r["release_mbid"]:
        return f"mbid:{r['release_mbid']}"
    if r["release_key"]:
        return f"source:{source}:{r['release_key']}"
    if not r["release_norm"]:
        return None
    by = normalise(r["release_artist"]) if r["release_artist"] else r["artist_norm"]
    return f"name:{by}|{r['release_norm']}|{r['release_year'] or ''}"


def fake_summary(evidence: tuple[Evidence, ...]) -> Summary:
    """A licence that all evidence agrees on allows; anything else denies."""
    licences = {e.value for e in evidence if e.claim == "licence"}
    if len(licences) != 1:
        return Summary(None, "DENY", "DENY")
    return Summary(licences.pop(), "ALLOW_IF", "ALLOW_IF")


@dataclass
class Archive:
    """An archive under test: import rows and listens, build, look at what came out."""

    root: Path
    rows_per_shard: int = 4_194_304
    cuts: Sequence[float] = (50.0, 80.0, 100.0)
    withdrawn: Sequence[int] = ()
    rows: list[ImportFiles] = field(default_factory=list)
    listens: list[ImportFiles] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def tree(self) -> Tree:
        return Tree(self.root)

    def add_rows(
        self, source: str, rows: Iterable[Row], *, files: int = 1, gone: Iterable[str] = ()
    ) -> None:
        """A new import of `source`, its rows dealt out over `files` files; keys that went."""
        listed = computed(source, list(rows))
        parts = [listed[i::files] for i in range(files)]
        made = self._import("rows", source, tables.ROWS, parts, self.rows)
        lost = [{"source_key": key} for key in gone]
        if lost:
            path = made.paths[0].with_name("gone-00000.parquet")
            write_table(path, tables.GONE, [pa.Table.from_pylist(lost, schema=tables.GONE)])
            made = replace(made, gone=(path,))
        self.rows.append(made)

    def add_listens(self, source: str, listens: Iterable[tuple[str, str, int]]) -> None:
        """A new import of listens: (key kind, key, listens)."""
        rows = [
            {"key_kind": kind, "key": key, "listens": n, "listeners": None}
            for kind, key, n in listens
        ]
        self.listens.append(self._import("listens", source, tables.LISTENS, [rows], self.listens))

    def add_redirects(self, source: str, moved: Iterable[tuple[str, str, str]]) -> None:
        """A new import of MusicBrainz ids that were merged away: (entity, old, new)."""
        rows = [
            {"entity": entity, "old": old, "new": new, "origin": "redirects.tsv", "origin_row": i}
            for i, (entity, old, new) in enumerate(moved, 1)
        ]
        imports = self.more.setdefault("redirects", [])
        imports.append(self._import("redirects", source, tables.MBID_REDIRECTS, [rows], imports))

    def add_sounds(self, said: Iterable[tuple[str, str, str]]) -> None:
        """A new import of sounds: (SHA-256, SHA-256, verdict)."""
        rows = [
            msgspec.to_builtins(
                SoundMatch(
                    sha256=one, other=other, verdict=SoundVerdict(verdict), score=0.9,
                    overlap_ms=90_000, offset_ms=0, found_by="test 1",
                ).in_order()
            )
            for one, other, verdict in said
        ]  # fmt: skip
        imports = self.more.setdefault("sounds", [])
        imports.append(self._import("sounds", "same-sound", SOUNDS, [rows], imports))

    def _import(
        self, kind: str, source: str, schema: pa.Schema, parts: list[list[Row]],
        earlier: list[ImportFiles],
    ) -> ImportFiles:  # fmt: skip
        ordinal = 1 + sum(i.source == source for i in earlier)
        folder = self.root / "sources" / source / f"{ordinal:04d}"
        paths = []
        for i, rows in enumerate(parts):
            path = folder / f"{kind}-{i:05d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
            paths.append(path)
        return ImportFiles(source, f"{ordinal:04d}", ordinal, tuple(paths))

    def inputs(self) -> BuildInputs:
        return BuildInputs(
            rows=self.rows, listens=self.listens, cuts_percent=self.cuts,
            rows_per_shard=self.rows_per_shard, withdrawn=self.withdrawn,
            **self.more,
        )  # fmt: skip

    def build(self, *, threads: int = 1, memory: str = "500MB") -> BuildManifest:
        """Make the next build."""
        engine = LocalEngine(work_directory(self.tree), memory=memory, threads=threads)
        try:
            return build_catalogue(self.tree, self.inputs(), engine, fake_summary, Silent())
        finally:
            engine.close()

    def table(self, name: str, build: BuildManifest) -> list[Row]:
        """All rows of a view of the catalogue, in number order where it has numbers."""
        directory = self.tree.catalogue / "builds" / f"{build.build:04d}"
        reader = open_build(directory, build)
        try:
            found = reader.cursor().sql(f"SELECT * FROM {name} ORDER BY ALL").to_arrow_table()
        finally:
            reader.close()
        return found.to_pylist()

    def findings(self, build: BuildManifest) -> list[Row]:
        """The findings of a build, in its order."""
        folder = self.tree.catalogue / "builds" / f"{build.build:04d}"
        return pq.read_table(folder / "findings.parquet").to_pylist()

    def members(self, build: BuildManifest) -> dict[int, list[str]]:
        """Recording number → its rows as ``<source>:<source_key>``, sorted."""
        found: dict[int, list[str]] = {}
        for t in self.table("tracks", build):
            found.setdefault(t["recording"], []).append(f"{t['source']}:{t['source_key']}")
        return {number: sorted(keys) for number, keys in found.items()}

    def recordings(self, build: BuildManifest) -> dict[str, int]:
        """The first of the rows of each recording → its number."""
        return {keys[0]: number for number, keys in self.members(build).items()}


def numbers(rows: list[Row]) -> dict[str, int]:
    """key → number of a table's rows."""
    return {r["key"]: r["number"] for r in rows}
