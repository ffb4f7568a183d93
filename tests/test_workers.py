"""Tests in several workers: what is dear is made in one of them."""

import os

import pytest


@pytest.mark.xdist_group("workers")
def test_groups_reach_the_scheduler_of_workers(request: pytest.FixtureRequest) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("all tests run in one process")
    assert request.node.nodeid.endswith("@workers")
