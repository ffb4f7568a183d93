"""Which files go out as tagged copies (`[publish] embed_tags`), and which tags they get."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from phonotheque.archive.access import COPIED, COPIES, DEAL
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.findings import FindingCode
from phonotheque.model.numbers import IdKey, Kind, format_public_ids
from phonotheque.rights import attribution, licences_in
from phonotheque.vault import Vault, find_copy, sources_of, tag_form, tagged_bytes, takes_tags

TAGS = pa.list_(pa.struct([pa.field("name", pa.string()), pa.field("value", pa.string())]))
TAGGED = pa.schema(
    [
        pa.field("recording", pa.int64()),
        pa.field("fit", pa.bool_()),  # False: a form without tags, nothing else is known
        *COPIES,
        pa.field("tags", TAGS),  # of what is fit and not made
    ]
)
_ASKED = f"""
    SELECT b.recording, b.sha256, b.tier, f.title, f.artist_credit, f.release_title, f.disc,
        f.position, v.licence, v.licence_url, v.holder, r.isrcs, r.first_release_year AS year
    FROM best b JOIN recording_files f USING (recording, sha256) JOIN verdicts v USING (signature)
    LEFT JOIN recordings r ON r.number = b.recording
    ANTI JOIN copies c ON c.master = b.sha256 AND c.tier = b.tier
    WHERE NOT list_contains(v.rule_ids, '{DEAL}')"""
UNTAGGED = f"""
    UNION ALL SELECT recording, master, '{FindingCode.COPY_NOT_TAGGED.value}',
        'goes out as it came: ' || CASE WHEN fit THEN 'tags could not be set beyond doubt'
        ELSE 'its form has no place for tags that programs agree on' END
    FROM tagged WHERE NOT made"""
"""Findings: files that go out as they are although tags are asked for."""


class TagRules:
    """The policy of an archive that has tags embedded."""

    def __init__(self, settings: ArchiveSettings, vault: Vault) -> None:
        self._name = settings.name
        self._key = IdKey(bytes.fromhex(settings.id_key))
        self._vault = vault

    def copies_of(self, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Rows of `TAGGED`, of rows of what goes out; none for a copy that came back by itself."""
        numbers = [row["recording"] for row in rows]
        ids = format_public_ids(numbers, self._key, Kind.RECORDING) if rows else []
        for row, public_id in zip(rows, ids, strict=True):
            if not sources_of(self._vault.state, row["sha256"]):
                yield self._copy_of(row, public_id)

    def _copy_of(self, row: Mapping[str, Any], public_id: str) -> dict[str, Any]:
        digest = row["sha256"]
        known = {"recording": row["recording"], "master": digest, "tier": row["tier"]}
        master = self._vault.object(digest)
        if master is None or not takes_tags(master.puid):
            return known | {"fit": False, "made": False}
        tags = [*_tags(row), ("ARCHIVE", self._name), ("ARCHIVE_RECORDING", public_id)]
        tags.append(("MASTER", f"sha256:{digest}"))
        found = find_copy(self._vault.state, digest, tag_form(tags))
        held = self._vault.object(found.sha256) if found else None
        if found is None or held is None:
            listed = [{"name": name, "value": value} for name, value in tags]
            size = tagged_bytes(master.bytes)
            return known | {"fit": True, "made": False, "bytes": size, "tags": listed}
        facts = {name: getattr(held, name) for name in COPIED}
        return known | facts | {
            "fit": True, "made": True, "sha256": held.sha256,
            "derived_by": tagged_text(found.recipe),
        }  # fmt: skip


def tag_rules(settings: ArchiveSettings, vault: Vault) -> TagRules | None:
    """The rules, where the settings ask for tags."""
    return TagRules(settings, vault) if settings.publish.embed_tags else None


def tagged_text(recipe: str) -> str:
    """What the files table says of a recipe: which tags they were stands in the file."""
    form, slash, rest = recipe.partition("/")
    return form.partition(" ")[0] + slash + rest


def find_tagged(
    cursor: duckdb.DuckDBPyConnection,
    rules: TagRules,
    insert: Callable[..., None],
    stream: Callable[..., Any],
) -> None:
    """The table `tagged` (`TAGGED`), of the files in the table `best` that no access copy stands
    for, less those whose verdict forbids another form.

    Memory: a batch of rows, and DuckDB's own, which spills.
    """
    batches = (
        pa.RecordBatch.from_pylist([*rules.copies_of(batch.to_pylist())], schema=TAGGED)
        for batch in stream(cursor, _ASKED)
    )
    insert(cursor, "tagged", TAGGED, batches)


def _tags(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    licences = licences_in(row["licence"])
    isrcs = row["isrcs"] or []
    said = {
        "TITLE": row["title"],
        "ARTIST": row["artist_credit"],
        "ALBUM": row["release_title"],
        "TRACKNUMBER": row["position"],
        "DISCNUMBER": row["disc"],
        "DATE": row["year"],
        "ISRC": isrcs[0] if len(isrcs) == 1 else None,  # several: which is not known
        "LICENSE": row["licence_url"] or (row["licence"] if licences else None),
        "ATTRIBUTION": attribution(row["title"], row["artist_credit"], row["holder"], licences),
    }
    for name, value in said.items():
        clean = str(value or "").replace("\0", " ").strip()
        if clean:
            yield name, clean.encode("utf-8", "replace").decode()
