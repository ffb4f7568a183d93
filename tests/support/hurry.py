"""libtorrent connects to a peer at its next tick, half a second or more after it heard of it: most
of the time of a test that starts a hundred sessions."""

from typing import Any

import libtorrent as lt

_TICK_MILLISECONDS = 20
_session: Any = lt.session


def hurried_session(settings: dict[str, Any]) -> Any:
    """A session as asked for, that ticks often."""
    return _session(settings | {"tick_interval": _TICK_MILLISECONDS})


def hurry_swarms() -> None:
    """Have all later sessions of this process be such; in a test patch `libtorrent.session`."""
    lt.session = hurried_session  # type: ignore[misc, assignment]
