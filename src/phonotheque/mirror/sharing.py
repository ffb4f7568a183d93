"""Who fetches which file of a volume, when HTTP and the swarm work on it together. Pure, but for
the lock.

Each file goes to one of them. The swarm takes from one end of the list as many as it can do with,
HTTP from the other one by one; when the list is empty HTTP takes over what the swarm has not begun.
A file that one cannot bring goes to the other; when one fails altogether, the other gets it all.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from threading import Condition

from phonotheque.mirror.expected import ExpectedFile
from phonotheque.mirror.formats import Via

_WAIT_SECONDS = 0.2


class Shares:
    """The files of a volume that are still to come. Threads share one.

    `failures`: why files did not come, by path; a file that comes after all is taken out.
    """

    def __init__(self, files: Iterable[ExpectedFile]) -> None:
        self._changed = Condition()
        self._left = deque(files)
        self._at: dict[Via, dict[str, ExpectedFile]] = {Via.HTTP: {}, Via.SWARM: {}}
        self._only: dict[Via, deque[ExpectedFile]] = {Via.HTTP: deque(), Via.SWARM: deque()}
        self._idle: set[str] = set()
        self._taken: list[ExpectedFile] = []
        self._open = {Via.HTTP, Via.SWARM}
        self.failures: dict[str, str] = {}

    @property
    def done(self) -> bool:
        """Whether nothing is under way, and nothing left that anybody would take."""
        with self._changed:
            if any(self._at.values()):
                return False
            waiting = any(self._only[via] for via in self._open)
            return not waiting and not (self._left and self._open)

    def is_open(self, via: Via) -> bool:
        """Whether that way has not failed."""
        return via in self._open

    def has(self, via: Via, file: ExpectedFile) -> bool:
        """Whether that way is to bring the file, and no other has taken it over."""
        with self._changed:
            return file.path in self._at[via]

    def at_swarm(self) -> list[ExpectedFile]:
        """What the swarm is to bring."""
        with self._changed:
            return list(self._at[Via.SWARM].values())

    def next_for_http(self, stopped: Callable[[], bool]) -> ExpectedFile | None:
        """The next file to fetch; waits while there may be one later. None: there is none."""
        with self._changed:
            while not stopped() and Via.HTTP in self._open:
                if (file := self._choose()) is not None:
                    self._at[Via.HTTP][file.path] = file
                    return file
                if not self._at[Via.SWARM] and not (self._left or self._only[Via.SWARM]):
                    return None
                self._changed.wait(_WAIT_SECONDS)
        return None

    def next_for_swarm(self, room_bytes: int, most: int) -> list[ExpectedFile]:
        """Files of so many bytes together: at most half of what nobody has begun, but one at least
        where there is room at all."""
        taken: list[ExpectedFile] = []
        with self._changed:
            if room_bytes <= 0 or Via.SWARM not in self._open:
                return taken
            only = self._only[Via.SWARM]
            shared = Via.HTTP in self._open
            fair = -(-len(self._left) // 2) if shared else len(self._left)
            while (only or (self._left and fair > 0)) and room_bytes > 0 and len(taken) < most:
                fair -= 0 if only else 1
                file = only.popleft() if only else self._left.popleft()
                room_bytes -= file.size_bytes
                self._at[Via.SWARM][file.path] = file
                taken.append(file)
        return taken

    def set_idle(self, paths: Collection[str]) -> None:
        """Those files at the swarm have not begun to come."""
        with self._changed:
            self._idle = set(paths)
            self._changed.notify_all()

    def taken_over(self) -> list[ExpectedFile]:
        """Files that the swarm had, and HTTP has taken, since the last time."""
        with self._changed:
            taken, self._taken = self._taken, []
            return taken

    def came(self, file: ExpectedFile) -> None:
        """The file is in its place."""
        with self._changed:
            for held in self._at.values():
                held.pop(file.path, None)
            self.failures.pop(file.path, None)
            self._changed.notify_all()

    def failed(self, via: Via, file: ExpectedFile, why: str) -> None:
        """That way does not bring the file: the other is to, if it has not tried."""
        with self._changed:
            self._at[via].pop(file.path, None)
            tried = file.path in self.failures
            self.failures[file.path] = why
            other = Via.SWARM if via is Via.HTTP else Via.HTTP
            if not tried and other in self._open:
                self._only[other].append(file)
            self._changed.notify_all()

    def close(self, via: Via, why: str) -> None:
        """That way has failed: what it had goes back, but for what the other cannot bring."""
        with self._changed:
            self._open.discard(via)
            back = list(self._at[via].values()) if via is Via.SWARM else []
            if via is Via.SWARM:
                self._at[via].clear()
            for file in (*back, *self._only[via]):
                if file.path not in self.failures:
                    self._left.append(file)
            self._only[via].clear()
            if not self._open:
                for file in self._left:
                    self.failures.setdefault(file.path, why)
            self._changed.notify_all()

    def _choose(self) -> ExpectedFile | None:
        if self._only[Via.HTTP]:
            return self._only[Via.HTTP].popleft()
        if self._left:
            return self._left.pop()
        while self._idle:
            file = self._at[Via.SWARM].pop(self._idle.pop(), None)
            if file is not None:
                self._taken.append(file)
                return file
        return None
