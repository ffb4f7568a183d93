"""The JSON API: what it answers, how it pages, how it refuses."""

import msgspec
import pytest
from litestar.testing import TestClient

from phonotheque.model import answers
from phonotheque.model.numbers import Kind, format_public_id
from phonotheque.storage.layout import Tree
from tests.serve.conftest import KEY, VOLUME, WITHOUT_AUDIO, recording_id


def test_a_search_finds_and_says_what_can_be_played(client: TestClient) -> None:
    answer = client.get("/api/v1/search", params={"q": "jardin hiver"}).json()
    assert [hit["id"] for hit in answer["hits"]] == [recording_id(1)]
    hit = answer["hits"][0]
    assert hit["title"] == "Le jardin d'hiver"
    assert hit["isrcs"] == ["FRX872100001"]
    assert hit["playable"]
    known = client.get("/api/v1/search", params={"q": "only known"}).json()["hits"][0]
    assert not known["playable"]


def test_pages_of_a_search_hold_every_hit_once(client: TestClient) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(10):
        page = client.get("/api/v1/search", params={"q": "anna", "limit": 10} | cursor).json()
        seen += [hit["id"] for hit in page["hits"]]
        if page["next_cursor"] is None:
            break
        assert len(page["hits"]) == 10
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == 25


def test_a_recording_comes_with_its_argument(client: TestClient) -> None:
    content = client.get(f"/api/v1/recordings/{recording_id(1)}").content
    answer = msgspec.json.decode(content, type=answers.RecordingAnswer)
    assert answer.appearances[0].release is not None
    assert answer.appearances[0].release.title == "Café"
    assert answer.artists[0].name == "Zaz à la plage"
    assert answer.file is not None
    assert answer.file.rights.licence == "CC-BY-4.0"
    assert answer.file.rights.rule_ids == ["test.rule"]
    assert answer.file.rights.evidence[0].source == "rights.toml"
    assert answer.file.url is not None
    assert client.get(answer.file.url).status_code == 200
    assert client.get(answer.file.torrent_url).status_code == 200
    assert answer.file.magnet.startswith(f"magnet:?xt=urn:btih:{'0' * 40}&xt=urn:btmh:1220")


def test_a_recording_without_audio_is_still_a_recording(client: TestClient) -> None:
    answer = client.get(f"/api/v1/recordings/{recording_id(WITHOUT_AUDIO)}").json()
    assert answer["file"] is None
    assert answer["recording"]["title"] == "Only known"


def test_a_mirror_that_lacks_the_volume_gives_no_address_for_its_files(
    own_client: TestClient, own_tree: Tree
) -> None:
    own_tree.volume(VOLUME).rename(own_tree.root / "elsewhere")
    answer = own_client.get(f"/api/v1/recordings/{recording_id(1)}").json()
    assert answer["file"]["url"] is None
    assert not answer["recording"]["playable"]
    volumes = own_client.get("/api/v1/volumes").json()["volumes"]
    assert [v["held"] for v in volumes] == [False, True]


def test_a_release_has_its_tracks_in_order(client: TestClient) -> None:
    answer = client.get(f"/api/v1/releases/{release_of(client, 10)}").json()
    assert answer["title"] == "Blue Hours"
    assert [t["title"] for t in answer["tracks"]] == [f"Blue hour {i}" for i in range(25)]
    assert [t["position_text"] for t in answer["tracks"][-2:]] == [None, "B12"]


def test_the_tracks_of_a_release_come_in_pages(client: TestClient) -> None:
    release = release_of(client, 10)
    whole = client.get(f"/api/v1/releases/{release}").json()["tracks"]
    rows, cursor = [], {}
    for size in (10, 10, 5):
        page = client.get(f"/api/v1/releases/{release}/tracks", params={"limit": 10} | cursor)
        assert len(page.json()["tracks"]) == size
        rows += page.json()["tracks"]
        cursor = {"cursor": page.json()["next_cursor"]}
    assert rows == whole
    assert cursor == {"cursor": None}


def test_the_page_of_a_release_shows_places_as_the_release_writes_them(client: TestClient) -> None:
    page = client.get(f"/release/{release_of(client, 10)}").text
    assert '<span class="position">31</span>' in page
    assert '<span class="position">B12</span>' in page


