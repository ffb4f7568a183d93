"""What engines, harvesters and typing people are told; pictures; and where a recording ranks."""

import json
import re
from collections import Counter
from xml.etree import ElementTree as ET

import pytest
from litestar.testing import TestClient

from phonotheque.model import answers
from phonotheque.model.numbers import Kind, format_public_id
from phonotheque.serve import discovery
from phonotheque.serve.linked_data import format_release_data
from tests.serve.conftest import KEY, WITHDRAWN, WITHOUT_AUDIO, recording_id

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
SITE = "http://testserver.local"
RELEASE = format_public_id(5, KEY, Kind.RELEASE)
ARTIST = format_public_id(5, KEY, Kind.ARTIST)


def linked_data(page: str) -> dict[str, object]:
    (text,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    told: dict[str, object] = json.loads(text)
    return told


def test_a_recordings_page_tells_engines_what_it_is(client: TestClient) -> None:
    told = linked_data(client.get(f"/recording/{recording_id(1)}").text)
    assert told["@type"] == "MusicRecording"
    assert told["name"] == "Le jardin d'hiver"
    assert told["isrcCode"] == ["FRX872100001"]
    assert told["duration"] == "PT180S"
    assert told["url"] == f"{SITE}/recording/{recording_id(1)}"
    assert told["audio"]["contentUrl"] == f"{SITE}/stream/{recording_id(1)}"  # type: ignore[index]
    assert "audio" not in linked_data(client.get(f"/recording/{recording_id(WITHOUT_AUDIO)}").text)
    assert "audio" not in linked_data(client.get(f"/recording/{recording_id(WITHDRAWN)}").text)


def test_a_releases_page_tells_engines_of_its_tracks(client: TestClient) -> None:
    told = linked_data(client.get(f"/release/{RELEASE}").text)
    assert (told["@type"], told["name"]) == ("MusicAlbum", "Blue Hours")
    assert told["byArtist"] == {"@type": "MusicGroup", "name": "Anna Lind"}
    assert (told["datePublished"], told["numTracks"]) == ("2020", 25)
    track = told["track"][0]  # type: ignore[index]
    assert track["url"] == f"{SITE}/recording/{recording_id(8)}"
    assert track["duration"] == "PT180S"
    assert "albumRelease" not in told


def test_an_artists_page_tells_engines_of_names_and_recordings(client: TestClient) -> None:
    told = linked_data(client.get(f"/artist/{ARTIST}").text)
    assert (told["@type"], told["name"]) == ("MusicGroup", "Anna Lind")
    assert len(told["track"]) == 25  # type: ignore[arg-type]
    assert told["url"] == f"{SITE}/artist/{ARTIST}"


def test_label_and_barcode_are_told_of_the_printing() -> None:
    release = answers.ReleaseAnswer(
        id="d1", title="</script>", artist="A", year=987, label="L", barcode="4006381333931",
        release_mbid="m", country=None, genres=["dub"], tracks=[],
    )  # fmt: skip
    text = format_release_data(release, SITE)
    assert "<" not in text
    told = json.loads(text)
    assert (told["name"], told["datePublished"], told["genre"]) == ("</script>", "0987", ["dub"])
    assert told["albumRelease"]["recordLabel"] == {"@type": "Organization", "name": "L"}
    assert told["albumRelease"]["identifier"]["value"] == "4006381333931"
    assert told["albumRelease"]["sameAs"] == "https://musicbrainz.org/release/m"


def test_names_cannot_break_out_of_what_engines_are_told(client: TestClient) -> None:
    page = client.get(f"/recording/{recording_id(3)}").text
    assert linked_data(page)["name"] == '<b>أغنية</b> & "البحر"'
    (text,) = re.findall(r"<script type=[^>]*json.>(.*?)</script>", page)
    assert not set(text) & set("<>&")


def test_sitemaps_name_every_recording_once_and_each_is_bounded(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "PER_SITEMAP", 5)
    index = ET.fromstring(client.get("/sitemap.xml").text)
    maps = [e.text or "" for e in index.iter(f"{SITEMAP}loc")]
    assert maps[0] == f"{SITE}/sitemap/pages.xml"
    found: list[str] = []
    for address in maps:
        part = ET.fromstring(client.get(address.removeprefix(SITE)).text)
        addresses = [e.text or "" for e in part.iter(f"{SITEMAP}loc")]
        assert 0 < len(addresses) <= max(5, len(discovery.PAGES))
        found += addresses
    assert len(found) == len(set(found))
    things = Counter(a.removeprefix(SITE).split("/")[1] for a in found[len(discovery.PAGES) :])
    assert things == {"recording": 32, "release": 5, "artist": 5}
    for address in found[7], found[-6], found[-1]:
        assert client.get(address.removeprefix(SITE)).status_code == 200
    for nonsense in ("0.xml", "9999.xml", "-1.xml", "1", "pages.html", "٣.xml", "releases-0.xml",
                     "releases-2.xml", "artists-.xml", "artists.xml"):  # fmt: skip
        assert client.get(f"/sitemap/{nonsense}").status_code == 404


def test_robots_are_led_to_the_dumps(client: TestClient) -> None:
    answer = client.get("/robots.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert f"{SITE}/editions/2026-11/edition.json" in answer.text
    assert f"Sitemap: {SITE}/sitemap.xml" in answer.text
    assert "Disallow: /stream/" in answer.text


def test_what_is_being_typed_is_guessed(client: TestClient) -> None:
    told = client.get("/suggest", params={"q": "jardin d'hi"}).json()
    assert told["suggestions"][0] == {
        "title": "Le jardin d'hiver",
        "artist": "Zaz à la plage",
        "url": f"/recording/{recording_id(1)}",
    }
    assert client.get("/suggest", params={"q": "東京"}).json()["suggestions"]
    assert len(client.get("/suggest?q=blue").json()["suggestions"]) == 7
    assert client.get("/suggest?q=+").json()["suggestions"] == []


def test_a_thing_without_a_picture_has_a_pattern_of_its_own(client: TestClient) -> None:
    one = client.get(f"/cover/{recording_id(1)}?size=32")
    other = client.get(f"/cover/{recording_id(2)}?size=32")
    assert one.headers["content-type"] == "image/png"
    assert one.content.startswith(b"\x89PNG")
    assert one.content != other.content
    known = {"if-none-match": one.headers["etag"]}
    assert client.get(f"/cover/{recording_id(1)}?size=32", headers=known).status_code == 304
    assert client.get("/cover/nonsense").status_code == 404
    assert client.get(f"/cover/{recording_id(1)}?size=9999").status_code == 400


def test_the_curve_falls_and_the_recording_stands_on_it(client: TestClient) -> None:
    page = client.get(f"/recording/{recording_id(2)}").text
    assert "This recording has 800 listens at rank 2 of 32." in page
    (line,) = re.findall(r'<polyline class="line" points="([^"]*)"', page)
    points = [tuple(map(float, point.split(","))) for point in line.split()]
    assert points == sorted(points)
    assert [y for _, y in points] == sorted(y for _, y in points)
    (dot,) = re.findall(r'<circle class="dot" cx="([^"]*)" cy="([^"]*)"', page)
    assert tuple(map(float, dot)) in points


def test_a_disk_is_told_what_fits_and_what_to_type(client: TestClient) -> None:
    everything = client.get("/mirror?disk=1&unit=GB").text
    assert "100.0 %" in everything
    assert "phonotheque plan my-mirror --origin http://testserver.local --disk 1GB" in everything
    assert "--prefer complete-tiers" in client.get("/mirror?prefer=complete-tiers").text
    assert "That is too little." in client.get("/mirror?disk=0.0000001").text
    for steps in re.findall(r'data-steps="([^"]*)"', everything):  # none where one size is all
        assert json.loads(steps.replace("&#34;", '"'))[-1]["share"] == "100.0 %"
    for nonsense in ("disk=-1", "disk=x", "disk=nan", "disk=inf", "disk=1e300", "unit=PB"):
        assert client.get(f"/mirror?{nonsense}").status_code in (200, 400), nonsense
