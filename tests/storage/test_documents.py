"""Small documents: what is written is read back, and what is not ours is refused in words."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from phonotheque.model.archive import ArchiveSettings, PublishSettings
from phonotheque.model.edition import Latest, Revocations, RevokedFile
from phonotheque.model.errors import FormatError, NotFoundError
from phonotheque.storage import documents
from phonotheque.storage.documents import (
    format_document,
    parse_document,
    read_document,
    read_settings,
    write_document,
)
from phonotheque.storage.layout import Tree

LATEST = Latest(format=1, edition="2026-11", sequence=3, edition_sha256="ab" * 32)
SETTINGS = ArchiveSettings(
    format=1, id="i", id_key="00" * 16, name="Ein Archiv — ü", slug="archiv", publisher="Wir",
    seat="DE", publish=PublishSettings(webseeds=("https://example.org",)),
)  # fmt: skip


def test_json_and_toml_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_document(tmp_path / "latest.json", LATEST)
    write_document(tmp_path / "archive.toml", SETTINGS)
    assert read_document(tmp_path / "latest.json", Latest) == LATEST
    assert read_settings(Tree(tmp_path)) == SETTINGS


def test_equal_documents_give_equal_bytes_with_sorted_keys() -> None:
    assert format_document(LATEST) == (
        b'{\n "edition": "2026-11",\n "edition_sha256": "' + b"ab" * 32 + b'",\n "format": 1,\n'
        b' "sequence": 3\n}\n'
    )


def test_times_are_written_in_utc() -> None:
    since = datetime(2026, 11, 1, 12, tzinfo=UTC)
    file = RevokedFile(
        recording="r", reason="rights", since=since, sha256="", pieces_root="", volume="", path=""
    )
    content = format_document(Revocations(format=1, sequence=1, files=[file]))
    assert b"2026-11-01T12:00:00Z" in content
    assert parse_document(content, Revocations, "revocations.json").files[0].since == since


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "latest.json: "),
        (b"[]", "Expected `object`"),
        (b'{"format": 1}', "missing required field"),
        (b"\xff\xfe", "latest.json: "),
        (format_document(LATEST).replace(b'"format": 1', b'"format": 2'), "format 2, this program"),
    ],
)
def test_what_is_not_such_a_document_is_refused_by_name(content: bytes, words: str) -> None:
    with pytest.raises(FormatError, match=r"latest\.json") as caught:
        parse_document(content, Latest, "latest.json")
    assert words in str(caught.value)


def test_a_setting_nobody_knows_is_refused() -> None:
    content = format_document(SETTINGS, toml=True) + b"\n[tierz]\ncuts_percent = [100.0]\n"
    with pytest.raises(FormatError, match="tierz"):
        parse_document(content, ArchiveSettings, "archive.toml")


def test_a_document_without_end_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_DOCUMENT_BYTES", 100)
    (tmp_path / "latest.json").write_bytes(b" " * 1000)
    with pytest.raises(FormatError, match="longer than 100 bytes"):
        read_document(tmp_path / "latest.json", Latest)


def test_a_folder_without_an_archive_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="phonotheque init"):
        read_settings(Tree(tmp_path))
    with pytest.raises(NotFoundError, match="no such file"):
        read_document(tmp_path / "latest.json", Latest)
