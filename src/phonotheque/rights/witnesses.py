"""Who a witness is, however the name is written. Pure."""

from functools import lru_cache

DISCOGRAPHY = "discography"
_DISCOGRAPHIES = frozenset(
    {
        "45cat", "45worlds", "acousticbrainz", "adp", "allmusic", "apple", "dahr", "deezer",
        "discogs", "freedb", "genius", "gracenote", "itunes", "last.fm", "lastfm",
        "listenbrainz", "mb", "musicbrainz", "rateyourmusic", "rym", "secondhandsongs",
        "spotify", "wikidata", "wikipedia"
    }
)  # fmt: skip
"""Lists of records that anybody may copy into another, whether or not they are called one."""


@lru_cache(maxsize=1 << 12)
def witness_called(name: str) -> str:
    """The witness behind a name; case and blanks make no other one.

    All discographies are one, for they copy from each other: `discography:…`, and the best known
    by their bare names.
    """
    told = " ".join(name.casefold().split())
    kind = told.partition(":")[0].strip()
    return DISCOGRAPHY if kind == DISCOGRAPHY or kind in _DISCOGRAPHIES else told
