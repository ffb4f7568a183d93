"""The rules of docs/architecture.md as functions from source files to offences.

An offence is one line: ``path:line: what is wrong; the way out``.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "phonotheque"
ROOMS = frozenset({"sources", "rights", "catalogue", "vault", "search", "edition", "statistics"})
GROUND = frozenset({"model", "storage", "engine"})  # every room stands on it
MAY_IMPORT: dict[str, frozenset[str]] = {
    "model": frozenset(),
    "storage": frozenset({"model"}),
    "engine": frozenset({"model", "storage"}),
    **dict.fromkeys(ROOMS, GROUND),
    "search": GROUND | {"catalogue"},
    "statistics": GROUND | {"catalogue"},
    "synth": GROUND,
    "accounts": frozenset({"model", "storage"}),
    "client": frozenset({"model"}),
    "guard": frozenset({"model", "storage"}),
    "archive": GROUND | ROOMS,
    "mirror": GROUND | {"edition", "catalogue"},
    "serve": GROUND
    | {"search", "catalogue", "statistics", "accounts", "rights", "vault", "mirror", "guard"},
    "cli": GROUND | ROOMS | {"archive", "mirror", "serve", "synth", "accounts", "guard"},
}
"""Who may import whom, besides itself. The package's own root is open to all."""

OPEN_INSIDE = frozenset({"model", "storage"})  # their modules are their public face
NO_FACE = OPEN_INSIDE | {"cli", ""}  # packages that nobody imports through an __all__
VAGUE_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "manager"})
ADAPTERS_ONLY = {
    "print": "return the value, or report through Progress",
    "datetime.datetime.now": "take `now: datetime` as a parameter",
    "datetime.datetime.utcnow": "take `now: datetime` as a parameter",
    "datetime.datetime.today": "take `now: datetime` as a parameter",
    "datetime.date.today": "take `today: date` as a parameter",
    "time.time": "take `now: datetime` as a parameter; time.monotonic is fine for pacing",
    "time.time_ns": "take `now: datetime` as a parameter; time.monotonic is fine for pacing",
    "os.environ": "take the setting as a parameter",
    "os.getenv": "take the setting as a parameter",
}
NETWORK = frozenset(
    {"requests", "urllib3", "httpx", "aiohttp", "urllib.request", "http.client", "ftplib",
     "obstore", "boto3", "botocore"}
)  # fmt: skip
NETWORK_ROOMS = frozenset({"mirror", "serve", "client"})
NETWORK_MODULES = {f"{PACKAGE}.storage.s3_bucket": frozenset({"obstore"})}
"""Single modules elsewhere that may, and with which library alone."""
MAX_MODULE_LINES = 399
MAX_FUNCTION_LINES = 59

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Import:
    """One imported module, and the names taken from it (empty for a plain ``import``)."""

    module: str
    names: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Module:
    """One source file, parsed. `name` is dotted; a package has its own name."""

    name: str
    path: str
    tree: ast.Module
    lines: int
    is_package: bool
    imports: tuple[Import, ...] = field(repr=False)

    @property
    def room(self) -> str:
        """The room it belongs to; empty for the package's own files."""
        room = _room_of(self.name)
        return room if room in MAY_IMPORT else ""

    def at(self, line: int, text: str) -> str:
        """An offence at `line`."""
        return f"{self.path}:{line}: {text}"


def read_modules(source: Path) -> list[Module]:
    """Every module below ``source/phonotheque``, sorted by name."""
    found = [_read_module(path, source) for path in sorted((source / PACKAGE).rglob("*.py"))]
    return sorted(found, key=lambda module: module.name)


def _read_module(path: Path, source: Path) -> Module:
    text = path.read_text()
    parts = path.relative_to(source).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    tree = ast.parse(text, str(path))
    shown = path.relative_to(source.parent).as_posix()
    imports = tuple(_iter_imports(tree, name, is_package))
    return Module(name, shown, tree, len(text.splitlines()), is_package, imports)


def _iter_imports(tree: ast.Module, name: str, is_package: bool) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, (), node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = name.split(".")[: (is_package or -1) and None]
            above = len(base) - node.level + is_package
            prefix = ".".join(base[:above]) if node.level else ""
            module = ".".join(p for p in (prefix, node.module) if p)
            yield Import(module, tuple(alias.name for alias in node.names), node.lineno)


def _targets(entry: Import, known: set[str]) -> Iterator[str]:
    """The modules of ours that an import loads, most specific ones first."""
    submodules = [f"{entry.module}.{n}" for n in entry.names if f"{entry.module}.{n}" in known]
    yield from submodules
    if entry.module.split(".")[0] == PACKAGE and len(submodules) < max(len(entry.names), 1):
        yield entry.module


