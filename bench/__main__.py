"""Run one benchmark: ``python -m bench NAME [--scale small|large] [--set OPTION=VALUE] [--json]``.

Options are of single benches; their docstrings name them.
"""

import argparse
import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import bench
from bench.machine import describe_machine

NOT_BENCHES = frozenset({"__main__", "machine"})
GROUPS = ("ours", "peers", "limits", "ratios")
SCALES = ("small", "large")


def list_benches() -> list[str]:
    """Names of the modules here that are benches: every one with a `run`, sorted."""
    return [
        name
        for name in sorted(m.name for m in pkgutil.iter_modules(bench.__path__))
        if name not in NOT_BENCHES and not name.startswith("_") and hasattr(load(name), "run")
    ]


def load(name: str) -> ModuleType:
    """The module of the bench `name`."""
    return importlib.import_module(f"bench.{name}")


def options_of(name: str) -> list[str]:
    """The options that the bench `name` takes: all keywords of its `run`."""
    parameters = inspect.signature(load(name).run).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


def measure(name: str, scale: str, options: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run the bench `name`: its figures in the common form.

    Raises:
        ValueError: the bench returned something that is not of that form.
    """
    figures = load(name).run(scale, **(options or {}))
    unknown = sorted(set(figures) - set(GROUPS))
    if unknown:
        raise ValueError(f"bench {name}: {', '.join(unknown)} is not one of {', '.join(GROUPS)}")
    result: dict[str, Any] = {"name": name, "scale": scale, "machine": describe_machine()}
    for group in GROUPS:
        result[group] = dict(figures.get(group, {}))
    for group, figure, value in iter_figures(result):
        if value is not None and not isinstance(value, int | float | str):
            raise ValueError(f"bench {name}: {group}.{figure} is not flat")
    return result


def iter_figures(result: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(group, figure, value) of every figure of a result."""
    for group in GROUPS:
        for figure, value in result[group].items():
            yield group, figure, value


def format_table(result: Mapping[str, Any]) -> str:
    """A result for people."""
    machine = result["machine"]
    lines = [
        f"{result['name']} ({result['scale']}), {machine['date']}, {machine['cpu']}, "
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, Python {machine['python']}"
    ]
    width = max((len(figure) for _, figure, _ in iter_figures(result)), default=0)
    for group in GROUPS:
        for figure, value in result[group].items():
            lines.append(f"  {group:<7} {figure:<{width}}  {format_value(value)}")
    return "\n".join(lines)


def format_value(value: Any) -> str:
    """A figure with thousands separators, and three significant digits below a thousand."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def main(arguments: list[str] | None = None) -> int:
    """The command line of the benchmarks."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument("--scale", choices=SCALES, default="small")
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE",
                        help="an option of this bench (may stand repeatedly)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--list", action="store_true", help="list the benches")
    parser.add_argument("--names", action="store_true", help="with --list: names only")
    options = parser.parse_args(arguments)
    if options.list:
        for name in list_benches():
            summary = (load(name).__doc__ or "").strip().splitlines()[0]
            print(name if options.names else f"{name:<12} {summary}")
        return 0
    if options.name not in list_benches():
        parser.error(f"no bench {options.name!r}; there are: {', '.join(list_benches()) or 'none'}")
    given = dict(option.partition("=")[::2] for option in options.set)
    if unknown := sorted(set(given) - set(options_of(options.name))):
        known = ", ".join(options_of(options.name)) or "none"
        parser.error(f"bench {options.name} has no option {', '.join(unknown)}; it has: {known}")
    result = measure(options.name, options.scale, given)
    print(json.dumps(result, indent=1) if options.json else format_table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
