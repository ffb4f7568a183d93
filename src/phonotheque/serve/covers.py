"""Cover art for pages: the picture inside a published file, else a pattern of its own."""

from phonotheque.model.errors import InputError
from phonotheque.model.numbers import Kind, parse_public_id
from phonotheque.search import DisplayRow
from phonotheque.serve.problems import not_found
from phonotheque.serve.publication import Publication
from phonotheque.serve.subsonic import Image, draw_cover, picture_of

_TRIED = 3  # recordings of a release


def cover_image(publication: Publication, public_id: str, size: int) -> Image:
    """The picture of a recording or a release; patterns are of `size` × `size` pixels.

    Raises:
        Refused: 404, it is neither.
    """
    try:
        kind, number = parse_public_id(public_id, publication.id_key)
    except InputError as error:
        raise not_found(str(error)) from None
    rows = _rows(publication, kind, number)
    if not rows:
        raise not_found(f"{public_id}: this edition has no such recording or release")
    found = (picture_of(publication, row) for row in rows)
    return next((image for image in found if image), None) or draw_cover(public_id, size)


def _rows(publication: Publication, kind: Kind, number: int) -> list[DisplayRow]:
    if kind is Kind.RECORDING:
        return publication.index.rows([number])
    if kind is Kind.RELEASE:
        return publication.index.rows(publication.index.release_recordings(number)[:_TRIED])
    return []
