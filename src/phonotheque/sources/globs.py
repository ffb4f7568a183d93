"""Patterns of paths. Pure."""

import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def glob_pattern(glob: str) -> re.Pattern[str]:
    """The pattern of a glob over a POSIX path: ``*`` and ``?`` stay within a folder, ``**`` does
    not; without a slash it is about the file name in any folder."""
    body = _translate(glob.removeprefix("/"), {"*": "[^/]*", "?": "[^/]"})
    anywhere = "" if "/" in glob else "(?:.*/)?"
    return re.compile(anywhere + body)


@lru_cache(maxsize=4096)
def debian_pattern(glob: str) -> re.Pattern[str]:
    """The pattern of a DEP-5 glob: ``*`` and ``?`` match slashes too, a backslash escapes."""
    return re.compile(_translate(glob, {"*": ".*", "?": "."}, escapes=True), re.DOTALL)


def _translate(glob: str, wild: dict[str, str], *, escapes: bool = False) -> str:
    out: list[str] = []
    rest = glob
    while rest:
        if rest.startswith("**/"):
            out.append("(?:.*/)?")
            rest = rest[3:]
        elif rest.startswith("**"):
            out.append(".*")
            rest = rest[2:]
        elif escapes and rest[0] == "\\" and len(rest) > 1:
            out.append(re.escape(rest[1]))
            rest = rest[2:]
        else:
            out.append(wild.get(rest[0]) or re.escape(rest[0]))
            rest = rest[1:]
    return "".join(out)
