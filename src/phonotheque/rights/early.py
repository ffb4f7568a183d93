"""Recordings made before 1972, for which the law of the United States has exceptions. Pure."""

from phonotheque.rights.facts import Years
from phonotheque.rights.years import Backing

PRE_1972 = 1971


def made_early(years: Years | None) -> Backing:
    """Who bears out that the recording was made before 1972: its making or its publication then.

    Nobody, where it is said to have been published before it was made.
    """
    if years is None or years.published.sharp.last < years.fixed.sharp.first:
        return Backing.NOBODY
    known = (years.fixed, years.published)
    if any(one.attested.last <= PRE_1972 for one in known):
        return Backing.TWO
    return Backing(any(one.sharp.last <= PRE_1972 for one in known))