def release_of(client: TestClient, number: int) -> str:
    found = client.get(f"/api/v1/recordings/{recording_id(number)}").json()
    return str(found["appearances"][0]["release"]["id"])


def test_an_artists_recordings_are_paged_by_listens(client: TestClient) -> None:
    artist = client.get(f"/api/v1/recordings/{recording_id(10)}").json()["artists"][0]["id"]
    first = client.get(f"/api/v1/artists/{artist}?limit=20").json()
    assert first["name"] == "Anna Lind"
    rest = client.get(
        f"/api/v1/artists/{artist}", params={"limit": 20, "cursor": first["next_cursor"]}
    ).json()
    listens = [r["listens"] for r in first["recordings"] + rest["recordings"]]
    assert listens == sorted(listens, reverse=True)
    assert len(listens) == 25
    assert rest["next_cursor"] is None


def test_identifiers_are_looked_up_one_and_many(client: TestClient) -> None:
    one = client.get("/api/v1/lookup", params={"q": "FR-X87-21-00001"}).json()
    assert one["ids"] == [recording_id(1)]
    queries = ["FRX872100001", recording_id(3), "nonsense", "FRX872100002"]
    batch = client.post("/api/v1/lookup", json={"queries": queries}).json()
    assert batch["edition"] == "2026-11"
    assert [r["query"] for r in batch["results"]] == queries
    assert [r["ids"] for r in batch["results"]] == [[recording_id(1)], [recording_id(3)], [], []]


def test_a_look_up_brings_recordings_when_asked(client: TestClient) -> None:
    (isrc, unknown) = client.post(
        "/api/v1/lookup", json={"queries": ["FRX872100001", "x"], "recordings": True}
    ).json()["results"]
    assert [r["id"] for r in isrc["recordings"]] == isrc["ids"] == [recording_id(1)]
    assert isrc["recordings"][0]["isrcs"] == ["FRX872100001"]
    assert (unknown["ids"], unknown["recordings"]) == ([], [])
    one = client.get("/api/v1/lookup", params={"q": "FRX872100001", "recordings": "true"}).json()
    assert one == isrc
    bare = client.get("/api/v1/lookup", params={"q": "FRX872100001"}).json()
    assert bare["recordings"] is None
    many = client.post("/api/v1/lookup", json={"queries": ["x"] * 10_001, "recordings": True})
    assert many.status_code == 422


def test_a_batch_may_be_large_but_not_larger(client: TestClient) -> None:
    fits = client.post("/api/v1/lookup", json={"queries": ["FRX872100001"] * 20_000})
    assert len(fits.json()["results"]) == 20_000
    answer = client.post("/api/v1/lookup", json={"queries": ["x"] * 100_001})
    assert answer.status_code == 422
    assert "100000" in answer.json()["detail"]


def test_the_edition_and_its_volumes_are_told_in_figures(client: TestClient) -> None:
    edition = client.get("/api/v1/edition").json()
    assert edition["name"] == "2026-11"
    assert edition["counts"]["recordings"] == 32
    assert [t["volumes"] for t in edition["tiers"]] == [1, 1]
    volumes = client.get("/api/v1/volumes?limit=1").json()
    assert [v["volume"] for v in volumes["volumes"]] == [VOLUME]
    rest = client.get("/api/v1/volumes", params={"cursor": volumes["next_cursor"]}).json()
    assert len(rest["volumes"]) == 1
    assert rest["next_cursor"] is None


