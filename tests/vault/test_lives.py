"""What befell one object is told without writing: from its batch, and from the last round."""

from datetime import timedelta
from pathlib import Path

from phonotheque.model.progress import Silent
from phonotheque.vault import Vault, check_fixity, read_life
from tests.support.clock import NOW
from tests.support.vaults import fill, name_of

DAY = timedelta(days=1)


def test_a_life_is_told_while_it_waits_and_from_its_batch(tmp_path: Path) -> None:
    root = tmp_path / "vault"
    assert read_life(root, "00" * 32) is None
    with Vault.open(root) as vault:
        fill(vault, [b"one", b"two", b"three"], NOW)
        one = name_of(b"one")
        waiting = read_life(root, one)
    told = read_life(root, one)
    assert waiting is not None
    assert told is not None
    assert told.events == waiting.events
    assert told.bytes == 3
    assert {event.at for event in told.events} == {NOW}
    assert "ing" in {event.type for event in told.events}
    assert told.checked_at == NOW
    assert read_life(root, "00" * 32) is None


def test_a_life_ends_with_how_it_was_found_last(tmp_path: Path) -> None:
    root = tmp_path / "vault"
    with Vault.open(root) as vault:
        fill(vault, [b"sound", b"damaged"], NOW)
        sound, damaged = name_of(b"sound"), name_of(b"damaged")
        path = vault.object_path(damaged)
        path.chmod(0o644)
        path.write_bytes(b"DAMAGED")
        check_fixity(vault, NOW + DAY, Silent(), everything=True, jobs=1)
    for name, outcome in ((sound, "sound"), (damaged, "damaged")):
        told = read_life(root, name)
        assert told is not None
        assert (told.events[-1].type, told.events[-1].outcome) == ("fix", outcome)
        assert told.checked_at is not None
        assert told.checked_at - NOW - DAY < timedelta(seconds=60)
