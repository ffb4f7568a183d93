"""What is withdrawn stops at once, and no fault brings it back."""

from datetime import UTC, datetime
from hashlib import sha256

import pyarrow as pa
import pytest
from litestar.testing import TestClient

from phonotheque.model.edition import Revocations, RevokedFile
from phonotheque.model.errors import FormatError
from phonotheque.model.tables import TOMBSTONES
from phonotheque.serve import create_app
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table
from tests.serve.conftest import VOLUME, noise, recording_id

DIGEST = sha256(noise(5002, 2)).hexdigest()
FILE = f"/volumes/{VOLUME}/data/b.ogg"


def revoke(tree: Tree, *, path: str = "data/b.ogg", sequence: int = 1) -> None:
    file = RevokedFile(
        recording=recording_id(2), reason="take-down", since=datetime(2026, 11, 20, tzinfo=UTC),
        sha256=DIGEST, pieces_root="00" * 32, volume=VOLUME, path=path,
    )  # fmt: skip
    write_document(tree.revocations_json, Revocations(format=1, sequence=sequence, files=[file]))


def test_a_revocation_takes_effect_while_the_server_runs(
    own_client: TestClient, own_tree: Tree
) -> None:
    page = f"/api/v1/recordings/{recording_id(2)}"
    before = own_client.get(page)
    assert before.json()["recording"]["playable"]
    revoke(own_tree)
    assert own_client.get(FILE).status_code == 410
    assert own_client.head(FILE).status_code == 410
    assert own_client.get(FILE, headers={"range": "bytes=0-1"}).status_code == 410
    assert own_client.get(f"/stream/{recording_id(2)}").status_code == 410
    after = own_client.get(page, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    told = after.json()
    assert told["recording"]["withdrawn"]
    assert not told["recording"]["playable"]
    assert told["file"] is None
    assert told["tombstone"]["reason"] == "take-down"
    assert own_client.get("/revocations.json").json()["sequence"] == 1


def test_the_same_bytes_under_another_name_are_withdrawn_too(
    own_client: TestClient, own_tree: Tree
) -> None:
    revoke(own_tree, path="data/another.ogg")
    assert own_client.get(FILE).status_code == 410


def test_the_page_of_a_withdrawn_recording_says_why_and_offers_nothing(
    own_client: TestClient, own_tree: Tree
) -> None:
    revoke(own_tree)
    page = own_client.get(f"/recording/{recording_id(2)}").text
    assert "after a notice" in page
    assert "20 November 2026" in page
    assert "/stream/" not in page
    assert "Download" not in page


@pytest.mark.parametrize("fault", ["vanishes", "breaks"])
def test_a_list_that_is_lost_stays_in_force(
    own_client: TestClient, own_tree: Tree, fault: str
) -> None:
    revoke(own_tree)
    assert own_client.get(FILE).status_code == 410
    if fault == "vanishes":
        own_tree.revocations_json.unlink()
    else:
        own_tree.revocations_json.write_text("{not json")
    assert own_client.get(FILE).status_code == 410


def test_a_newer_list_takes_the_place_of_the_older(own_client: TestClient, own_tree: Tree) -> None:
    revoke(own_tree)
    assert own_client.get(FILE).status_code == 410
    write_document(own_tree.revocations_json, Revocations(format=1, sequence=2, files=[]))
    assert own_client.get(FILE).status_code == 200


def test_a_server_does_not_start_over_a_list_it_cannot_read(own_tree: Tree) -> None:
    own_tree.revocations_json.write_text("{not json")
    with pytest.raises(FormatError, match="revocations"):
        create_app(own_tree)


def test_a_tombstone_of_the_edition_is_enough(own_tree: Tree) -> None:
    row = {
        "recording": 2, "public_id": recording_id(2), "since": datetime(2026, 1, 1, tzinfo=UTC),
        "reason": "donor", "sha256": DIGEST, "pieces_root": "00" * 32, "volume": VOLUME,
        "path": "data/b.ogg",
    }  # fmt: skip
    write_table(
        own_tree.edition("2026-11") / "tombstones.parquet", TOMBSTONES,
        [pa.Table.from_pylist([row], schema=TOMBSTONES)],
    )  # fmt: skip
    with TestClient(create_app(own_tree)) as client:
        assert client.get(FILE).status_code == 410
        assert client.get(f"/stream/{recording_id(2)}").status_code == 410
        told = client.get(f"/api/v1/recordings/{recording_id(2)}").json()
        assert told["tombstone"] == {"since": "2026-01-01T00:00:00Z", "reason": "donor"}
