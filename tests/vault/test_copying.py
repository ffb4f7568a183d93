"""Access copies enter the vault whole or not at all, wherever their maker is killed."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from phonotheque.storage.local_store import LocalStore
from phonotheque.vault import (
    CopyMade,
    CopyOrder,
    Examiner,
    OpusForm,
    Vault,
    VaultObject,
    choose_settings,
    copies_of,
    copying,
    derivatives,
    find_copy,
    make_copies,
    sources_of,
    store,
)
from phonotheque.vault.encoding_frames import EncodingRequest, Made
from phonotheque.vault.encoding_worker import answer
from tests.support.audio import make_audio
from tests.support.clock import NOW
from tests.support.crashing import killed_at_every_line
from tests.support.vault_objects import faults

FORM = OpusForm(64)


class EncoderHere:
    """Stands for a worker process, which takes a second to start."""

    def encode(self, master: int, wants: Any, room: int, size: int, limits: Any) -> Made:
        os.ftruncate(room, size)
        return answer(EncodingRequest(wants=wants, room_bytes=size, limits=limits), master, room)

    def close(self) -> None:
        return None


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "Encoder", EncoderHere)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with two masters."""
    folder = tmp_path_factory.mktemp("masters")
    with Vault.open(folder / "vault") as vault, Examiner(1) as examiner:
        for name, hertz in (("a.wav", 440.0), ("b.wav", 550.0)):
            material = vault.take(make_audio(folder / name, seconds=0.3, hertz=hertz))
            vault.admit(material, examiner.examine(folder / name), NOW)
    return folder / "vault"


@pytest.fixture
def vault(filled: Path, tmp_path: Path) -> Vault:
    shutil.copytree(filled, tmp_path / "vault")
    return Vault.open(tmp_path / "vault")


def masters(vault: Vault) -> list[VaultObject]:
    return [item for item in vault.iter_objects() if item.lossless]


def orders(vault: Vault) -> list[CopyOrder]:
    found = []
    for master in masters(vault):
        settings = choose_settings(master, FORM, lossy=False)
        assert settings is not None
        if find_copy(vault.state, master.sha256, FORM) is None:
            found.append(CopyOrder(master=master, form=FORM, settings=settings))
    return found


def make(vault: Vault, asked: Sequence[CopyOrder] | None = None) -> list[CopyMade]:
    return list(make_copies(vault, orders(vault) if asked is None else asked, NOW, workers=1))


def test_copies_are_held_and_know_their_masters(vault: Vault) -> None:
    made = make(vault)
    assert [one.error for one in made] == ["", ""]
    for one in made:
        assert copies_of(vault.state, one.order.master.sha256) == [one.sha256]
        assert sources_of(vault.state, one.sha256) == [one.order.master.sha256]
        held = vault.object(one.sha256)
        assert held is not None and (held.codec, held.bytes) == ("opus", one.bytes)
    assert orders(vault) == [] and faults(vault) == {}


def test_a_copy_that_was_made_before_is_the_same_and_held_once(vault: Vault) -> None:
    asked = orders(vault)
    first, second = make(vault, asked), make(vault, asked)
    assert [one.sha256 for one in first] == [one.sha256 for one in second]
    assert vault.count_objects()[0] == 4


def test_purging_a_master_purges_its_copies_and_no_others(vault: Vault) -> None:
    one, other = make(vault)
    assert vault.purge(one.order.master.sha256, NOW, "for a test")
    assert vault.object(one.sha256) is None and not vault.store.size(one.sha256)
    assert vault.object(other.sha256) is not None
    assert find_copy(vault.state, one.order.master.sha256, FORM) is None
    assert copies_of(vault.state, one.order.master.sha256) == [one.sha256]  # as history has it


def test_a_form_that_cannot_be_decoded_gives_no_copy(vault: Vault) -> None:
    order = orders(vault)[0]
    strange = CopyOrder(
        master=VaultObject(**{**vars_of(order.master), "puid": "fmt/0"}), form=FORM,
        settings=order.settings,
    )  # fmt: skip
    assert "no form that can be decoded" in make(vault, [strange])[0].error


def vars_of(item: VaultObject) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__struct_fields__}


def test_a_copy_that_is_not_all_of_its_master_is_not_taken(vault: Vault) -> None:
    order = orders(vault)[0]
    longer = VaultObject(**{**vars_of(order.master), "duration_ms": 305})
    made = make(vault, [CopyOrder(master=longer, form=FORM, settings=order.settings)])
    assert "300 ms of it could be decoded, 305 ms when it came" in made[0].error
    assert vault.count_objects()[0] == 2


class Elsewhere(LocalStore):
    """A store that stands for one on the network: nothing of it is a file here."""

    def local_path(self, sha256: str) -> Path | None:
        return None


def test_masters_that_are_elsewhere_are_fetched_and_their_copies_put_there(vault: Vault) -> None:
    root = vault.root
    vault.close()
    with Vault.open(root, store=Elsewhere(root)) as remote:
        made = make(remote)
        assert [one.error for one in made] == ["", ""]
        assert all(remote.store.size(one.sha256) == one.bytes for one in made)
    assert not list((root / "incoming").iterdir())


def test_room_on_disk_is_used_where_memory_would_be_too_much(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory = [one.sha256 for one in make(vault, orders(vault))]
    monkeypatch.setattr(copying, "ROOM_IN_MEMORY", 0)
    asked = [
        CopyOrder(master=m, form=FORM, settings=s)
        for m in masters(vault)
        if (s := choose_settings(m, FORM, lossy=False))
    ]
    assert [one.sha256 for one in make(vault, asked)] == in_memory
    assert not list((vault.root / "incoming").iterdir())


def test_killed_anywhere_nothing_is_half_made_and_the_next_run_completes_it(
    filled: Path, tmp_path: Path
) -> None:
    root = tmp_path / "vault"

    def prepare() -> None:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(filled, root)

    def action() -> None:
        with Vault.open(root) as vault:
            make(vault)

    expected: set[str] = set()
    for _ in killed_at_every_line([copying, derivatives, store], prepare, action, stride=23):
        with Vault.open(root) as vault:
            assert set(faults(vault).values()) <= {"extra"}  # bytes without a row
            for item in vault.iter_objects():
                assert item.lossless or sources_of(vault.state, item.sha256)
            make(vault)
            assert orders(vault) == [] and faults(vault) == {}
            held = {item.sha256 for item in vault.iter_objects()}
            expected = expected or held
            assert held == expected and len(held) == 4
            assert list(vault.check_events()) == []
