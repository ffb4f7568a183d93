"""The object storage that the tests of this folder run over."""

from tests.support.object_storage import gate, storage

__all__ = ["gate", "storage"]
