"""What a mirror is told beforehand is what its plan says."""

import pytest

from phonotheque.mirror import Preference, Prospect, read_proved
from phonotheque.serve.publication import read_edition
from tests.mirror.conftest import Follower
from tests.support.clock import NOW


@pytest.mark.parametrize("prefer", list(Preference))
def test_what_is_foreseen_of_a_disk_is_what_the_plan_says(
    follower: Follower, prefer: Preference
) -> None:
    tree = follower.origin.tree
    manifest, _ = read_edition(tree, None)
    prospect = Prospect(tree.edition(manifest.name), manifest)
    tiers = prefer is Preference.COMPLETE_TIERS
    sizes = [prospect.least_bytes, *prospect.sizes, prospect.most_bytes * 2]
    for size in sizes[:: max(len(sizes) // 6, 1)]:
        plan = follower.plan(disk_bytes=size, prefer=prefer)
        found = prospect.foresee(size, complete_tiers=tiers)
        assert found is not None
        assert (found.bytes, found.volumes, found.files, found.listens_share) == (
            plan.bytes, len(plan.volumes), plan.files, plan.listens_share
        )  # fmt: skip
    assert prospect.foresee(prospect.least_bytes - 1) is None
    shares = [point.listens_share for point in prospect.curve(complete_tiers=tiers)]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_when_a_mirror_proved_a_file_is_told_without_writing(synced: Follower) -> None:
    place = "volumes/tiny-tier1-00001/data/artist 1/song-1.ogg"
    proved = read_proved(synced.tree, place)
    assert proved is not None
    assert proved.verified_at == NOW
    assert read_proved(synced.tree, "volumes/none") is None
    assert read_proved(synced.origin.tree, place) is None
