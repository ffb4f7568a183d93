"""What a reader of a dump is: from a file to blocks of columns (docs/formats/source-rows.md).

A reader parses one form of input and says what it could not parse. What the values mean, whether
they can be right and what is computed from them is the same for all readers and done once, behind
them. `known_readers` lists those that there are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from phonotheque.model.findings import Finding
from phonotheque.sources.records import Block

IterBlocks = Callable[[Path, int], Iterator[Block | Finding]]
"""(path, after): what the input holds behind its first `after` records.

Records are counted from 1, and a block gives each row the number of the record it came from. With
`after`, the first records are passed over as cheaply as can be, counting goes on, and what is
yielded is what would have been yielded of the later records without it. Blocks have at most
65,536 rows unless one record alone has more; numbers never fall from block to block, and all rows
of one record stand in one block. Every record that gives nothing gets a `Finding` with its number,
before the first block that has later records. Memory: a block, whatever the input.
"""


@dataclass(frozen=True, slots=True)
class Reader:
    """One form of input. `recognises` gets the path and the first 64 KiB of the content,
    decompressed (b"" for a folder); the first reader of the list that says yes reads it."""

    name: str  # what --as takes
    kind: str  # rows | listens | artists | groups | redirects
    about: str  # one line, for --help and docs
    replaces: bool  # an input is the whole truth of its source: what is missing is gone
    recognises: Callable[[Path, bytes], bool]
    iter_blocks: IterBlocks
