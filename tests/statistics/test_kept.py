"""Statistics are made once, and their pictures are whole, equal and readable by everybody."""

import re
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from phonotheque.statistics import (
    DrawnStatistics,
    Statistics,
    drawing,
    ensure_statistics,
    format_picture,
    kept,
)
from tests.support.editions import TinyRecording, write_tiny_edition

SVG = "{http://www.w3.org/2000/svg}"
NAMES = {"tiers", "coverage", "skew", "pyramid", "disk", "durations", "years", "isrcs", "licences",
         "formats", "bitrates"}  # fmt: skip


def songs(count: int = 12) -> list[TinyRecording]:
    return [
        TinyRecording(
            f"Song {n}", f"Artist {n % 4}", listens=1000 // (n + 1), tier=1 + n // 6,
            isrcs=[f"USABC20000{n % 9:02}"], year=1990 + n % 5, duration_ms=60_000 * (1 + n % 4),
            file=(f"v-tier{1 + n // 6}-00001", f"data/{n}.ogg", b"x" * (1000 * n + 9)),
        )
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("kept")
    write_tiny_edition(root, songs())
    return root


@pytest.fixture(scope="module")
def drawn(root: Path) -> DrawnStatistics:
    return ensure_statistics(root / "editions" / "2026-11", root / "index" / "2026-11_statistics")


def test_there_is_a_picture_of_all_there_is_to_show(drawn: DrawnStatistics) -> None:
    assert set(drawn.pictures) == NAMES  # no growth: there is but one edition


def test_a_picture_has_a_name_a_description_and_no_style_nor_script(
    drawn: DrawnStatistics,
) -> None:
    ids: list[str] = []
    for name, picture in drawn.pictures.items():
        svg = ET.fromstring(picture.svg)
        assert svg.get("role") == "img"
        named = [svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")]
        assert [e.get("id") for e in named if e is not None] == svg.get(
            "aria-labelledby", ""
        ).split()
        assert [e.text for e in named if e is not None] == [picture.title, picture.description]
        for element in svg.iter():
            assert element.tag not in (f"{SVG}style", f"{SVG}script", f"{SVG}image"), name
            assert not any(a == "style" or a.startswith("on") for a in element.attrib), name
        ids += [e.get("id", "") for e in svg.iter() if e.get("id")]
        assert "NaN" not in picture.svg, name
        assert "undefined" not in picture.svg, name
    assert len(ids) == len(set(ids))  # they stand in one page


def test_every_colour_has_another_by_night_in_the_page_and_in_the_file(
    drawn: DrawnStatistics,
) -> None:
    style = Path(kept.__file__).parents[1] / "serve" / "static" / "page.css"
    sheet = style.read_text()
    for picture in drawn.pictures.values():
        alone = format_picture(picture.svg).decode()
        ET.fromstring(alone)
        for side, colour in set(re.findall(r'\b(fill|stroke)="(#[0-9a-f]{3,6})"', picture.svg)):
            assert f'.chart [{side}="{colour}"]' in sheet
            assert f'[{side}="{colour}"]' in alone


def test_they_are_made_once(
    root: Path, drawn: DrawnStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("counted again")

    monkeypatch.setattr(kept, "read_statistics", refuse)
    monkeypatch.setattr(kept, "draw", refuse)
    edition, folder = root / "editions" / "2026-11", root / "index" / "2026-11_statistics"
    assert ensure_statistics(edition, folder) == drawn


@pytest.mark.full
def test_equal_editions_give_equal_bytes(
    drawn: DrawnStatistics, root: Path, tmp_path: Path
) -> None:
    folder = root / "index" / "2026-11_statistics"
    ensure_statistics(root / "editions" / "2026-11", tmp_path)
    for path in sorted(folder.iterdir()):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_a_new_edition_beside_it_renews_the_growth_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_edition(tmp_path, songs(3), name="2026-12", sequence=2)
    edition, folder = tmp_path / "editions" / "2026-12", tmp_path / "folder"
    monkeypatch.setattr(kept, "draw", lambda charts: dict.fromkeys(charts, "<svg/>"))
    first = ensure_statistics(edition, folder)
    asked: list[set[str]] = []
    monkeypatch.setattr(kept, "read_statistics", None)
    monkeypatch.setattr(
        kept, "draw", lambda charts: asked.append(set(charts)) or dict.fromkeys(charts, "<svg/>")
    )
    write_tiny_edition(tmp_path, songs(1), name="2026-11", sequence=1)
    grown = ensure_statistics(edition, folder)
    assert asked == [{"growth"}]
    assert [e.edition for e in grown.statistics.growth] == ["2026-11", "2026-12"]
    rest = msgspec.structs.replace(grown.statistics, growth=first.statistics.growth)
    assert rest == first.statistics


def test_what_cannot_be_kept_is_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_edition(tmp_path, songs(2))
    monkeypatch.setattr(kept, "draw", lambda charts: dict.fromkeys(charts, "<svg/>"))

    def read_only(_: Path) -> None:
        raise PermissionError(13, "read-only")

    monkeypatch.setattr(kept, "writing", read_only)
    made = ensure_statistics(tmp_path / "editions" / "2026-11", tmp_path / "folder")
    assert made.statistics.totals.recordings == 2
    assert not (tmp_path / "folder").exists()


def test_without_pictures_the_figures_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_edition(tmp_path, songs(2))
    edition, folder = tmp_path / "editions" / "2026-11", tmp_path / "folder"
    with monkeypatch.context() as patch:
        patch.setattr(drawing, "_PROGRAM", "raise SystemExit('no engine here')")
        told = ensure_statistics(edition, folder)
    assert (told.statistics.totals.recordings, told.pictures) == (2, {})
    assert told.not_drawn.endswith("no engine here")
    monkeypatch.setattr(kept, "draw", lambda charts: dict.fromkeys(charts, "<svg/>"))
    assert set(ensure_statistics(edition, folder).pictures) == NAMES


def test_who_finds_another_at_work_waits_and_counts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_edition(tmp_path, songs(2))
    edition, folder = tmp_path / "editions" / "2026-11", tmp_path / "folder"
    counted, count = [], kept.read_statistics

    def slowly(*arguments: Any, **named: Any) -> Statistics:
        counted.append(time.sleep(0.3))
        return count(*arguments, **named)

    monkeypatch.setattr(kept, "read_statistics", slowly)
    monkeypatch.setattr(kept, "draw", lambda charts: dict.fromkeys(charts, "<svg/>"))
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: ensure_statistics(edition, folder), range(2))
    assert first == second
    assert len(counted) == 1


def test_statistics_of_a_part_are_renewed_when_it_holds_other_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_edition(tmp_path, songs())
    (tmp_path / "mirror.toml").write_text("")
    edition, folder = tmp_path / "editions" / "2026-11", tmp_path / "folder"
    monkeypatch.setattr(kept, "draw", lambda charts: dict.fromkeys(charts, "<svg/>"))
    (tmp_path / "aside").mkdir()
    found = []
    for lacking in (["v-tier1-00001"], ["v-tier2-00001"], []):
        for name in lacking:
            table = edition / "files" / f"{name}.parquet"
            table.rename(tmp_path / "aside" / table.name)
        told = ensure_statistics(edition, folder).statistics
        key = msgspec.json.decode((folder / "statistics.json").read_bytes())["lacking_sha256"]
        found.append((told.volumes_lacking, told.totals.files, key))
        for table in (tmp_path / "aside").iterdir():
            table.rename(edition / "files" / table.name)
    assert [count for count, _, _ in found] == [1, 1, 0]
    assert len({key for _, _, key in found}) == 3, "as many, but others, are another part"
    assert found[2][1] == found[0][1] + found[1][1] == 12


def test_statistics_of_another_edition_or_broken_ones_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition, folder = tmp_path / "editions" / "2026-11", tmp_path / "folder"
    monkeypatch.setattr(kept, "draw", lambda charts: dict.fromkeys(charts, "<svg/>"))
    for count in (1, 2):
        write_tiny_edition(tmp_path, songs(count))
        assert ensure_statistics(edition, folder).statistics.totals.recordings == count
    (folder / "statistics.json").write_text("{")
    assert ensure_statistics(edition, folder).statistics.totals.recordings == 2
    (folder / "tiers.svg").unlink()
    assert set(ensure_statistics(edition, folder).pictures) == NAMES
