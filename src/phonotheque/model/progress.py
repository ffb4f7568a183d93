"""How a long step tells its caller where it is. Rooms report; the adapters draw."""

from typing import Protocol


class Progress(Protocol):
    """Receives the advance of one command. Implementations must be cheap and never raise."""

    def start(self, step: str, total: int | None, unit: str) -> None:
        """A step begins; `total` in `unit` ("files", "bytes", "rows"), or None when unknown."""

    def advance(self, amount: int = 1) -> None:
        """`amount` more units of the current step are done."""

    def note(self, text: str) -> None:
        """One line for the reader of the log."""


class Silent:
    """A `Progress` that says nothing."""

    def start(self, step: str, total: int | None, unit: str) -> None:
        """Nothing is drawn."""

    def advance(self, amount: int = 1) -> None:
        """Nothing is drawn."""

    def note(self, text: str) -> None:
        """Nothing is drawn."""
