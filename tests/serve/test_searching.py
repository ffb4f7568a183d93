"""How a search is shown: words found, facets, what is close, what is partial."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from html import unescape
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import TestClient

from phonotheque.model import answers
from phonotheque.search import Facets, FacetValue, Matched, SearchIndex, SearchPage
from phonotheque.serve.rendering import split_at
from phonotheque.serve.searching import narrowings
from tests.serve.conftest import recording_id
from tests.serve.test_pages import read


def answered(values: list[tuple[str, int, str | None]]) -> answers.FacetsAnswer:
    found = [answers.FacetValueAnswer(value=v, count=c, filter=f) for v, c, f in values]
    return answers.FacetsAnswer(licences=found, decades=[], tiers=[], counted=9, exact=True)


@pytest.fixture
def changed(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TestClient]:
    """Makes every answer of the index one with other values."""
    search = SearchIndex.search

    def change(**values: Any) -> TestClient:
        def answer(index: SearchIndex, query: str, *others: Any, **asked: Any) -> SearchPage:
            return msgspec.structs.replace(search(index, query, *others, **asked), **values)

        monkeypatch.setattr(SearchIndex, "search", answer)
        return client

    return change


def shown(client: TestClient, query: str) -> str:
    """The text of a page of hits, blanks united."""
    page = client.get("/", params={"q": query}).text
    read(page)
    main = page[page.index("<main") : page.index("</main>")]
    return " ".join(unescape(re.sub(r"<[^>]+>", "", main)).split())


def test_words_found_are_marked_and_nothing_else(client: TestClient) -> None:
    page = client.get("/", params={"q": "jardin zaz"}).text
    assert "Le <mark>jardin</mark> d&#39;hiver</a>" in page
    assert "<bdi><mark>Zaz</mark> à la plage</bdi>" in page
    answer = client.get("/api/v1/search", params={"q": "jardin", "highlights": True}).json()
    assert answer["hits"][0]["highlights"] == {"title": [[3, 9]], "artist": [], "release": []}
    plain = client.get("/api/v1/search", params={"q": "jardin"}).json()
    assert plain["hits"][0]["highlights"] is None
    assert plain["facets"] is None


def test_marked_names_cannot_break_out_of_the_page(client: TestClient) -> None:
    page = client.get("/", params={"q": "أغنية البحر b"}).text
    assert "&lt;<mark>b</mark>&gt;<mark>أغنية</mark>&lt;/<mark>b</mark>&gt;" in page
    assert "<b>" not in page


@given(st.text(max_size=20), st.lists(st.tuples(st.integers(-2, 25), st.integers(-2, 25))))
def test_pieces_are_the_whole_text_whatever_the_spans(
    text: str, spans: list[tuple[int, int]]
) -> None:
    assert "".join(piece for piece, _ in split_at(text, spans)) == text


def test_facets_count_all_hits_and_narrow_them_down(client: TestClient) -> None:
    answer = client.get("/api/v1/search", params={"q": "somebody", "facets": True}).json()
    facets = msgspec.convert(answer["facets"], answers.FacetsAnswer)
    assert facets.exact
    tiers = {value.value: (value.count, value.filter) for value in facets.tiers}
    assert tiers == {"1": (3, "tier:1"), "2": (1, "tier:2")}
    assert "Tier 1 3 2 1" in shown(client, "somebody")
    assert shown(client, "tier:2 somebody").count("In review") == 1
    page = client.get("/", params={"q": "somebody"}).text
    assert 'href="/?q=tier%3A2%20somebody"' in page


def test_a_chosen_value_can_be_taken_away(client: TestClient) -> None:
    page = client.get("/", params={"q": "tier:2 somebody"}).text
    assert '<a aria-current="true" href="/?q=somebody">2 ' in page


def test_a_filter_goes_in_front_so_that_the_last_word_stays_the_last() -> None:
    (group,) = narrowings("moonl", answered([("a", 2, "licence:a"), ("none", 1, None)]))
    assert [(c.label, c.query, c.chosen) for c in group.first] == [
        ("a", "licence:a moonl", False),
        ("no licence known", None, False),
    ]


def test_one_value_alone_narrows_nothing_down_and_many_are_folded() -> None:
    assert narrowings("x", answered([("a", 2, "licence:a")])) == []
    assert narrowings("x", None) == []
    many = answered([(str(i), 9, f"licence:{i}") for i in range(20)])
    (group,) = narrowings("x", many)
    assert (len(group.first), len(group.rest)) == (8, 12)


def test_counts_that_are_not_exact_say_so(changed: Callable[..., TestClient]) -> None:
    facets = Facets(
        licences=(FacetValue("CC0-1.0", 1200, "licence:cc0-1.0"), FacetValue("none", 3, None)),
        decades=(),
        tiers=(),
        counted=1203,
        exact=False,
    )
    text = shown(changed(facets=facets, total=1203, total_is_exact=False), "anna")
    assert "At least 1,203 recordings for anna." in text
    assert "CC0-1.0 at least 1,200+ no licence known at least 3+" in text
    assert "Counted among the first 1,203 found" in text


def test_another_spelling_is_offered_and_never_taken_silently(
    client: TestClient, changed: Callable[..., TestClient]
) -> None:
    text = shown(client, "jardim hiver")
    assert "Nothing has every word of jardim hiver as it is typed." in text
    assert "Did you mean jardin hiver?" in text
    more = changed(did_you_mean="hannah")
    assert "25 recordings for anna. Did you mean hannah?" in shown(more, "anna")
    fewer = changed(relaxed=True, matched=Matched.FEWER_WORDS, did_you_mean=None)
    assert "Nothing has every word of anna. These have most of them." in shown(fewer, "anna")


def test_a_partial_answer_says_so(changed: Callable[..., TestClient]) -> None:
    client = changed(partial=True)
    assert "This answer is partial" in shown(client, "anna")
    assert client.get("/api/v1/search?q=anna").json()["partial"]


def test_ways_to_search_are_told_before_and_when_nothing_is_found(client: TestClient) -> None:
    for query in ("", "zzzz qqqq"):
        assert 'release:"sketches of spain"' in shown(client, query)


def test_what_is_known_of_releases_and_artists_is_shown(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, artist = SearchIndex.release, SearchIndex.artist
    more = {"country": "FR", "genres": ("chanson", "<pop>"), "label": "Une étiquette"}
    monkeypatch.setattr(
        SearchIndex, "release",
        lambda index, n: msgspec.structs.replace(release(index, n), **more),
    )  # fmt: skip
    names = tuple(f"Name {i}" for i in range(20))
    monkeypatch.setattr(
        SearchIndex, "artist",
        lambda index, n: msgspec.structs.replace(artist(index, n), aliases=names, sort_name="Z"),
    )  # fmt: skip
    found = client.get(f"/api/v1/recordings/{recording_id(1)}").json()
    release_id, artist_id = found["appearances"][0]["release"]["id"], found["artists"][0]["id"]
    page = client.get(f"/release/{release_id}").text
    for expected in ("Une étiquette", "<dd>FR</dd>", "chanson", "&lt;pop&gt;"):
        assert expected in page
    assert client.get(f"/api/v1/releases/{release_id}").json()["country"] == "FR"
    page = client.get(f"/artist/{artist_id}").text
    read(page)
    assert "Also known as" in page
    assert "8 more names" in page
    assert client.get(f"/api/v1/artists/{artist_id}").json()["aliases"] == list(names)


def test_a_place_as_written_is_shown_with_the_recording(client: TestClient) -> None:
    numbered = recording_id(7 + 25)
    assert "track <bdi>B12</bdi>" in client.get(f"/recording/{numbered}").text
    found = client.get(f"/api/v1/recordings/{numbered}").json()
    assert found["appearances"][0]["position_text"] == "B12"


def test_searches_are_made_one_after_the_other(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, met = SearchIndex.search, threading.Barrier(2)

    def answer(index: SearchIndex, query: str, *others: Any, **asked: Any) -> SearchPage:
        with suppress(threading.BrokenBarrierError):
            met.wait(0.2)
            pytest.fail("two searches at once")
        met.reset()
        return search(index, query, *others, **asked)

    monkeypatch.setattr(SearchIndex, "search", answer)
    with ThreadPoolExecutor(3) as threads:
        paths = ["/api/v1/search?q=zaz", "/?q=zaz", "/suggest?q=zaz"]
        assert [a.status_code for a in threads.map(client.get, paths)] == [200, 200, 200]
