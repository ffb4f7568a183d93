"""Notices of take-down as everybody may see them: the files of `notices/`. Reads only.

They are redacted when they are written. A server over a mirror has none: they are no part of an
edition.
"""

import logging
import os

from phonotheque.model.answers import NoticeAnswer, NoticesAnswer, NoticeSummary, StepAnswer
from phonotheque.model.errors import FormatError, InputError, NotFoundError
from phonotheque.model.notices import CASE_ID, PublicNotice, PublicStep
from phonotheque.serve.problems import not_found
from phonotheque.serve.publication import Publication
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree

_LOG = logging.getLogger(__name__)


def notices_answer(publication: Publication, cursor: str | None, limit: int) -> NoticesAnswer:
    """One page of notices; `cursor` is the last case of the page before.

    One that cannot be read is left out, and the log says so.

    Raises:
        InputError: `cursor` is no case.
    """
    if cursor is not None and not CASE_ID.fullmatch(cursor):
        raise InputError(f"cursor: {cursor!r} is not one of ours; begin without a cursor")
    cases = list_cases(publication.tree)
    older = [c for c in cases if cursor is None or _number(c) < _number(cursor)]
    page = older[:limit]
    return NoticesAnswer(
        notices=[summary for case in page if (summary := _summary(publication.tree, case))],
        total=len(cases),
        next_cursor=page[-1] if len(older) > limit else None,
    )


def notice_answer(publication: Publication, case: str) -> NoticeAnswer:
    """One notice.

    Raises:
        Refused: 404, there is no such case here.
        FormatError: its file cannot be read.
    """
    try:
        notice = _read(publication.tree, case) if CASE_ID.fullmatch(case) else None
    except NotFoundError:
        notice = None
    if notice is None:
        raise not_found(f"{case}: no notice here has this number")
    fields = {name: getattr(notice, name) for name in NoticeAnswer.__struct_fields__}
    return NoticeAnswer(**fields | {"steps": [_step(step) for step in notice.steps]})


def list_cases(tree: Tree) -> list[str]:
    """The cases that are told of here, the newest first; names alone, nothing is opened."""
    try:
        with os.scandir(tree.notices) as entries:
            names = [e.name.removesuffix(".json") for e in entries if e.name.endswith(".json")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted((n for n in names if CASE_ID.fullmatch(n)), key=_number, reverse=True)


def _number(case: str) -> int:
    return int(case.partition("-")[2])


def _read(tree: Tree, case: str) -> PublicNotice:
    return read_document(tree.notices / f"{case}.json", PublicNotice)


def _summary(tree: Tree, case: str) -> NoticeSummary | None:
    try:
        notice = _read(tree, case)
    except (FormatError, NotFoundError) as error:
        _LOG.error("%s; the list of notices goes without it", error)
        return None
    return NoticeSummary(
        case=case,
        law=notice.law,
        state=notice.state,
        received_at=notice.received_at,
        changed_at=notice.steps[-1].at if notice.steps else notice.received_at,
        sender=notice.sender,
        recordings=len(notice.recordings),
    )


def _step(step: PublicStep) -> StepAnswer:
    return StepAnswer(state=step.state, at=step.at)
