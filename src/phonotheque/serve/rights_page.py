"""The argument for what may be done with a recording: for any country, day and use, as a page."""

from datetime import date
from typing import Any

from phonotheque.model.rights import Use
from phonotheque.search import DisplayRow
from phonotheque.serve.publication import Publication
from phonotheque.serve.verdicts import USES, rights_answer

_USES = {
    "STREAM": "Streaming",
    "DISTRIBUTE": "Sharing copies",
    "AI_TRAIN": "Training models",
}


def rights_values(
    publication: Publication, row: DisplayRow, territory: str, day: date | None
) -> dict[str, Any]:
    """What the page shows; without `territory` those of the edition, without `day` that of its
    publication.

    Raises:
        InputError: the territory is no code of two letters.
    """
    on = day or publication.manifest.published_at.date()
    asked = [code for code in territory.replace(",", " ").split() if code]
    answer = rights_answer(publication, row, territories=asked, on=on)
    return {
        "answer": answer,
        "asked": {"territory": " ".join(asked), "day": on.isoformat()},
        "uses": {use.value: _USES.get(use.value, use.value) for use in (*USES, *Use)},
    }
