"""Where the bytes of Parquet tables go: by table and by column."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq

from phonotheque.catalogue import current_build
from phonotheque.storage.layout import Tree


def catalogue_columns(root: Path) -> dict[str, int]:
    """Compressed bytes by ``<table>.<column>`` of the current build of the archive at `root`; what
    a file has beside its columns (footer) counts as ``<table>.footer``."""
    found = current_build(Tree(root))
    if found is None:
        return {}
    manifest, directory = found
    total: Counter[str] = Counter()
    for shard in manifest.shards:
        total += columns_of(shard.table.partition("-")[0], [directory / shard.path])
    return dict(total.most_common())


def columns_of(table: str, paths: Iterable[Path]) -> Counter[str]:
    """Compressed bytes by ``<table>.<column>``."""
    total: Counter[str] = Counter()
    for path in paths:
        meta = pq.read_metadata(path)
        here: Counter[str] = Counter()
        for group in range(meta.num_row_groups):
            for at in range(meta.num_columns):
                column = meta.row_group(group).column(at)
                name = column.path_in_schema.partition(".")[0]
                here[f"{table}.{name}"] += column.total_compressed_size
        here[f"{table}.footer"] = path.stat().st_size - here.total()
        total += here
    return total
