"""Which object is a copy made of which: the table `derivatives` of the vault's state.

What it says is also in the `cre` events, from which it is rebuilt when the state was lost. A row
counts while the vault holds the copy.
"""

import json
from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.vault.events import EventType
from phonotheque.vault.recipes import CopyForm, OpusSettings, is_of_form
from phonotheque.vault.state import State


class Derivation(msgspec.Struct, frozen=True, kw_only=True):
    """`sha256` was made from `source` by `recipe` (64 hex digits each)."""

    source: str
    recipe: str
    sha256: str


class CreationDetail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The detail of a `cre` event, as JSON. `source_lossless` false: a copy with `settings` is a
    second lossy encoding, which the archive's policy allowed by name. One without has the master's
    audio, and the digests of coded frames and samples that both have."""

    source: str
    recipe: str
    source_codec: str
    source_lossless: bool
    settings: OpusSettings | None = None
    frames_sha256: str = ""
    samples_sha256: str = ""


def add_derivation(state: State, made: Derivation) -> None:
    """Record it; a recipe that was used before for this source names the new copy from now on."""
    state.execute(
        "INSERT OR REPLACE INTO derivatives VALUES (?,?,?)",
        [bytes.fromhex(made.source), made.recipe, bytes.fromhex(made.sha256)],
    )


def find_copy(state: State, source: str, form: CopyForm) -> Derivation | None:
    """The held copy of `source` in this form, whatever encoder made it; the newest of several."""
    rows = state.execute(
        "SELECT recipe, d.sha256 FROM derivatives d JOIN objects o ON o.sha256 = d.sha256 "
        "WHERE source = ? ORDER BY o.event DESC, recipe DESC",
        [bytes.fromhex(source)],
    )
    for recipe, digest in rows:
        if is_of_form(recipe, form):
            return Derivation(source=source, recipe=recipe, sha256=digest.hex())
    return None


def copies_of(state: State, source: str) -> list[str]:
    """The digests of all copies that were ever made of `source`, held or not."""
    rows = state.execute(
        "SELECT DISTINCT sha256 FROM derivatives WHERE source = ? ORDER BY sha256",
        [bytes.fromhex(source)],
    )
    return [row[0].hex() for row in rows]


def sources_of(state: State, copy: str) -> list[str]:
    """What `copy` was made from; empty where it is no access copy."""
    rows = state.execute(
        "SELECT DISTINCT source FROM derivatives WHERE sha256 = ? ORDER BY source",
        [bytes.fromhex(copy)],
    )
    return [row[0].hex() for row in rows]


def adopt_creations(state: State, events: pa.Table) -> None:
    """Take over what the `cre` events of a batch say; idempotent."""
    chosen = events.filter(pc.equal(events["type"], EventType.CREATION.value))
    for made in iter_creations(chosen):
        add_derivation(state, made)


def iter_creations(chosen: pa.Table) -> Iterator[Derivation]:
    """What `cre` events say was made."""
    details, copies = chosen["detail"].to_pylist(), chosen["sha256"].to_pylist()
    for detail, copy in zip(details, copies, strict=True):
        told = json.loads(detail)
        yield Derivation(source=told["source"], recipe=told["recipe"], sha256=copy)
