"""A new start. Pure."""

import msgspec

from phonotheque.guard.state import NO_SLOW, State, Totals


def pardon(state: State) -> State:
    """`state` without any evidence: what was heard is remembered, what was thought of it is not.

    For an actor whose measure has ended or was lifted: sums that stand high for want of requests
    would bring the measure back with the first one.
    """
    return msgspec.structs.replace(
        state, sums=(), mood=(), totals=Totals(), alarmed_at=-1, slow=NO_SLOW
    )
