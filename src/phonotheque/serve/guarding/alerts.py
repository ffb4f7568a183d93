"""Alerts: lines of the audit log that people should know of, sent to a web address, signed.

A thread of its own follows the log, so that no request ever waits; what could not be delivered is
tried again, later and later, and in order. How far it got is kept with the records: a restart
neither loses nor repeats more than what was on its way.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from phonotheque.guard import Entry, GuardStore
from phonotheque.model.errors import TransferError
from phonotheque.serve.guarding.alerting import (
    SIGNATURE,
    AlertSettings,
    format_alert,
    is_alert,
    sign,
)
from phonotheque.serve.guarding.keeper import FAULTS

_LOG = logging.getLogger(__name__)
LOOK_S: Final = 5.0
LONGEST_WAIT_S: Final = 900.0
AT_ONCE: Final = 50
SENT: Final = "alerts.sent"


class Alerts:
    """Sends them. `clock` is the server's."""

    def __init__(
        self,
        store: GuardStore,
        settings: AlertSettings,
        secret: bytes,
        clock: Callable[[], datetime],
        *,
        look_s: float = LOOK_S,
    ) -> None:
        self._store, self._settings, self._secret = store, settings, secret
        self._clock, self._look_s = clock, look_s
        import urllib3  # noqa: PLC0415 - a tenth of a second, and few servers send alerts

        self._failing = urllib3.exceptions.HTTPError
        self._pool = urllib3.PoolManager(
            num_pools=1, retries=False, timeout=urllib3.Timeout(connect=5, read=10)
        )
        self._failed = 0
        self._line: int | None = None
        self.sent = self.failures = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="phonotheque-alerts", daemon=True)

    def start(self) -> None:
        """Begin to follow the log."""
        self._thread.start()

    def close(self) -> None:
        """End; what is on its way has a little time to arrive."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(16)
        self._pool.clear()

    def send_due(self) -> int:
        """Send what has come since the last time; how many lines were told of.

        Raises:
            TransferError: they did not arrive; the next call tries them again.
        """
        done = self._place()
        told = 0
        pending: list[Entry] = []
        last = done
        for entry in self._store.iter_audit(done):
            last = entry.event
            if is_alert(entry, self._settings.from_measure):
                pending.append(entry)
            if len(pending) >= AT_ONCE:
                told += self._deliver(pending, last)
                pending = []
        if pending:
            told += self._deliver(pending, last)
        elif last > self._place():
            self._keep(last)
        return told

    def _deliver(self, entries: Sequence[Entry], last: int) -> int:
        now = self._clock()
        body = format_alert(entries, now)
        headers = {"Content-Type": "application/json", SIGNATURE: sign(body, now, self._secret)}
        try:
            answer = self._pool.request(
                "POST", self._settings.url, body=body, headers=headers, redirect=False,
                preload_content=False,
            )  # fmt: skip
            status = answer.status
            answer.close()
        except self._failing as error:
            raise TransferError(f"alerts: {type(error).__name__}") from error
        if not 200 <= status < 300:
            raise TransferError(f"alerts: the receiver answered {status}")
        self._keep(last)
        self.sent += len(entries)
        return len(entries)

    def _place(self) -> int:
        """The last line that was seen to; at first, the newest there is: no old ones are told."""
        if self._line is None:
            newest = str(self._store.last_line()).encode()
            self._line = int(self._store.setting(SENT, newest))
        return self._line

    def _keep(self, line: int) -> None:
        self._store.change_setting(SENT, str(line).encode())
        self._line = line

    def _run(self) -> None:
        while not self._ended.wait(self._pause()):
            try:
                self.send_due()
                self._failed = 0
            except FAULTS as error:
                self._failed += 1
                self.failures += 1
                _LOG.warning("alerts were not sent, and will be tried again: %s", error)

    def _pause(self) -> float:
        return min(self._look_s * 2.0 ** min(self._failed, 16), LONGEST_WAIT_S)
