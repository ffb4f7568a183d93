"""Rows whose files are the same sound become one recording, in stars, never against codes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from phonotheque.model.findings import FindingCode
from tests.support.catalogues import Archive, Row, row

TEXT = {"title": "One Song", "by": "Z", "duration_ms": 100_000}


@dataclass
class World:
    """Rows and pairs of files that share nothing with those of other worlds.

    `same` are pairs of files by the keys of their rows; `groups` strings of keys of rows that must
    meet; `apart` counts the findings; `met` names the level of some rows.
    """

    name: str
    rows: list[dict[str, Any]]
    same: str
    groups: str
    apart: int = 0
    met: dict[str, str | None] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)  # more words: "ab maybe", each in a later import


def r(key: str, **facts: Any) -> dict[str, Any]:
    """A row with a file of its own, or that of `file`; `code` and `mbid` are small numbers."""
    return {"key": key, "title": f"Tune {key * 3}", "by": key, "file": key, **facts}


def rs(keys: str) -> list[dict[str, Any]]:
    """Such rows of nothing but different names."""
    return [r(key) for key in keys]


WORLDS = [
    World("one sound under two names", rs("abc"), "ab", "ab",
          met={"a": "sound", "b": "sound", "c": None}),
    World("what is only alike joins nothing", rs("ab"), "", "", said=["ab maybe"]),
    World("what is taken back joins nothing", rs("abc"), "ab bc", "ab", said=["cb none"]),
    World("what is said again joins again", rs("ab"), "ab", "ab", said=["ab none", "ba same"]),
    World("a chain is cut round the one that sounds like most", rs("abcdefg"),
          "ab bc cd de ef fg cg", "bcdg ef"),
    World("a chain of equals is cut round the smallest digest", rs("abcd"), "ab bc cd", "abc"),
    World("what text joined comes along",
          [r("a", **TEXT), r("b", **TEXT | {"file": None}), r("c")], "ac", "abc"),
    World("one file under two rows, where that is said", [r("a"), r("b", file="a"), r("c")],
          "aa", "ab"),
    World("one file under two rows, where nothing is said", [r("a"), r("b", file="a"), r("c")],
          "", ""),
    World("both rows of a file that sounds like another's", [r("a"), r("b", file="a"), r("c")],
          "ac", "abc"),
    World("what has no code joins what has", [r("a", code=1), r("b"), r("c", mbid=1)], "ab", "ab"),
    World("an id without a code takes one with", [r("a", code=1), r("b", mbid=1)], "ab", "ab"),
    World("an id without a code takes one code and tells of the other",
          [r("a", code=1), r("b", mbid=1), r("c", code=2)], "ab bc", "ab", apart=1),
    World("one code under two titles that sound the same", [r("a", code=1), r("b", code=1)],
          "ab", "ab"),
    World("two codes", [r("a", code=1), r("b", code=2), r("c")], "ab bc", "bc", apart=1),
    World("two codes round one without",
          [r("a", code=1), r("b", code=2), r("c")], "ac bc", "ac", apart=1),
    World("two ids", [r("a", mbid=1), r("b", mbid=2)], "ab", "", apart=1),
    World("an id and a code, and another code",
          [r("a", mbid=1, code=1), r("b", code=2)], "ab", "", apart=1),
    World("two ids under one code",
          [r("a", mbid=1, code=1), r("b", mbid=2, code=1)], "ab", "", apart=1),
    World("sound goes before text",
          [r("a", code=1, **TEXT | {"file": None}), r("x", **TEXT), r("b", code=2)], "bx", "bx",
          met={"a": None, "x": "sound", "b": "sound"}),
    World("sound and text together go before sound",
          [r("a", code=1, **TEXT), r("x", **TEXT), r("b", code=2)], "bx ax", "ax", apart=1,
          met={"x": "text"}),
    World("files that no row has", rs("ab"), "xy ax", ""),
]  # fmt: skip


def sha(number: int, key: str) -> str:
    """The digest of a file of a world, in order of keys."""
    return f"{number:04x}" + key.encode().hex().ljust(60, "0")


def made(number: int, world: World) -> list[Row]:
    """The rows of a world as rows of an import."""
    out = []
    for each in world.rows:
        facts = dict(each)
        key, by, name = facts.pop("key"), facts.pop("by"), facts.pop("file")
        code, mbid = facts.pop("code", None), facts.pop("mbid", None)
        title = f"{facts.pop('title')} {chr(97 + number) * 4}"
        out.append(
            row(
                f"{number}/{key}", title, f"World {chr(97 + number) * 5} {by}",
                isrcs=[f"USABC{number:02d}{code:05d}"] if code else [],
                recording_mbid=f"b1a9c0e9-d987-4042-ae91-78d6a32{number * 16 + mbid:05x}"
                if mbid else None,
                file_sha256=sha(number, name) if name else None,
                **facts,
            )
        )  # fmt: skip
    return out


def pairs(number: int, said: str, verdict: str) -> list[tuple[str, str, str]]:
    """Pairs of files by the two letters of their keys."""
    return [(sha(number, pair[0]), sha(number, pair[1]), verdict) for pair in said.split()]


@dataclass
class Found:
    groups: dict[int, set[str]]
    apart: dict[int, int]
    met: dict[str, str | None]
    recordings: list[Row]


def build(folder: Path, *, rows_per_part: int = 8_000_000, backwards: bool = False) -> Found:
    """What one build of all worlds comes to."""
    archive = Archive(folder)
    archive.more["rows_per_part"] = rows_per_part
    turn = -1 if backwards else 1
    archive.add_rows("a", [x for n, world in enumerate(WORLDS) for x in made(n, world)][::turn])
    archive.add_sounds([x for n, w in enumerate(WORLDS) for x in pairs(n, w.same, "same")][::turn])
    for later in range(2):
        words = [(n, w.said[later].split()) for n, w in enumerate(WORLDS) if len(w.said) > later]
        archive.add_sounds([x for n, (pair, verdict) in words for x in pairs(n, pair, verdict)])
    manifest = archive.build()
    groups: dict[int, set[str]] = {}
    for keys in archive.members(manifest).values():
        numbers = {int(key.split(":")[1].split("/")[0]) for key in keys}
        assert len(numbers) == 1, f"worlds met: {keys}"
        if len(keys) > 1:
            letters = "".join(sorted(key.split("/")[1] for key in keys))
            groups.setdefault(numbers.pop(), set()).add(letters)
    apart: dict[int, int] = {}
    for finding in archive.findings(manifest):
        if finding["code"] == FindingCode.IDENTITY_SOUND_CONFLICT.value:
            number = int(finding["where"][:4], 16)
            apart[number] = apart.get(number, 0) + 1
    tracks = archive.table("tracks", manifest)
    met = {t["source_key"]: t["met"] for t in tracks}
    return Found(groups, apart, met, archive.table("recordings", manifest))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return build(tmp_path_factory.mktemp("sounds"))


@pytest.mark.parametrize("number", range(len(WORLDS)), ids=[w.name for w in WORLDS])
def test_what_sounds_the_same_meets_as_the_rules_say(found: Found, number: int) -> None:
    world = WORLDS[number]
    assert found.groups.get(number, set()) == set(world.groups.split())
    assert found.apart.get(number, 0) == world.apart
    assert {key: found.met[f"{number}/{key}"] for key in world.met} == world.met


@pytest.mark.full
def test_neither_parts_nor_the_order_of_rows_decide_anything(found: Found, tmp_path: Path) -> None:
    assert build(tmp_path, rows_per_part=20, backwards=True) == found


@pytest.mark.full
def test_joining_and_parting_again_follow_the_rules_of_numbers(tmp_path: Path) -> None:
    """And what sounds like withdrawn music is withdrawn with it."""
    archive = Archive(tmp_path)
    archive.add_rows("a", made(0, World("", rs("abcde"), "", "")))
    before = {key[-1]: n for key, n in archive.recordings(archive.build()).items()}
    archive.add_sounds(pairs(0, "ab de", "same"))
    archive.withdrawn = [before["e"]]
    together = archive.build()
    left = {"a": min(before["a"], before["b"]), "d": min(before["d"], before["e"])}
    numbers = {key[-1]: n for key, n in archive.recordings(together).items()}
    assert numbers == {"c": before["c"]} | left
    moved = sorted((max(before[x] for x in pair), left[pair[0]]) for pair in ("ab", "de"))
    assert [(m["old"], m["new"]) for m in archive.table("redirects", together)] == moved
    assert len(archive.table("recording_files", together)) == 5
    recordings = archive.table("recordings", together)
    assert [r["number"] for r in recordings if r["flags"]] == [left["d"]]
    archive.add_sounds(pairs(0, "ab", "none"))
    parted = archive.build()
    numbers = {key[-1]: n for key, n in archive.recordings(parted).items()}
    new = max(before.values()) + 1
    assert sorted(numbers[key] for key in "ab") == [left["a"], new], "what leaves gets a new one"
    assert (numbers["c"], numbers["d"]) == (before["c"], left["d"])
    assert [(m["old"], m["new"]) for m in archive.table("redirects", parted)] == moved
