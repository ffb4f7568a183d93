"""Keeping a mirror: proving and mending it, fetching it, giving it.

Each part is a module `mirror_*` with a function `measure(scale)`; its docstring says what it
measures and against what. `--set part=proving` runs one part alone.
"""

import importlib
from typing import Any

PARTS = ("proving", "transfers", "seeding")
GROUPS = ("ours", "peers", "limits", "ratios")


def run(scale: str, *, part: str = "") -> dict[str, Any]:
    """The figures of all parts, or of one."""
    figures: dict[str, Any] = {group: {} for group in GROUPS}
    for name in [part] if part else PARTS:
        found = importlib.import_module(f"bench.mirror_{name}").measure(scale)
        for group in GROUPS:
            figures[group] |= found.get(group, {})
    return figures
