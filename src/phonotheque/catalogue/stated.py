"""What the sources state on the rights in one recording, from the imports themselves."""

from pathlib import Path
from typing import Any

import msgspec

from phonotheque.catalogue.build import BuildInputs
from phonotheque.catalogue.claimed import living_claims, read_claims
from phonotheque.catalogue.explaining import living_number
from phonotheque.catalogue.inputs import Rows, newest_table
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.previous import Previous
from phonotheque.model.edition import BuildManifest
from phonotheque.model.errors import NotFoundError
from phonotheque.model.numbers import Kind
from phonotheque.model.tables import MBID_REDIRECTS

MOST_ROWS = 1_000


class Stated(msgspec.Struct, frozen=True, kw_only=True):
    """`evidence`: items of `tables.EVIDENCE` of the recording's rows and of what the operator
    recorded on it, each once; of the first MOST_ROWS rows by source and key.
    """

    number: int
    title: str
    artist_credit: str
    evidence: list[dict[str, Any]]


def evidence_from_imports(
    engine: TableEngine,
    inputs: BuildInputs,
    manifest: BuildManifest,
    directory: Path,
    number: int,
) -> Stated:
    """What is stated of recording `number` of the build in `directory`, made from `inputs`.

    Raises:
        NotFoundError: the build has no such recording.
    """
    build = Previous(engine, manifest, directory)
    number = living_number(engine, build, number)
    recordings = build.content(Kind.RECORDING)
    found = recordings.filter(recordings.number == number)
    said = engine.rows(found.select("title", "artist_credit"))
    if not said:
        raise NotFoundError(f"recording {number}: the current build has none of this number")
    redirects = newest_table(engine, inputs.redirects, MBID_REDIRECTS)
    rows = Rows(engine, inputs.rows, redirects, rows_per_part=inputs.rows_per_part)
    tracks = build.content(Kind.TRACK)
    mine = engine.keep(tracks.filter(tracks.recording == number).select("source", "source_key"))
    members = rows.select("source", "source_key", "evidence").inner_join(
        mine, ["source", "source_key"]
    )
    listed = members.select("source", "source_key", "evidence").order_by(["source", "source_key"])
    items: dict[str, dict[str, Any]] = {}
    for _, _, evidence in engine.rows(listed.limit(MOST_ROWS)):
        for item in evidence or ():
            items.setdefault(repr(sorted(item.items(), key=str)), item)
    claims = living_claims(engine, read_claims(inputs.claims), build.redirects(Kind.RECORDING))
    for item in claims.get(number, ()):
        items.setdefault(repr(sorted(item.items(), key=str)), item)
    ((title, credit),) = said
    return Stated(number=number, title=title, artist_credit=credit, evidence=list(items.values()))
