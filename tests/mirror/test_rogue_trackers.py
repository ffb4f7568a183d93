"""Trackers that lie, drip or talk without end: seeding goes on, and ends when it is told to."""

import time

import pytest

from phonotheque.mirror.trackers import announce, new_peer_id
from phonotheque.model.errors import TransferError
from tests.support import rogue
from tests.support.origin import TinyOrigin

HASH = bytes(range(20))
GIVEN: list[int] = []


@pytest.mark.full
@pytest.mark.parametrize(
    "manner",
    [
        rogue.body(lambda _: b"<html>Please log in</html>"),
        rogue.body(lambda _: b"d8:completei" + b"9" * 5_000 + b"ee"),
        rogue.body(lambda _: b"l" * 60_000),
        rogue.endless(GIVEN),
        rogue.drip_headers,
        rogue.drip_body,
        rogue.garbage,
        rogue.hang_up,
        rogue.silence(2.0),
        rogue.status(302, Location="/again"),
        rogue.status(301, Location="file:///etc/passwd"),
    ],
    ids=["html", "odd number", "deep", "endless", "drips headers", "drips", "no http", "hangs up",
         "silent", "circles", "to a file"],
)  # fmt: skip
def test_a_tracker_that_misbehaves_is_left_soon(
    published: TinyOrigin, manner: rogue.Manner
) -> None:
    with rogue.RogueServer(published.root) as server:
        server.misbehave = manner
        began = time.monotonic()
        with pytest.raises(TransferError, match="does not answer as a tracker"):
            announce(f"{server.url}/announce", HASH, 6881, new_peer_id(), timeout_seconds=0.5)
        assert time.monotonic() - began < 10
    assert all(given < rogue.ENOUGH / 4 for given in GIVEN)