def test_statistics_count_the_edition(client: TestClient) -> None:
    told = client.get("/api/v1/statistics").json()
    assert told["totals"]["recordings"] == 32
    assert sum(tier["recordings"] for tier in told["tiers"]) == 32


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/v1/search", 400),
        ("/api/v1/search?q=a&limit=0", 400),
        ("/api/v1/search?q=a&limit=101", 400),
        ("/api/v1/search?q=a&limit=x", 400),
        ("/api/v1/search?q=anna&cursor=nonsense", 400),
        ("/api/v1/artists/" + format_public_id(1, KEY, Kind.ARTIST) + "?cursor=-1", 400),
        ("/api/v1/recordings/nonsense", 404),
        ("/api/v1/recordings/" + recording_id(999), 404),
        ("/api/v1/recordings/" + format_public_id(1, KEY, Kind.RELEASE), 404),
        ("/api/v1/releases/" + recording_id(1), 404),
        ("/api/v1/nothing", 404),
        ("/api/v2/search", 404),
    ],
)
def test_a_refusal_is_a_problem_document(client: TestClient, address: str, status: int) -> None:
    answer = client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(answer.content, type=answers.ProblemAnswer)
    assert problem.status == status
    assert problem.detail


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"{", None, 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json; charset=utf-8", 422),
        (b'{"queries": [1]}', "application/json", 422),
        (b'{"queries": "x"}', "application/json", 422),
        (b"queries=x", "application/x-www-form-urlencoded", 415),
        (b'{"queries": ["' + b"x" * (16 << 20) + b'"]}', "application/json", 413),
    ],
)
def test_a_body_that_is_no_request_is_refused(
    client: TestClient, body: bytes, media: str | None, status: int
) -> None:
    headers = {"content-type": media} if media else {}
    answer = client.post("/api/v1/lookup", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert msgspec.json.decode(answer.content, type=answers.ProblemAnswer).status == status


def test_other_methods_are_refused_with_those_that_are_taken(client: TestClient) -> None:
    answer = client.delete("/api/v1/edition")
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_head_says_what_get_would(client: TestClient) -> None:
    head, get = client.head("/api/v1/edition"), client.get("/api/v1/edition")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "etag", "cache-control"):
        assert head.headers[name] == get.headers[name]
    assert client.head("/api/v1/recordings/nonsense").status_code == 404


def test_pages_of_other_sites_may_ask_with_a_key_and_read_refusals(client: TestClient) -> None:
    asked = client.options("/api/v1/lookup", headers={"origin": "https://other.example"})
    assert asked.status_code == 204
    assert "authorization" in asked.headers["access-control-allow-headers"]
    for address in ("/api/v1/edition", "/api/v1/recordings/nonsense", "/api/v1/nothing"):
        assert client.get(address).headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in client.get("/about").headers


def test_who_has_this_editions_answer_gets_304(client: TestClient) -> None:
    first = client.get("/api/v1/edition")
    assert first.headers["etag"].startswith('W/"2026-11.')
    again = client.get("/api/v1/edition", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/api/v1/edition", headers={"if-none-match": '"x"'}).status_code == 200


def test_long_answers_are_compressed(client: TestClient) -> None:
    answer = client.get("/api/v1/search?q=anna", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in answer.headers["vary"]
    assert len(answer.json()["hits"]) == 20
    plain = client.get("/api/v1/search?q=anna", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert "accept-encoding" in plain.headers["vary"]


def test_the_openapi_document_describes_every_route(client: TestClient) -> None:
    schema = client.get("/api/v1/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert set(schema["paths"]) == {
        f"/api/v1/{path}"
        for path in ("search", "lookup", "recordings/{public_id}", "releases/{public_id}",
                     "artists/{public_id}", "edition", "volumes", "statistics", "notices",
                     "notices/{case}", "editions", "editions/{name}", "changes",
                     "releases/{public_id}/tracks", "volumes/{volume}", "files/{sha256}",
                     "volumes/{volume}/files", "recordings/{public_id}/rights")
    }  # fmt: skip
    search = schema["paths"]["/api/v1/search"]["get"]
    assert {p["name"] for p in search["parameters"] if "name" in p} == {
        "q", "limit", "cursor", "facets", "highlights",
    }  # fmt: skip
    assert "application/problem+json" in search["responses"]["400"]["content"]
    assert {"200", "304", "400", "401", "429"} <= set(search["responses"])
    rights = schema["paths"]["/api/v1/recordings/{public_id}/rights"]["get"]
    (territory,) = [p for p in rights["parameters"] if p.get("name") == "territory"]
    assert territory["schema"]["items"]["pattern"] == "^[A-Za-z]{2}$"
    assert not any("head" in path for path in schema["paths"].values())
    told = client.get("/api/v1/nothing").headers["link"]
    assert told == '</api/v1/openapi.json>; rel="service-desc"'
    assert "RecordingAnswer" in " ".join(schema["components"]["schemas"])
