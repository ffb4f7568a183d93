"""The stores that the tests of this folder run over."""

from collections.abc import Iterator

import pytest

from tests.support.object_storage import Gate, ObjectStorage, gate_to, object_storage


@pytest.fixture(scope="session")
def storage() -> Iterator[ObjectStorage]:
    """A server of object storage, one for the whole run."""
    with object_storage() as server:
        yield server


@pytest.fixture
def gate(storage: ObjectStorage) -> Iterator[Gate]:
    """A gate in front of it."""
    with gate_to(storage.endpoint) as opened:
        yield opened
