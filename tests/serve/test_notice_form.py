"""A notice written on the page is one that the archive takes."""

import msgspec
import pytest
from litestar.testing import TestClient

from phonotheque.rights import Law, Notice, check_notice
from tests.serve.conftest import recording_id

WHOLE = {
    "law": "us-512",
    "material": f"https://archive.example/recording/{recording_id(1)}\n{recording_id(2)}\n",
    "works": 'Blue "Hour"\r\nRed\\Hour',
    "name": "Jane Roe",
    "address": "1 Main Street",
    "phone": "+1 555 0100",
    "email": "j@example.org",
    "good_faith": "yes",
    "accurate": "yes",
    "authorised_under_perjury": "yes",
    "signature": "/s/ Jane Roe",
}


def test_the_file_is_the_notice_that_was_typed(client: TestClient) -> None:
    answer = client.post("/notices/new", data={**WHOLE, "do": "download"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="notice.toml"'
    assert answer.headers["cache-control"] == "no-store"
    notice = msgspec.toml.decode(answer.content, type=Notice)
    assert notice.law is Law.US
    assert [m.named for m in notice.material] == [recording_id(1), recording_id(2)]
    assert notice.works == ['Blue "Hour"', "Red\\Hour"]
    assert check_notice(notice) == []
    assert not notice.publish_name


def test_the_page_says_what_is_lacking_and_keeps_what_was_typed(client: TestClient) -> None:
    page = client.post("/notices/new", data={**WHOLE, "works": "", "do": "check"})
    assert "It still lacks:" in page.text
    assert "17 U.S.C. 512(c)(3)" in page.text
    assert 'value="Jane Roe"' in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "It is complete." in client.post("/notices/new", data=WHOLE).text
    assert recording_id(1) in client.get(f"/notices/new?recording={recording_id(1)}").text


@pytest.mark.parametrize("body", [b"", b"law=x&law=y&%ff=%ff&name=%00", b"a" * 300_000, b"[1]"])
def test_any_body_is_answered(client: TestClient, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.post("/notices/new", content=body, headers=headers)
    assert answer.status_code in (200, 400, 413)
