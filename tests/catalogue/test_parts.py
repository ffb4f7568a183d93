"""Parts bound memory and nothing else: however few rows one has, the files are the same."""

from pathlib import Path

import pytest

from tests.catalogue.test_shards import everything, many
from tests.support.catalogues import Archive


@pytest.mark.full  # `test_standing` has an everyday one
@pytest.mark.parametrize("rows", [7, 20])
def test_small_parts_write_the_same_bytes_as_one(tmp_path: Path, rows: int) -> None:
    found = []
    for name, more in (("one", {}), ("many", {"rows_per_part": 3})):
        archive = Archive(tmp_path / name, rows_per_shard=16, more=dict(more))
        archive.add_rows("a", many(rows))
        archive.build()
        archive.add_rows("a", many(rows + 3)[rows - 2 :], gone=["k003"])
        found.append(everything(archive.build()))
    assert found[0] == found[1]
