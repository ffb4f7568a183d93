"""What the command line shows: results on standard output, progress and notes on standard error."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from phonotheque.model.text import make_legible

_PLAIN_SECONDS = 10.0
_CELL_CHARACTERS = 100  # a table is to be looked over; --json has all of it


@dataclass(frozen=True, slots=True)
class Marked:
    """A cell with `spans` of its text, in code points, that stand out on a terminal."""

    text: str
    spans: Sequence[tuple[int, int]]


class Screen:
    """Where one command writes. `json_mode` leaves standard output to a single JSON object."""

    def __init__(self, *, json_mode: bool = False) -> None:
        self.json_mode = json_mode
        self.out = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.err = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """One line of the result for people; silent in JSON mode."""
        if not self.json_mode:
            self.out.print(escape(make_legible(text)))

    def note(self, text: str) -> None:
        """One line about what is going on."""
        self.err.print(escape(make_legible(text)))

    def print_json(self, value: Any) -> None:
        """The JSON object of this command."""
        sys.stdout.write(json.dumps(msgspec.to_builtins(value), indent=1, ensure_ascii=False))
        sys.stdout.write("\n")
        sys.stdout.flush()

    def result(self, value: Any, lines: Iterable[str]) -> None:
        """`value` in JSON mode, else `lines`."""
        if self.json_mode:
            self.print_json(value)
            return
        for line in lines:
            self.say(line)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A plain table for people; columns of numbers are set right."""
        if self.json_mode:
            return
        listed = [[_cell_text(cell) for cell in row] for row in rows]
        numeric = [
            all(_is_numeric(row[i].plain) for row in listed) and bool(listed)
            for i in range(len(columns))
        ]
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name, right in zip(columns, numeric, strict=True):
            table.add_column(name, justify="right" if right else "left", overflow="fold")
        for row in listed:
            table.add_row(*row)
        self.out.print(table)


class Reporter:
    """A `model.progress.Progress`: a bar on a terminal, else a line now and then. Never silent."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._step, self._unit, self._done = "", "", 0
        self._total: int | None = None
        self._told = 0.0

    def start(self, step: str, total: int | None, unit: str) -> None:
        """A step begins."""
        self._step, self._total, self._unit, self._done = step, total, unit, 0
        self._told = time.monotonic()
        if not self._screen.err.is_terminal:
            self._screen.note(f"{step} …")
            return
        self._stop_bar()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            console=self._screen.err,
            transient=True,
        )
        self._task = self._bar.add_task(step, total=total, amount="")
        self._bar.start()

    def advance(self, amount: int = 1) -> None:
        """So much more is done."""
        self._done += amount
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=amount, amount=self._amount())
        elif time.monotonic() - self._told > _PLAIN_SECONDS:
            self._told = time.monotonic()
            self._screen.note(f"{self._step}: {self._amount()}")

    def note(self, text: str) -> None:
        """One line for the log."""
        self._screen.note(text)

    def close(self) -> None:
        """The command is over."""
        self._stop_bar()

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _amount(self) -> str:
        shape = format_bytes if self._unit == "bytes" else "{:,}".format
        done = shape(self._done)
        unit = "" if self._unit == "bytes" else f" {self._unit}"
        return f"{done} of {shape(self._total)}{unit}" if self._total else f"{done}{unit}"


def format_bytes(size: int) -> str:
    """A size in decimal units, as disks are sold: 52.1 MB."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if abs(value) < 1000 or unit == "TB":
            return f"{size} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def format_cell(cell: object) -> str:
    """A table cell: numbers with thousands separators, None as a dash."""
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        return f"{cell:,.2f}"
    text = make_legible(str(cell))
    return text if len(text) <= _CELL_CHARACTERS else text[: _CELL_CHARACTERS - 1] + "…"


def _cell_text(cell: object) -> Text:
    if not isinstance(cell, Marked):
        return Text(format_cell(cell))
    text = Text(format_cell(cell.text))
    if text.plain[:-1] == cell.text[: len(text.plain) - 1]:  # nothing before was made legible
        for begin, end in cell.spans:
            text.stylize("bold", begin, end)
    return text


def format_duration(milliseconds: int | None) -> str:
    """3:07, or a dash where the duration is unknown."""
    if milliseconds is None:
        return "–"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes}:{seconds:02d}"


def _is_numeric(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").replace("%", "").strip("–- ").isdigit() or (
        cell in ("–", "")
    )
