"""From a public id in an address to a number of the edition."""

from phonotheque.model.numbers import Kind
from phonotheque.serve.problems import not_found
from phonotheque.serve.publication import Publication

_NAMES = {Kind.RECORDING: "recording", Kind.RELEASE: "release", Kind.ARTIST: "artist"}


def number_of(publication: Publication, public_id: str, kind: Kind) -> int:
    """The number `public_id` leads to; a merged one leads to its successor's.

    Raises:
        Refused: 404 when it is no id, or not one of this `kind`, or names nothing here.
    """
    found = publication.index.lookup(public_id)
    if found.recognised != "public-id":
        raise not_found(f"{public_id}: this is no id of this archive; perhaps it is mistyped")
    if found.kind is not kind or not found.numbers:
        raise not_found(f"{public_id}: this edition has no such {_NAMES[kind]}")
    return found.numbers[0]