def _room_of(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


# ------------------------------------------------------------------------- rules on imports


def check_layers(modules: list[Module]) -> list[str]:
    """Imports follow `MAY_IMPORT`."""
    known = {m.name for m in modules}
    offences = []
    for module in modules:
        for entry in module.imports:
            for target in _targets(entry, known):
                room = _room_of(target)
                if module.room and room not in ("", module.room, *MAY_IMPORT[module.room]):
                    allowed = ", ".join(sorted(MAY_IMPORT[module.room])) or "nothing"
                    text = f"{module.room} imports {target}; it may import: {allowed}"
                    offences.append(module.at(entry.line, text))
    return offences


def check_faces(modules: list[Module]) -> list[str]:
    """A room is imported through its package root, and only for names of its ``__all__``."""
    known = {m.name for m in modules}
    faces = {m.name: public_names(m) for m in modules if m.is_package}
    offences = []
    for module in modules:
        for entry in module.imports:
            for target in _targets(entry, known):
                room = _room_of(target)
                if room in (module.room, *NO_FACE):
                    continue
                root = f"{PACKAGE}.{room}"
                if target.removeprefix(f"{root}.") in (faces.get(root) or ()):
                    continue  # a function with the name of its module, as rights.decide
                if target != root:
                    text = f"imports {target} past its room's root; use: from {root} import …"
                    offences.append(module.at(entry.line, text))
                    continue
                taken = entry.names if entry.module == root else ()
                hidden = set(taken) - set(faces.get(root) or taken)
                offences += [
                    module.at(entry.line, f"imports {n}, not in __all__ of {root}; add it there")
                    for n in sorted(hidden)
                ]
    return offences


def check_cycles(modules: list[Module]) -> list[str]:
    """No module imports itself through others, imports inside functions included."""
    known = {m.name for m in modules}
    edges = {
        m.name: {t for e in m.imports for t in _targets(e, known) if t in known and t != m.name}
        for m in modules
    }
    reach = {name: _reachable(name, edges) for name in edges}
    return [
        m.at(1, f"{m.name} and {other} import each other; move what both need below both")
        for m in modules
        for other in sorted(reach[m.name])
        if m.name < other and m.name in reach[other]
    ]


def _reachable(start: str, edges: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = list(edges[start])
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(edges[name])
    return seen


def check_network(modules: list[Module]) -> list[str]:
    """Only `NETWORK_ROOMS` and `NETWORK_MODULES` talk to the network."""
    return [
        module.at(entry.line, f"imports {name}; only {' and '.join(sorted(NETWORK_ROOMS))} may")
        for module in modules
        if module.room not in NETWORK_ROOMS
        for entry in module.imports
        for name in (entry.module, *(f"{entry.module}.{n}" for n in entry.names))
        if any(
            name == n or name.startswith(n + ".")
            for n in NETWORK - NETWORK_MODULES.get(module.name, frozenset())
        )
    ]


# ------------------------------------------------------------------------- rules on contents


def check_adapters(modules: list[Module]) -> list[str]:
    """What only the command line may do: print, read the clock, read the environment."""
    return [
        module.at(line, f"uses {name}; {ADAPTERS_ONLY[name]}")
        for module in modules
        if module.room != "cli"
        for line, name in sorted(set(_used_names(module.tree)))
        if name in ADAPTERS_ONLY
    ]


def _used_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom):
            aliases |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            head, _, tail = ast.unparse(node).partition(".")
            name = aliases.get(head, head)
            yield node.lineno, f"{name}.{tail}" if tail else name


def check_names(modules: list[Module]) -> list[str]:
    """No module has a name that says nothing, and every package is one on purpose."""
    vague = [
        m.at(1, "a module with this name collects anything; name it after its one idea")
        for m in modules
        if m.name.rsplit(".")[-1] in VAGUE_NAMES
    ]
    packages = {m.name for m in modules if m.is_package}
    stray = {
        m.name.rpartition(".")[0]: m.at(1, "its folder has no __init__.py; write one")
        for m in modules
        if not m.is_package and m.name.rpartition(".")[0] not in packages
    }
    return [*vague, *stray.values()]


def check_sizes(modules: list[Module]) -> list[str]:
    """Modules and functions stay small enough to be read at once."""
    offences = [
        m.at(1, f"{m.lines} lines, {MAX_MODULE_LINES} at most; split it by idea")
        for m in modules
        if m.lines > MAX_MODULE_LINES
    ]
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    text = f"{node.name} has {lines} lines, {MAX_FUNCTION_LINES} at most"
                    offences.append(module.at(node.lineno, f"{text}; take a step out of it"))
    return offences


def check_docstrings(modules: list[Module]) -> list[str]:
    """Modules, public functions and public classes say what they are for."""
    offences = [
        m.at(1, "no module docstring; say in a line what it is for")
        for m in modules
        if ast.get_docstring(m.tree) is None
    ]
    for module in modules:
        for node in module.tree.body:
            if not isinstance(node, Definition) or node.name.startswith("_"):
                continue
            if ast.get_docstring(node) is None:
                text = f"{node.name} has no docstring; say shapes, units and errors"
                offences.append(module.at(node.lineno, text))
    return offences


def check_public_faces(modules: list[Module]) -> list[str]:
    """Every room's root has an ``__all__`` of names it really has."""
    offences = []
    for module in modules:
        if not module.is_package or module.name.count(".") != 1 or module.room in NO_FACE:
            continue
        names = public_names(module)
        if names is None:
            offences.append(module.at(1, "no __all__; list the room's public face"))
            continue
        bound = set(_bound_names(module.tree))
        offences += [
            module.at(1, f"__all__ names {name}, which the module does not have; import it")
            for name in names
            if name not in bound
        ]
    return offences


def public_names(module: Module) -> list[str] | None:
    """The literal ``__all__`` of a module, or None where it has none."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return None


def _bound_names(tree: ast.Module) -> Iterator[str]:
    """Names bound by the module, also those that are loaded later and imported for types alone."""
    later = [
        n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"
    ]
    for node in [*tree.body, *(inner for block in later for inner in block.body)]:
        if isinstance(node, Definition):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (ast.unparse(target) for target in node.targets)
        elif isinstance(node, ast.AnnAssign):
            yield ast.unparse(node.target)


def iter_finding_uses(modules: list[Module]) -> Iterator[tuple[str, str]]:
    """(member name, ``path:line``) of every use of ``FindingCode.X`` outside its definition."""
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "FindingCode":
                yield node.attr, f"{module.path}:{node.lineno}"
