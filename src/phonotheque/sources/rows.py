"""Rows of metadata from table files (docs/formats/source-rows.md)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from phonotheque.model.errors import InputError
from phonotheque.sources.readers import Reader
from phonotheque.sources.records import Record, iter_records, read_columns
from phonotheque.sources.row_maker import COLUMNS, REQUIRED

_SHOWN = 20  # columns named in a message, and characters of each


def _header(columns: Sequence[str]) -> str:
    return ", ".join(repr(c[:_SHOWN]) for c in columns[:_SHOWN]) or "nothing"


def check_rows_file(path: Path) -> list[str]:
    """The columns of the file that will be ignored.

    Raises:
        InputError: the file cannot be read, or a required column is missing.
    """
    columns = read_columns(path)
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise InputError(
            f"{path}: has no column {', '.join(missing)}; its first line gives {_header(columns)}. "
            "Write UTF-8 with commas, and see docs/formats/source-rows.md for the columns"
        )
    return [name for name in columns if name not in COLUMNS]


def _is_rows_table(path: Path, head: bytes) -> bool:
    try:
        return path.is_file() and set(REQUIRED) <= set(read_columns(path))
    except InputError:
        return False


def _iter_blocks(path: Path, after: int) -> Iterator[Record]:
    yield from iter_records(path, COLUMNS, after)


ROWS_TABLE = Reader(
    name="rows",
    kind="rows",
    about="tables of tracks: CSV, JSON Lines or Parquet with our names of columns",
    replaces=False,
    recognises=_is_rows_table,
    iter_blocks=_iter_blocks,
)
