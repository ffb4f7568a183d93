"""What a file of a tier is published as: the master, or its access copy (`[access]`)."""

from collections.abc import Callable
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from phonotheque.model.access import AccessSettings, Lossy
from phonotheque.vault import (
    OpusForm,
    OpusSettings,
    Vault,
    VaultObject,
    choose_settings,
    find_copy,
    sources_of,
)
from phonotheque.vault import estimated_bytes as estimate

DEAL = "deal.offer"
"""Rule of verdicts that rest on a deal: it offers a file as it is, and says nothing of others.
Licences and the public domain leave the form of a copy free."""
COPIED = ("bytes", "pieces_root", "puid", "media_type", "extension", "codec", "duration_ms",
          "sample_rate_hz", "channels")  # fmt: skip
COPIES = pa.schema(
    [
        pa.field("master", pa.string()),
        pa.field("tier", pa.int8()),
        pa.field("made", pa.bool_()),  # False: `bytes` is an estimate, nothing else is known
        pa.field("sha256", pa.string()),
        pa.field("derived_by", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("pieces_root", pa.string()),
        pa.field("puid", pa.string()),
        pa.field("media_type", pa.string()),
        pa.field("extension", pa.string()),
        pa.field("codec", pa.string()),
        pa.field("duration_ms", pa.int32()),
        pa.field("sample_rate_hz", pa.int32()),
        pa.field("channels", pa.int16()),
    ]
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The copy that a tier asks for of `master`. `held` is the copy where there is one, made by
    `recipe`; `settings` are what would make it."""

    master: VaultObject
    form: OpusForm
    settings: OpusSettings
    held: VaultObject | None = None
    recipe: str = ""

    @property
    def bytes(self) -> int:
        """Of the copy, or what it will take, about."""
        return self.held.bytes if self.held else estimate(self.settings, self.master.duration_ms)

    @property
    def derived_by(self) -> str:
        """What the files table says of it: the recipe, and whether the master was lossy."""
        return derived_text(self.recipe, self.master)


def derived_text(recipe: str, master: VaultObject) -> str:
    """A recipe, with the word that is owed where it encodes lossy audio a second time."""
    return recipe if master.lossless else f"{recipe}; from lossy {master.codec}"


class AccessRules:
    """The policy of an archive, asked for one file at a time."""

    def __init__(self, settings: AccessSettings, vault: Vault) -> None:
        self._forms = {tier: OpusForm(form.kbps) for tier, form in settings.forms.items()}
        self._lossy = settings.lossy is Lossy.TRANSCODE
        self._vault = vault

    @property
    def tiers(self) -> list[int]:
        """The tiers that do not give out all of their originals."""
        return sorted(self._forms)

    def copy_of(self, digest: str, tier: int) -> Wanted | None:
        """The copy that `tier` gives out in place of the master `digest`; None: the master."""
        form, master = self._forms.get(tier), self._vault.object(digest)
        settings = form and master and choose_settings(master, form, lossy=self._lossy)
        if not form or not master or not settings:
            return None
        if not master.lossless and sources_of(self._vault.state, digest):
            return None  # an access copy that came back by itself
        wanted = Wanted(master=master, form=form, settings=settings)
        found = find_copy(self._vault.state, digest, form)
        held = self._vault.object(found.sha256) if found else None
        if found is None or held is None:
            return wanted
        return msgspec.structs.replace(wanted, held=held, recipe=found.recipe)


def find_copies(
    cursor: duckdb.DuckDBPyConnection,
    rules: AccessRules,
    insert: Callable[..., None],
    stream: Callable[..., Any],
) -> None:
    """The table `copies` (`COPIES`), of the files in the table `best` (sha256, tier, signature),
    less those whose verdict forbids another form.

    Memory: a batch of rows, and DuckDB's own, which spills.
    """
    listed = ", ".join(map(str, rules.tiers))
    asked = stream(
        cursor,
        "SELECT DISTINCT sha256, tier FROM best JOIN verdicts v USING (signature) "
        f"WHERE tier IN ({listed}) AND NOT list_contains(v.rule_ids, '{DEAL}')",
    )
    batches = (
        pa.RecordBatch.from_pylist(
            [
                _row(wanted, tier)
                for digest, tier in zip(*(c.to_pylist() for c in batch.columns), strict=True)
                if (wanted := rules.copy_of(digest, tier)) is not None
            ],
            schema=COPIES,
        )
        for batch in asked
    )
    insert(cursor, "copies", COPIES, batches)


def _row(wanted: Wanted, tier: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "master": wanted.master.sha256, "tier": tier, "made": False, "bytes": wanted.bytes
    }  # fmt: skip
    if wanted.held is None:
        return row
    facts = {name: getattr(wanted.held, name) for name in COPIED}
    facts["sample_rate_hz"] = min(wanted.held.sample_rate_hz, wanted.master.sample_rate_hz)
    return row | facts | {
        "made": True, "sha256": wanted.held.sha256, "derived_by": wanted.derived_by
    }  # fmt: skip
