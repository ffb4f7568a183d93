"""The vault's formats stay readable, and the newest is still what is written."""

import shutil
import sqlite3
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from phonotheque.vault import Description, EventType, Examination, Picture, Vault, VaultObject
from phonotheque.vault.descriptions import descriptions_path, without_contents
from phonotheque.vault.events import batch_path, check_events

GOLDEN = Path(__file__).parents[1] / "golden" / "vault" / "v1"
GOLDEN_2 = GOLDEN.with_name("v2")
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def write_vault(root: Path, source: Path) -> None:
    """The vault that the golden files were made from."""
    source.write_bytes(b"not really a song\n" * 3000)
    stat = source.stat()
    examination = Examination(
        path=str(source), size_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns, puid="fmt/279",
        format_name="FLAC", media_type="audio/flac", extension="flac", codec="flac",
        duration_ms=1000, sample_rate_hz=44_100, channels=2, bits=16, lossless=True,
        decoder="PyAV/18.1.0",
    )  # fmt: skip
    vault = Vault(root, agent="phonotheque/0.1.0")
    digest = vault.admit(vault.take(source), examination, AT).sha256
    vault.flush_events()
    vault.record_event(EventType.FIXITY_CHECK, AT.replace(day=2), sha256_hex=digest)
    vault.flush_events()
    vault.close()


def state_schema(path: Path) -> str:
    database = sqlite3.connect(path)
    rows = database.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name")
    text = "\n".join(row[0] for row in rows)
    database.close()
    return text + "\n"


def test_golden_history_is_read_and_rebuilds_the_state(tmp_path: Path) -> None:
    assert list(check_events(GOLDEN)) == []
    shutil.copytree(GOLDEN, tmp_path / "vault")
    expected = msgspec.json.decode((GOLDEN / "object.json").read_bytes(), type=VaultObject)
    with Vault.open(tmp_path / "vault") as vault:
        assert vault.object(expected.sha256) == expected
        assert vault.count_objects() == (1, expected.bytes)


def test_todays_vault_is_the_golden_one(tmp_path: Path) -> None:
    """Rows, columns and metadata are equal; the bytes also name the version of Arrow, and the
    second batch holds the digest of the first."""
    root = tmp_path / "vault"
    write_vault(root, tmp_path / "source")
    for sequence in (1, 2):
        ours, golden = (
            pq.read_table(batch_path(root, sequence)),
            pq.read_table(batch_path(GOLDEN, sequence)),
        )
        assert ours.to_pylist() == golden.to_pylist()
        assert ours.schema.equals(golden.schema)
        assert set(ours.schema.metadata) == set(golden.schema.metadata)
    assert state_schema(root / "state.sqlite") == (GOLDEN_2 / "state.sql").read_text()


def test_a_state_of_version_1_becomes_one_of_version_2(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "state.sqlite")
    statements = (GOLDEN / "state.sql").read_text().replace("\nCREATE", ";\nCREATE").split(";\n")
    for statement in statements:
        if "sqlite_sequence" not in statement:
            database.execute(statement)
    database.execute("PRAGMA user_version=1")
    database.execute(
        "INSERT INTO objects VALUES (?,1,?,'p','m','e','c',5,6,7,8,1)", [b"a" * 32] * 2
    )
    database.commit()
    database.close()
    with Vault.open(tmp_path) as vault:
        assert vault.count_objects() == (1, 1)
    assert state_schema(tmp_path / "state.sqlite") == (GOLDEN_2 / "state.sql").read_text()


COVER = b"\x89PNG, or so"
PICTURE = sha256(COVER).hexdigest()
DESCRIBED = Description(
    tags={"title": ["Caf\u00c3\u00a9"], "artist": ["A", "B"]},
    tags_repaired={"title": ["Caf\u00e9"]},
    tag_duration_ms=1001,
    pictures=(
        Picture(sha256=PICTURE, media_type="image/png", bytes=len(COVER),
                width=3, height=2, kind=3, content=COVER),
    ),
    integrated_lufs=-14.25,
    range_lu=5.5,
    true_peak_dbtp=-0.5,
    silent_share=0.125,
    clipped_runs=2,
    replaygain={"track_gain_db": -3.75},
    fingerprint=bytes(range(64)),
    fingerprint_by="test/1",
)  # fmt: skip


def write_described_vault(root: Path, source: Path) -> str:
    """The vault that the golden files of version 2 were made from."""
    source.write_bytes(b"not really a song\n" * 3000)
    examination = Examination(
        path=str(source), puid="fmt/279", format_name="FLAC", media_type="audio/flac",
        extension="flac", codec="flac", duration_ms=1000, sample_rate_hz=44_100, channels=2,
        bits=16, lossless=True, decoder="PyAV/18.1.0", description=DESCRIBED,
    )  # fmt: skip
    vault = Vault(root, agent="phonotheque/0.1.0")
    digest = vault.admit(vault.take(source), examination, AT).sha256
    vault.flush_events()
    vault.record_event(EventType.FIXITY_CHECK, AT.replace(day=2), sha256_hex=digest)
    vault.flush_events()
    vault.close()
    return digest


def test_golden_descriptions_are_read_and_rebuild_the_state(tmp_path: Path) -> None:
    assert list(check_events(GOLDEN_2)) == []
    root = tmp_path / "vault"
    shutil.copytree(GOLDEN_2, root)
    expected = msgspec.json.decode((GOLDEN_2 / "object.json").read_bytes(), type=VaultObject)
    with Vault.open(root) as vault:
        assert vault.object(expected.sha256) == expected
        assert vault.description(expected.sha256) == without_contents(DESCRIBED)
        (rows,) = vault.iter_descriptions()
        assert rows.select(["batch", "sha256", "duration_ms"]).to_pylist() == [
            {"batch": 1, "sha256": expected.sha256, "duration_ms": 1000}
        ]
        assert list(vault.iter_descriptions(after_batch=1)) == []
        vault.picture_path(PICTURE).parent.mkdir(parents=True)
        vault.picture_path(PICTURE).write_bytes(COVER)
        vault.purge(expected.sha256, AT, "a test")
        assert not vault.picture_path(PICTURE).exists()


def test_todays_descriptions_are_the_golden_ones(tmp_path: Path) -> None:
    root = tmp_path / "vault"
    digest = write_described_vault(root, tmp_path / "source")
    assert (root / "pictures" / PICTURE[:2] / PICTURE[2:4] / PICTURE).read_bytes() == COVER
    pairs = [
        *((batch_path(root, n), batch_path(GOLDEN_2, n)) for n in (1, 2)),
        (descriptions_path(root, 1), descriptions_path(GOLDEN_2, 1)),
    ]
    for ours, golden in ((pq.read_table(a), pq.read_table(b)) for a, b in pairs):
        assert ours.to_pylist() == golden.to_pylist()
        assert ours.schema.equals(golden.schema)
        assert set(ours.schema.metadata) == set(golden.schema.metadata)
    assert not descriptions_path(root, 2).exists()
    with Vault.open(root) as vault:
        assert vault.description(digest) == without_contents(DESCRIBED)
