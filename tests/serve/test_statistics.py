"""Statistics on a page: a picture, its table and the SQL that made it stand together."""

from pathlib import Path

from litestar.testing import TestClient

from phonotheque.model.numbers import IdKey
from phonotheque.serve import format_statistics_page
from phonotheque.statistics import ensure_statistics
from phonotheque.storage.layout import Tree
from tests.serve.conftest import recording_id
from tests.serve.test_pages import read
from tests.support.editions import ID_KEY


def test_each_figure_has_its_picture_its_table_and_its_sql(client: TestClient) -> None:
    text = client.get("/statistics").text
    told = client.get("/api/v1/statistics").json()
    page = read(text)
    drawn = [a for tag, a in page.tags if tag == "svg" and a.get("role") == "img"]
    assert len(drawn) >= 8
    assert all(a["aria-labelledby"] for a in drawn)
    assert text.count("<table") >= 8
    for name in set(told["sql"]) - {"volumes", "top_genres"}:  # on another page; there are none
        assert f"SQL of {'the ' if name in ('views', 'totals') else ''}{name}" in text, name
    assert "CREATE VIEW recordings AS" in text
    assert f'href="/recording/{recording_id(1)}"' in text


def test_a_picture_can_be_had_by_itself(client: TestClient) -> None:
    answer = client.get("/statistics/tiers.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "prefers-color-scheme:dark" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    specification = client.get("/statistics/tiers.vl.json").json()
    assert "vega-lite" in specification["$schema"]
    assert specification["data"]["values"]
    assert client.get("/statistics/none.svg").status_code == 404
    assert client.get("/statistics/tiers").status_code == 404


def test_one_file_holds_the_whole_page(published: Tree) -> None:
    folder = published.edition_statistics("2026-11")
    drawn = ensure_statistics(published.edition("2026-11"), folder)
    page = read(format_statistics_page(drawn, IdKey(bytes.fromhex(ID_KEY)), "<Tiny>"))
    tags = [tag for tag, _ in page.tags]
    assert {"style", "svg", "table"} <= set(tags)
    assert not {"script", "img", "link"} & set(tags)
    links = [a["href"] or "" for tag, a in page.tags if tag == "a"]
    assert all(link.startswith(("#", "https://duckdb.org")) for link in links)
    assert Path(folder / "statistics.json").is_file()
