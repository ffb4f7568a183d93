"""What may be done with a recording where, when and for what, argued. Reads only.

The evidence is that which the edition carries with the published file; the policy is the archive's
own where its archive.toml stands here, else the default, which declares nothing. What the edition
itself says of a use is never exceeded: the lesser of both counts.
"""

import logging
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import msgspec

from phonotheque.model.archive_answers import (
    ClaimAnswer,
    RightsOfAnswer,
    VerdictAnswer,
)
from phonotheque.model.errors import PhonothequeError
from phonotheque.model.rights import Level, Use, evidence_of
from phonotheque.rights import Policy, VerdictView, explain_verdict, facts_of, policy_of
from phonotheque.search import DisplayRow
from phonotheque.serve.assemble import allows, summarise_rows
from phonotheque.serve.publication import Publication
from phonotheque.serve.queries import Row
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree

_LOG = logging.getLogger(__name__)

USES = (Use.STREAM, Use.DISTRIBUTE, Use.AI_TRAIN)
"""What is decided where nothing is asked for: the uses of which an edition speaks itself."""


def rights_answer(
    publication: Publication,
    row: DisplayRow,
    *,
    territories: Sequence[str] = (),
    on: date,
    uses: Sequence[Use] = (),
) -> RightsOfAnswer:
    """The verdicts on a recording, each with its argument.

    Without `territories`, those of the edition; without `uses`, USES. What is withdrawn is decided
    as such.

    Raises:
        InputError: a territory is no code of two letters.
    """
    policy, declared = _policy(publication)
    (summary,) = summarise_rows(publication, [row])
    published = _published(publication, row)
    claims = [] if published is None else published["evidence"]
    facts = facts_of([evidence_of(claim) for claim in claims], withdrawn=summary.withdrawn)
    where = list(dict.fromkeys(code.upper() for code in territories))
    where = where or list(publication.manifest.territories)
    said = _said(publication, row)
    views = [explain_verdict(facts, where, on, use, policy) for use in dict.fromkeys(uses or USES)]
    return RightsOfAnswer(
        recording=summary,
        territories=where,
        edition_territories=publication.manifest.territories,
        policy=declared,
        evidence_of=None if published is None else published["sha256"],
        evidence=[msgspec.convert(e, ClaimAnswer, from_attributes=True) for e in views[0].evidence],
        verdicts=[_verdict(view, said.get(view.use), known=bool(claims)) for view in views],
    )


def _verdict(view: VerdictView, in_edition: str | None, *, known: bool) -> VerdictAnswer:
    fields = {
        name: getattr(view, name)
        for name in VerdictAnswer.__struct_fields__
        if name not in ("in_edition", "allowed")
    }
    allowed = known and Level[view.level] >= Level.ALLOW_IF
    if view.use in (use.value for use in USES):
        allowed = allowed and in_edition is not None and allows(in_edition)
    return msgspec.convert(
        {**fields, "in_edition": in_edition, "allowed": allowed},
        VerdictAnswer,
        from_attributes=True,
    )


def _said(publication: Publication, row: DisplayRow) -> dict[str, str]:
    """What the edition itself says of each use: for the file where it was published, and the
    recording by now, whichever is less."""
    said = {Use.STREAM.value: row.stream, Use.DISTRIBUTE.value: row.distribute}
    if row.file is None:
        return said
    said = {
        Use.STREAM.value: _lesser(row.stream, row.file.stream),
        Use.DISTRIBUTE.value: _lesser(row.distribute, row.file.distribute),
    }
    training = publication.ai_training(row.file.volume, row.file.path)
    if training is not None:
        said[Use.AI_TRAIN.value] = training[0]
    return said


def _lesser(one: str, other: str) -> str:
    return min(one, other, key=lambda name: Level.__members__.get(name, Level.DENY))


def _published(publication: Publication, row: DisplayRow) -> Row | None:
    return None if row.file is None else publication.rights_row(row.file.volume, row.file.path)


def _policy(publication: Publication) -> tuple[Policy, str]:
    """The policy by which is decided, and whose it is."""
    manifest, path = publication.manifest, publication.tree.archive_toml
    if path.is_file() and (declared := _declared(publication.tree, path.stat().st_mtime_ns)):
        return declared, "archive"
    return Policy(territories=tuple(manifest.territories), seat=manifest.archive.seat), "default"


@lru_cache(maxsize=4)
def _declared(tree: Tree, changed_ns: int) -> Policy | None:
    del changed_ns  # another file is read again
    try:
        settings = read_settings(tree)
        return policy_of(settings.rights, settings.seat)
    except PhonothequeError as error:
        _LOG.error("%s; verdicts are given without what it declares", error)
        return None
