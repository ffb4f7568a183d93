"""Which rows meet, level by level, and which must not: many small worlds in one reading."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from phonotheque.catalogue.inputs import Rows
from phonotheque.catalogue.later import row_units
from phonotheque.catalogue.units import Units, find_units
from phonotheque.engine import LocalEngine
from tests.support.catalogues import Archive, Row, row


@dataclass
class World:
    """Rows that share nothing with those of other worlds, and the groups that they must form.

    `groups` are strings of the keys of rows that meet; a key in none of them stays alone.
    """

    name: str
    rows: list[Row]
    groups: str
    conflicts: int = 0
    refused: int = 0


def r(key: str, ms: int | None = None, code: Any = (), **facts: Any) -> Row:
    """`code` and `mbid` are small numbers, made into identifiers that no other world has."""
    return {"key": key, "duration_ms": ms, "code": code, **facts}


def on(key: str, release: str, ms: int | None = None, **facts: Any) -> Row:
    """A row on a release of that title; each on one of its own, by the year."""
    return r(key, ms, release_title=release, release_year=2000 + ord(key), **facts)


WORLDS = [
    # ------------------------------------------------------------------------------- by code
    World("one code, one title, near durations",
          [r("a", 200_000, 1), r("b", 203_000, 1, by="X")], "ab"),
    World("one code on two titles", [r("a", code=1), r("b", code=1, title="Two")], "", conflicts=1),
    World("the rows of a code in conflict that agree meet",
          [r("a", code=1), r("b", code=1, by="X"), r("c", code=1, title="Two"),
           r("d", code=1, title="Two", by="X")], "ab cd", conflicts=1),
    World("3 s on both sides of the best-attested",
          [r("a", 100_000, 1), r("b", 103_000, 1), r("c", 106_000, 1)], "abc"),
    World("3 s and a bit on one side",
          [r("a", 100_000, 1), r("b", 103_000, 1), r("c", 106_001, 1)], "ab", conflicts=1),
    World("2 % of what is long", [r("a", 500_000, 1), r("b", 510_000, 1, by="X")], "ab"),
    World("2 % and a bit", [r("a", 500_000, 1), r("b", 510_001, 1)], "", conflicts=1),
    World("durations are not chained",
          [r(k, 100_000 + 2_900 * i, 1) for i, k in enumerate("abcdef")], "abc def", conflicts=1),
    World("an unknown duration goes with the best-attested",
          [r("a", 100_000, 1), r("b", None, 1), r("c", 200_000, 1), r("d", 200_000, 1)], "bcd",
          conflicts=1),
    World("no duration is known", [r("a", code=1), r("b", code=1, by="X")], "ab"),
    World("durations as far apart as numbers are",
          [r("a", 1, 1), r("b", 2_147_483_647, 1), r("c", 0, 1), r("d", -5, 1),
           r("e", -2_147_483_648, 1)], "acd", conflicts=1),
    World("four durations are tried",
          [r(k, 100_000 * (1 + i // 2), 1) for i, k in enumerate("abcdefghij")],
          "ab cd ef gh", conflicts=1),
    World("a row of two codes goes by the one with more rows",
          [r("a", code=(1, 2)), r("b", code=1, by="B"), r("c", code=2, by="C"),
           r("d", code=2, by="D")], "acd"),
    World("a row of two codes does not bridge them",
          [r("a", code=(1, 2), by="A"), *(r(k, code=1, by=k) for k in "bc"),
           *(r(k, code=2, by=k) for k in "def")], "bc adef"),
    World("a row of two codes does not bridge them, the last of all",
          [*(r(k, code=1, by=k) for k in "bc"), *(r(k, code=2, by=k) for k in "def"),
           r("a", code=(1, 2), by="A")], "bc adef"),
    World("rows that all have both codes are one",
          [r("a", code=(1, 2), by="A"), r("b", code=(2, 1), by="B"),
           r("c", code=(1, 2), by="C")], "abc"),
    World("codes of nothing but rows with several stay apart",
          [r("a", code=(1, 2), by="A"), r("b", code=(1, 3), by="B"), r("c", code=(2, 4), by="C"),
           r("d", code=(2, 5), by="D"), r("e", code=(1, 6), by="E"), r("f", code=(2, 7), by="F"),
           r("g", code=(2, 8), by="G")], "be acdfg"),
    World("a code given twice is one code", [r("a", code=(1, 1)), r("b", code=1, by="X")], "ab"),
    World("a code on fifty titles",
          [r(f"{i}", code=1, title=f"Title {chr(97 + i % 26) * (1 + i // 26)}", by=f"{i}")
           for i in range(50)], "", conflicts=1),
    # --------------------------------------------------------------------------------- by id
    World("one id under other titles and artists",
          [r("a", 100_000, mbid=1), r("b", 101_000, mbid=1, title="Two", by="X")], "ab"),
    World("one id, two durations",
          [r("a", 100_000, mbid=1), r("b", 200_000, mbid=1), r("c", 200_000, mbid=1, by="Y")],
          "bc"),
    World("one id, one duration unknown",
          [r("a", 100_000, mbid=1), r("b", mbid=1, by="X")], "ab"),
    World("two ids under one code: the better attested has the rows without",
          [r("a", mbid=1, code=1), r("b", mbid=2, code=1, by="B"), r("c", mbid=2, code=1, by="C"),
           r("d", code=1, by="D")], "bcd", conflicts=1),
    World("an id brings the rows of two codes together",
          [r("a", mbid=1, code=1, by="A"), r("b", mbid=1, code=2, by="B"),
           r("c", code=1, by="C"), r("d", code=2, by="D")], "abcd"),
    World("a row of two codes goes where an id is",
          [r("a", code=(1, 2), by="A"), *(r(k, code=1, by=k) for k in "bcd"),
           r("e", code=2, mbid=1, by="E")], "bcd ae"),
    # ------------------------------------------------------------------------------- by text
    World("one text", [r("a", 100_000), r("b", 101_000)], "ab"),
    World("one text, another duration", [r("a", 100_000), r("b", 104_000)], ""),
    World("one text, no duration", [r("a"), r("b")], ""),
    World("one text, no duration, titles of releases",
          [on("a", "Red"), on("b", "Red"), on("c", "Blue"), on("d", "Blue"), on("e", "Grey"),
           r("f")], "ab cd"),
    World("an unknown duration goes with the only one under its release title",
          [on("a", "Red", 100_000), on("b", "Blue", 101_000), on("c", "Red"), on("d", "Grey"),
           r("e")], "abc"),
    World("an unknown duration goes with the only one, however wide",
          [on("a", "Red", 100_000), r("b", 103_000), r("c", 106_000), on("d", "Red")], "abcd"),
    World("an unknown duration between two stays alone",
          [on("a", "Red", 100_000), r("b", 101_000), on("c", "Red", 200_000), on("d", "Red")],
          "ab"),
    World("other words of version",
          [r("a", 100_000, title="Red Song"), r("b", 100_000, title="Red Song (live)"),
           r("c", 100_000, title="Red Song (remix)")], ""),
    World("the same text in another case",
          [r("a", 100_000, title="Réd Söng"), r("b", 100_000, title="red song")], "ab"),
    World("a text that says too little",
          [r("a", 100_000, title="???"), r("b", 100_000, title="???")], ""),
    World("a row without a code goes to the coded ones of its text",
          [r("a", 100_000, 1), r("b", 100_500), r("c", 100_500)], "abc"),
    World("a code at another duration does not take it",
          [r("a", 200_000, 1), r("b", 100_500), r("c", 100_500)], "bc"),
    World("two codes under one text are never joined",
          [r("a", 100_000, 1), r("b", 100_000, 2)], ""),
    World("two codes under one text: the better attested has the rows without",
          [r("a", 100_000, 1), r("b", 100_000, 2), r("c", 100_000, 2), r("d", 100_000)],
          "bcd", refused=1),
    World("two codes alike: the smaller has the rows without",
          [r("a", 100_000, 2), r("b", 100_000, 1), r("c", 100_000)], "bc", refused=1),
    # ------------------------------------------------------------------------------ by links
    World("an id without a code and a code without an id",
          [r("a", 100_000, mbid=1), r("b", 100_000, 1)], "ab"),
    World("all rows of the code come along",
          [r("a", 100_000, mbid=1), r("b", 100_000, 1), r("c", 100_000, 1, by="X")], "abc"),
    World("an id that has a code under another text takes no other code",
          [r("a", 100_000, mbid=1), r("b", 100_000, 1), r("c", 100_000, 2, by="X", mbid=1)],
          "ac"),
    World("two ids for one code",
          [r("a", 100_000, mbid=1), r("b", 100_000, 1), r("c", 100_000, mbid=2)], ""),
    World("one id for two codes",
          [r("a", 100_000, mbid=1), r("b", 100_000, 1), r("c", 100_000, 2)], ""),
    World("of two links the one with more rows",
          [r("a", 100_000, mbid=1), r("b", 100_000, 1), r("c", 100_000, 1, by="X"),
           r("d", 100_000, 1, by="X"), r("e", 100_000, mbid=2, by="X")], "bcde"),
]  # fmt: skip


def made(number: int, world: World) -> list[Row]:
    """The rows of a world as rows of an import."""
    out = []
    for each in world.rows:
        facts = dict(each)
        wanted = facts.pop("code")
        several = wanted if isinstance(wanted, tuple) else (wanted,)
        mbid = facts.pop("mbid", None)
        digits = number * 16 + (mbid or 0)
        artist = f"World {chr(97 + number // 26)}{chr(97 + number % 26)} {facts.pop('by', '')}"
        out.append(
            row(
                f"{number}/{facts.pop('key')}", facts.pop("title", "Midnight Train"), artist,
                isrcs=[f"USABC{number:02d}{i * 137 % 1000:03d}{i:02d}" for i in several],
                recording_mbid=f"b1a9c0e9-d987-4042-ae91-78d6a32{digits:05x}" if mbid else None,
                **facts,
            )
        )  # fmt: skip
    return out


@dataclass
class Found:
    groups: dict[int, set[str]]
    conflicts: dict[int, int]
    refused: dict[int, int]


def find(folder: Path, rows: list[Row], rows_per_part: int) -> Found:
    """The units of `rows`: groups of more than one key by world, findings by world."""
    archive = Archive(folder / "archive")
    archive.add_rows("a", rows)
    engine = LocalEngine(folder / "work", memory="500MB", threads=1)
    try:
        read = Rows(engine, archive.rows, rows_per_part=rows_per_part)
        return _told(engine, read, find_units(engine, read))
    finally:
        engine.close()


def _told(engine: LocalEngine, read: Rows, units: Units) -> Found:
    pairs = row_units(read, units).inner_join(read.select("source_key"), "row")
    found: dict[int, list[str]] = {}
    for key, unit in engine.rows(pairs.select("source_key", "unit")):
        found.setdefault(unit, []).append(key)
    groups: dict[int, set[str]] = {}
    for keys in found.values():
        worlds = {int(key.split("/")[0]) for key in keys}
        assert len(worlds) == 1, f"worlds met: {keys}"
        if len(keys) > 1:
            groups.setdefault(worlds.pop(), set()).add(
                "".join(sorted(key.split("/")[1] for key in keys))
            )
    return Found(groups, _by_world(engine, units.codes), _by_world(engine, units.refused))


def _by_world(engine: LocalEngine, table: Any) -> dict[int, int]:
    counted: dict[int, int] = {}
    for (code,) in engine.rows(table.select("code")):
        world = int(code[5:7]) if len(code) == 12 else int(code[-5:], 16) // 16
        counted[world] = counted.get(world, 0) + 1
    return counted


@pytest.fixture(scope="module", params=[8_000_000, 60], ids=["one part", "many parts"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Found:
    rows = [each for number, world in enumerate(WORLDS) for each in made(number, world)]
    return find(tmp_path_factory.mktemp("units"), rows, request.param)


@pytest.mark.parametrize("number", range(len(WORLDS)), ids=[w.name for w in WORLDS])
def test_rows_meet_as_the_rules_say(found: Found, number: int) -> None:
    world = WORLDS[number]
    assert found.groups.get(number, set()) == set(world.groups.split())
    assert found.conflicts.get(number, 0) == world.conflicts
    assert found.refused.get(number, 0) == world.refused


def test_the_order_of_rows_decides_nothing(found: Found, tmp_path: Path) -> None:
    rows = [each for number, world in enumerate(WORLDS) for each in made(number, world)]
    assert find(tmp_path, Random(7).sample(rows, len(rows)), 8_000_000) == found
