"""`rights explain`: the verdicts on one recording, from what the archive's imports state of it."""

from collections.abc import Sequence
from datetime import date

import msgspec

from phonotheque.archive.explaining import opened_imports
from phonotheque.archive.policy import archive_policy
from phonotheque.archive.verdicts import parse_evidence
from phonotheque.archive.withdrawals import read_withdrawals
from phonotheque.catalogue import Stated, evidence_from_imports
from phonotheque.model.numbers import IdKey, Kind, format_public_id
from phonotheque.model.rights import Use
from phonotheque.rights import VerdictView, explain_verdict, facts_of
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree

AT_HOME = (Use.HOLD, Use.PRESERVE, Use.DERIVE_METADATA)
"""Uses inside the archive, decided for the country of its publisher unless others are asked for."""
USES = (Use.HOLD, Use.STREAM, Use.DISTRIBUTE, Use.AI_TRAIN)


class RightsExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """A recording and the verdicts that were asked for. Each verdict lists the same evidence."""

    recording: str  # public id
    number: int
    title: str
    artist_credit: str
    withdrawn: bool
    verdicts: list[VerdictView]


def explain_rights(
    tree: Tree,
    recording: str,
    *,
    territories: Sequence[str] = (),
    on: date,
    uses: Sequence[Use] | None = None,
) -> RightsExplanation:
    """The verdicts on a recording of the current build, named by its public id or its number.

    Without `uses`, those of USES. Without `territories`, those AT_HOME are decided for the
    publisher's country, all else for the world set of archive.toml. Reads every import once or
    twice; writes only to a temporary directory.

    Raises:
        NotFoundError: no archive, no build, or no such recording in it.
        InputError: what was given names no recording, or a territory is no code.
    """
    settings = read_settings(tree)
    policy = archive_policy(settings)
    stated = _stated(tree, recording)
    withdrawn = any(w.recording == stated.number for w in read_withdrawals(tree))
    facts = facts_of(parse_evidence(stated.evidence), withdrawn=withdrawn)
    home, world = [settings.seat], list(policy.territories)
    verdicts = [
        explain_verdict(facts, territories or (home if use in AT_HOME else world), on, use, policy)
        for use in uses or USES
    ]
    return RightsExplanation(
        recording=format_public_id(
            stated.number, IdKey(bytes.fromhex(settings.id_key)), Kind.RECORDING
        ),
        number=stated.number,
        title=stated.title,
        artist_credit=stated.artist_credit,
        withdrawn=withdrawn,
        verdicts=verdicts,
    )


def _stated(tree: Tree, recording: str) -> Stated:
    with opened_imports(tree, recording) as (engine, inputs, manifest, directory, number):
        return evidence_from_imports(engine, inputs, manifest, directory, number)
