"""The exceptions and their exit codes say the same in the docstring and in the code."""

import inspect
import re

import pytest

from phonotheque.model import errors
from phonotheque.model.errors import ExitCode, PhonothequeError

LINE = re.compile(r"^ {4}(?P<indent>[│├└─ ]*)(?P<name>\w+Error) +(?P<code>\d+) ", re.MULTILINE)
TABLE = [
    (m["name"], int(m["code"]), len(m["indent"]) // 4) for m in LINE.finditer(errors.__doc__ or "")
]
CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, PhonothequeError)
}


def test_the_drawn_tree_names_every_exception_once() -> None:
    assert sorted(name for name, _, _ in TABLE) == sorted(CLASSES)


@pytest.mark.parametrize(("name", "code"), [(name, code) for name, code, _ in TABLE])
def test_an_exception_has_the_exit_code_of_the_drawn_tree(name: str, code: int) -> None:
    assert CLASSES[name].exit_code == code


def test_the_drawn_tree_is_the_inheritance() -> None:
    above: list[str] = []
    for name, _, depth in TABLE:
        del above[depth:]
        parent = CLASSES[above[-1]] if above else Exception
        assert CLASSES[name].__bases__ == (parent,), name
        above.append(name)


def test_no_exception_looks_like_success_findings_or_an_interruption() -> None:
    for kind in CLASSES.values():
        assert kind.exit_code not in (ExitCode.OK, ExitCode.FINDINGS, ExitCode.INTERRUPTED)


def test_exit_codes_are_distinct_and_fit_in_a_byte() -> None:
    assert len({code.value for code in ExitCode}) == len(ExitCode)
    assert all(0 <= code < 256 for code in ExitCode)


def test_the_message_of_an_error_is_what_its_reader_gets() -> None:
    error = errors.NoSpaceError("/archive: the disk is full; free some room")
    assert str(error) == "/archive: the disk is full; free some room"
    assert isinstance(error, PhonothequeError)
