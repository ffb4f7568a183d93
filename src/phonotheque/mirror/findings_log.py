"""Findings as they come: all of them in a file, the first of them in the report."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import msgspec

from phonotheque.mirror.formats import EntryReport
from phonotheque.model.findings import Severity
from phonotheque.storage.durable import naming
from phonotheque.storage.layout import Tree

KEPT = 1000  # findings, and names of files, that a report holds; more are counted
FINDINGS = "findings.jsonl"


class FindingsLog:
    """Takes findings in. Memory: the first `KEPT`; the file has one JSON object a line, flushed
    with each `add`. Without a path the rest is counted only."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.kept: list[EntryReport] = []
        self.count = 0
        self.clean = True  # nothing but information
        self._out: BinaryIO | None = None
        if path is not None:
            path.unlink(missing_ok=True)

    def add(self, found: Iterable[EntryReport]) -> None:
        """Take in some findings.

        Raises:
            NoSpaceError, OSError: the file, which they name, cannot be written.
        """
        for finding in found:
            self.count += 1
            self.clean &= finding.severity == Severity.INFO
            if len(self.kept) < KEPT:
                self.kept.append(finding)
            if self.path is not None:
                self._write(self.path, msgspec.json.encode(finding) + b"\n")
        if self._out is not None and self.path is not None:
            with naming(self.path):
                self._out.flush()

    def _write(self, path: Path, line: bytes) -> None:
        with naming(path):
            if self._out is None:
                self._out = path.open("wb")
            self._out.write(line)

    @property
    def left_out(self) -> int:
        """How many are not among those kept."""
        return self.count - len(self.kept)

    @property
    def written(self) -> str | None:
        """Where all of them are; None when nothing was found, or nothing may be written."""
        return None if self._out is None else str(self.path)

    def __enter__(self) -> "FindingsLog":
        return self

    def __exit__(self, *_: object) -> None:
        if self._out is not None and self.path is not None:
            with naming(self.path):
                self._out.close()


def log_path(tree: Tree, *, may_write: bool, named: Path | None) -> Path | None:
    """Where findings go: where the user says, else into the mirror where that may be written."""
    if named is not None:
        return named
    return tree.root / FINDINGS if may_write else None
