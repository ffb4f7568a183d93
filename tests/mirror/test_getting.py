"""One recording by itself."""

from pathlib import Path

import pytest

from phonotheque.mirror import Seeder, Via, get
from phonotheque.model.errors import InputError, NotFoundError, TransferError
from phonotheque.model.numbers import IdKey, Kind, format_public_id
from tests.mirror.conftest import HASTY, LOOPBACK, Follower, Notes
from tests.support.editions import ID_KEY
from tests.support.origin import noise


def public_id(number: int, kind: Kind = Kind.RECORDING) -> str:
    return format_public_id(number, IdKey(bytes.fromhex(ID_KEY)), kind)


def test_from_an_address_only_the_tables_needed_are_read(
    follower: Follower, tmp_path: Path
) -> None:
    report = get(follower.server.url, public_id(2), tmp_path, Notes(), limits=HASTY)
    assert Path(report.target).read_bytes() == noise(2, 70_001)
    assert (report.via, report.bytes_fetched, report.licence) == (Via.HTTP, 70_001, "CC-BY-4.0")
    tables = {s.path for s in follower.server.served if "/files/" in s.path}
    assert tables == {"editions/2026-11/files/tiny-tier1-00001.parquet"}


def test_from_a_mirror_that_holds_it_nothing_is_fetched(synced: Follower, tmp_path: Path) -> None:
    before = synced.server.bytes_of("volumes/")
    report = get(synced.tree, public_id(6), tmp_path / "six.ogg", Notes(), limits=HASTY)
    assert (tmp_path / "six.ogg").read_bytes() == noise(6, 300_000)
    assert report.bytes_fetched == 0
    assert synced.server.bytes_of("volumes/") == before


def test_a_dry_run_says_what_would_come_and_writes_nothing(
    follower: Follower, tmp_path: Path
) -> None:
    target = tmp_path / "two.ogg"
    report = get(follower.server.url, public_id(2), target, Notes(), limits=HASTY, dry_run=True)
    assert (report.bytes, report.bytes_fetched, report.target) == (70_001, 0, str(target))
    assert not target.exists()
    assert follower.server.bytes_of("volumes/") == 0


def test_from_the_swarm_only_its_own_pieces_come(
    follower: Follower, seeder: Seeder, tmp_path: Path
) -> None:
    report = get(
        follower.server.url, public_id(4), tmp_path / "four.ogg", Notes(), via=Via.SWARM,
        peers=[("127.0.0.1", seeder.port)], listen=LOOPBACK, limits=HASTY,
    )  # fmt: skip
    assert (tmp_path / "four.ogg").read_bytes() == noise(4, 32_768)
    assert (report.via, report.bytes_fetched) == (Via.SWARM, 32_768)
    assert list(tmp_path.glob(".phonotheque-*")) == []


def test_a_withdrawn_recording_is_refused_everywhere(synced: Follower, tmp_path: Path) -> None:
    synced.origin.revoke(2, "2026-11")
    for source in (synced.tree, synced.server.url, synced.origin.tree):
        with pytest.raises(NotFoundError, match=r"was withdrawn \(take-down\)"):
            get(source, public_id(2), tmp_path / "two.ogg", Notes(), limits=HASTY)
    assert not (tmp_path / "two.ogg").exists()


def test_wrong_bytes_are_not_handed_out(follower: Follower, tmp_path: Path) -> None:
    follower.server.bend = lambda path, content: (
        bytes(len(content)) if path.startswith("volumes/") else None
    )
    with pytest.raises(TransferError, match="not what was signed for"):
        get(follower.server.url, public_id(2), tmp_path / "two.ogg", Notes(), limits=HASTY)
    assert not (tmp_path / "two.ogg").exists()


def test_ids_that_name_no_audio_are_said_so(follower: Follower, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="has no audio"):
        get(follower.server.url, public_id(99), tmp_path, Notes(), limits=HASTY)
    with pytest.raises(InputError, match="not the id of a recording"):
        get(follower.server.url, public_id(1, Kind.ARTIST), tmp_path, Notes(), limits=HASTY)
