"""The layout is the architecture: the rules of docs/architecture.md, kept by reading the source."""

from collections.abc import Callable
from pathlib import Path

import pytest

from phonotheque.model.findings import FindingCode
from tests.support import architecture
from tests.support.architecture import Module

REPOSITORY = Path(__file__).parents[1]
MODULES = architecture.read_modules(REPOSITORY / "src")


def fail_on(offences: list[str]) -> None:
    """Fail with one line for each offence."""
    if offences:
        pytest.fail("\n".join(["", *offences]), pytrace=False)


def test_imports_point_from_the_command_line_down_to_the_model() -> None:
    fail_on(architecture.check_layers(MODULES))


def test_a_room_is_entered_through_its_front_door() -> None:
    fail_on(architecture.check_faces(MODULES))


def test_no_two_modules_import_each_other() -> None:
    fail_on(architecture.check_cycles(MODULES))


def test_only_the_mirror_and_the_server_talk_to_the_network() -> None:
    fail_on(architecture.check_network(MODULES))


def test_only_the_command_line_prints_and_asks_for_the_time_or_the_environment() -> None:
    fail_on(architecture.check_adapters(MODULES))


def test_modules_are_named_after_their_idea() -> None:
    fail_on(architecture.check_names(MODULES))


def test_modules_and_functions_are_small() -> None:
    fail_on(architecture.check_sizes(MODULES))


def test_whatever_is_public_has_a_docstring() -> None:
    fail_on(architecture.check_docstrings(MODULES))


def test_every_room_lists_its_public_face() -> None:
    fail_on(architecture.check_public_faces(MODULES))


def test_every_package_below_the_root_is_a_known_room() -> None:
    rooms = {m.name.split(".")[1] for m in MODULES if m.is_package and "." in m.name}
    fail_on(
        [
            f"src/phonotheque/{room}: not a room of docs/architecture.md; add it to MAY_IMPORT in "
            "tests/support/architecture.py and to that page, or put its modules into a room"
            for room in sorted(rooms - set(architecture.MAY_IMPORT))
        ]
    )


def test_every_finding_that_the_program_makes_is_provoked_by_a_test() -> None:
    tests = "\n".join(
        path.read_text()
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        if path != Path(__file__)
    )
    untested = {
        name: place
        for name, place in architecture.iter_finding_uses(MODULES)
        if f"FindingCode.{name}" not in tests and f'"{FindingCode[name].value}"' not in tests
    }
    fail_on(
        [
            f"{place}: makes FindingCode.{name}, which no test names; provoke it in a test"
            for name, place in untested.items()
        ]
    )


# ------------------------------------------------------- the rules find what they are meant to find

BAD_SOURCES = {
    "__init__.py": '"""Root."""\n',
    "model/__init__.py": '"""Values."""\n',
    "model/values.py": '"""Values."""\n',
    "catalogue/__init__.py": '"""Rows."""\n__all__ = ["missing"]\n',
    "catalogue/inside.py": '"""x"""\n',
    "vault/__init__.py": '"""Bytes."""\n',
    "vault/utils.py": "def f():\n    pass\n",
    "stray/alone.py": '"""x"""\n',
}


def sample(tmp_path: Path, **changed: str) -> list[Module]:
    """The modules of a small package; `changed` maps ``room__module`` to a source text."""
    sources = BAD_SOURCES | {f"{k.replace('__', '/')}.py": v for k, v in changed.items()}
    for name, text in sources.items():
        path = tmp_path / "src" / "phonotheque" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return architecture.read_modules(tmp_path / "src")


@pytest.mark.parametrize(
    ("rule", "source", "offence"),
    [
        (architecture.check_layers, "import phonotheque.vault", "catalogue imports phonotheque.va"),
        (architecture.check_layers, "from phonotheque import vault", "catalogue imports phonotheq"),
        (architecture.check_layers, "from ..vault import x", "catalogue imports phonotheque.vaul"),
        (architecture.check_adapters, "from os import environ as e\ne['A']", "uses os.environ"),
        (architecture.check_adapters, "import datetime as d\nd.datetime.now()", "datetime.now"),
        (architecture.check_adapters, "def f():\n    print(1)", ":2: uses print"),
        (architecture.check_network, "from urllib import request", "imports urllib.request"),
        (architecture.check_network, "import requests.sessions", "imports requests.sessions"),
        (architecture.check_network, "from obstore.store import S3Store", "imports obstore.store"),
        (architecture.check_docstrings, "class A: pass", "A has no docstring"),
        (architecture.check_sizes, "def f():\n" + "    1\n" * 59, "f has 60 lines"),
        (architecture.check_sizes, "x = 1\n" * 400, "400 lines"),
        (architecture.check_cycles, "import phonotheque.catalogue.inside", "import each other"),
    ],
)
def test_each_rule_sees_its_offence_and_says_where(
    tmp_path: Path, rule: Callable[[list[Module]], list[str]], source: str, offence: str
) -> None:
    back = '"""x"""\nimport phonotheque.catalogue.rows\n'
    offences = rule(sample(tmp_path, catalogue__rows=source, catalogue__inside=back))
    assert any(offence in line for line in offences), offences
    assert all(line.startswith("src/phonotheque/") for line in offences)


def test_a_room_s_modules_and_hidden_names_are_out_of_bounds(tmp_path: Path) -> None:
    modules = sample(
        tmp_path,
        search__index="from phonotheque.catalogue.inside import x",
        search__names="from phonotheque.catalogue import hidden, missing",
        search__fine="from phonotheque.model.values import y",
        search__whole="from phonotheque import catalogue, vault",
    )
    assert architecture.check_faces(modules) == [
        "src/phonotheque/search/index.py:1: imports phonotheque.catalogue.inside past its room's "
        "root; use: from phonotheque.catalogue import …",
        "src/phonotheque/search/names.py:1: imports hidden, not in __all__ of "
        "phonotheque.catalogue; add it there",
    ]


def test_vague_names_missing_faces_and_stray_folders_are_reported(tmp_path: Path) -> None:
    modules = sample(tmp_path)
    assert [line.split(": ")[0] for line in architecture.check_names(modules)] == [
        "src/phonotheque/vault/utils.py:1",
        "src/phonotheque/stray/alone.py:1",
    ]
    assert [line.split(";")[0] for line in architecture.check_public_faces(modules)] == [
        "src/phonotheque/catalogue/__init__.py:1: __all__ names missing, which the module does "
        "not have",
        "src/phonotheque/vault/__init__.py:1: no __all__",
    ]
