"""Path patterns of robots.txt (RFC 9309 s. 2.2.3), which TDMRep uses too. Pure, linear."""

from urllib.parse import unquote


def matches(pattern: str, path: str) -> bool:
    """Whether `pattern` (``*`` any run, a last ``$`` the end) matches the beginning of `path`."""
    pattern, path = unquote(pattern), unquote(path)
    anchored = pattern.endswith("$")
    first, *rest = (pattern[:-1] if anchored else pattern).split("*")
    if not path.startswith(first):
        return False
    if not rest:
        return not anchored or path == first
    at = len(first)
    last = rest.pop() if anchored else ""
    for piece in rest:
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return not anchored or (path.endswith(last) and len(path) - len(last) >= at)
