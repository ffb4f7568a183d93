"""Made-up people and harvesters (bench/guard_*.py) who ask a real server over HTTP, in its time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from heapq import merge
from pathlib import Path

import numpy as np
from bench.guard_harvesters import make_harvester
from bench.guard_people import History, make_person
from bench.guard_world import World, make_world

from phonotheque.accounts import CHEAP, Accounts, Passwords
from phonotheque.model.edition import Latest
from phonotheque.model.numbers import IdKey, Kind, format_public_ids
from phonotheque.model.progress import Silent
from phonotheque.search import ensure_index
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.serve.guarding import NOON, Guarded
from tests.support.editions import ID_KEY, TinyRecording, write_tiny_edition

VOLUME = "life-tier1-00001"


def make_tree(root: Path, seed: int, size: int) -> tuple[Tree, World]:
    """A published edition of `size` recordings, and the made-up catalogue that it has."""
    world = make_world(np.random.default_rng(seed), size)
    audio = bytes(4000)
    tree = Tree(root)
    manifest = write_tiny_edition(tree.root, [
        TinyRecording(
            f"Title {item}", f"Artist {world.artist[item]}", f"Album {world.album[item]}",
            release_artist="Various",  # compilations have several
            listens=int(size - world.rank[item]), file=(VOLUME, f"data/{item}.ogg", audio),
            duration_ms=int(world.duration_s[item] * 1000),
        )
        for item in range(size)
    ])  # fmt: skip
    latest = Latest(format=1, edition=manifest.name, sequence=1, edition_sha256="00" * 32)
    write_document(tree.latest_json, latest)
    ensure_index(tree.edition(manifest.name), tree.edition_index(manifest.name), Silent())
    return tree, world


@dataclass
class Life:
    """One account: what it wants, and what became of it. A harvester that is refused asks for the
    same again at its next turn; people go on to what they wanted next."""

    name: str
    history: History
    is_harvester: bool
    key: str = ""
    address: str = ""
    number: int = 0
    place: int = 0
    given: set[int] = field(default_factory=set)
    refused: list[tuple[int, str, str]] = field(default_factory=list)  # place, measure, link
    first_refused: int | None = None

    @property
    def actor(self) -> str:
        return f"account:{self.number}"


def make_lives(
    world: World, seed: int, strata: list[str], scenarios: list[tuple[str, float]], most: int
) -> list[Life]:
    """One person of each of `strata`, one harvester of each scenario and speed (seconds between
    requests), with at most `most` requests each."""
    lives = []
    for place, stratum in enumerate(strata):
        person = make_person(np.random.default_rng([seed, 1, place]), world, stratum)
        cut = History(stratum, person.items[:most], person.times[:most])
        lives.append(Life(f"{stratum} {place}", cut, is_harvester=False))
    for place, (scenario, speed_s) in enumerate(scenarios):
        rng = np.random.default_rng([seed, 2, place])
        taking = make_harvester(rng, world, scenario, speed_s, most=most)
        lives.append(Life(f"{scenario} every {speed_s:.0f} s", taking, is_harvester=True))
    for number, life in enumerate(lives, 1):
        life.number, life.address = number, f"198.51.{100 + number // 250}.{number % 250 + 1}"
    return lives


def give_keys(lives: list[Life], state: Path) -> None:
    """An account and a key for each."""
    with Accounts(state / "accounts.sqlite", create=True, passwords=Passwords(CHEAP)) as accounts:
        for life in lives:
            accounts.add(f"u{life.number}", NOON, "ana")
            expires = NOON + timedelta(days=900)
            life.key = accounts.add_key(f"u{life.number}", "x", NOON, "ana", expires_at=expires).key


def live(server: Guarded, lives: list[Life], flush_every: int = 500) -> int:
    """Let all ask, in the order of their times; how many requests there were."""
    ids = format_public_ids(
        np.arange(1, 1 + max(int(life.history.items.max()) for life in lives) + 1),
        IdKey(bytes.fromhex(ID_KEY)), Kind.RECORDING,
    )  # fmt: skip
    by_number = {life.number: life for life in lives}
    count = 0
    for t, number, place in merge(*map(_turns, lives)):
        life = by_number[number]
        server.clock.at(t)
        item = int(life.history.items[life.place if life.is_harvester else place])
        answer = server.get(f"/stream/{ids[item]}", life.key, life.address)
        count += 1
        if answer.status in (200, 206):
            life.given.add(item)
            life.place += 1
        else:
            said = answer.json
            told = (place, said.get("measure", str(said)), answer.headers.get("link", ""))
            life.refused.append(told)
            if life.first_refused is None:
                life.first_refused = place
            life.place += not life.is_harvester
        if count % flush_every == 0:
            server.flush()
    server.flush()
    return count


def _turns(life: Life) -> Iterator[tuple[float, int, int]]:
    """When it asks (seconds after noon), its number, the place in what it wants."""
    for place, t in enumerate(life.history.times.tolist()):
        yield t, life.number, place
