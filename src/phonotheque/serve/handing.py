"""Handing files over to the web server in front, which sends them without copying them.

Which file may go to whom is decided here all the same; then the answer has no body but a header
field that names the file (``X-Accel-Redirect`` of nginx, ``X-Sendfile`` of Apache and lighttpd),
and the web server puts the bytes in its place.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from phonotheque.model.errors import UsageError
from phonotheque.storage.layout import Tree

X_ACCEL, X_SENDFILE = "x-accel-redirect", "x-sendfile"


@dataclass(frozen=True, slots=True)
class Handing:
    """How files are named to the web server: by their place on disk (`X_SENDFILE`), or by an
    address below `prefix`, where it has the tree (`X_ACCEL`)."""

    header: str
    prefix: str = ""

    def name(self, tree: Tree, path: Path) -> tuple[str, str] | None:
        """The header field for the file at `path`, links resolved; None: it is none of the tree's
        areas. Pure but for looking at links."""
        if self.header == X_SENDFILE:
            return self.header, quote(str(path))
        for area in (tree.volumes, tree.editions, tree.metadata):
            real = area.resolve()
            if path.is_relative_to(real):
                inside = f"{area.name}/{path.relative_to(real).as_posix()}"
                return self.header, quote(f"{self.prefix}/{inside}")
        return None


def parse_handing(text: str) -> Handing | None:
    """How to hand over: ``x-sendfile``, or ``x-accel-redirect:/PREFIX``; nothing: not at all.

    Raises:
        UsageError: it is none of these.
    """
    header, _, prefix = text.partition(":")
    if not text:
        return None
    if header.lower() == X_SENDFILE and not prefix:
        return Handing(X_SENDFILE)
    if header.lower() == X_ACCEL and prefix.startswith("/") and prefix.strip("/"):
        return Handing(X_ACCEL, "/" + prefix.strip("/"))
    raise UsageError(
        f"{text!r} names no way to hand files over; write x-accel-redirect:/PREFIX or x-sendfile"
    )
