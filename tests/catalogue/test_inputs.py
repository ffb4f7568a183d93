"""What is refused before a build begins, because its labels of rows would run over."""

from contextlib import closing
from pathlib import Path

import pytest

from phonotheque.catalogue import inputs
from phonotheque.catalogue.inputs import ImportFiles, Rows
from phonotheque.engine import LocalEngine
from phonotheque.model.errors import InputError
from tests.support.catalogues import Archive, row


def test_as_many_imports_as_labels_can_tell_apart_and_no_more(tmp_path: Path) -> None:
    few = [ImportFiles("a", f"{n:04d}", n, ()) for n in range(inputs.MOST_IMPORTS)]
    with closing(LocalEngine(tmp_path)) as engine, pytest.raises(InputError, match="65,536"):
        Rows(engine, few)


def test_an_import_of_more_rows_than_labels_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(tmp_path)
    archive.add_rows("a", [row(str(n)) for n in range(4)])
    monkeypatch.setattr(inputs, "ROW_BITS", 2)
    engine = LocalEngine(tmp_path / "engine")
    with closing(engine), pytest.raises(InputError, match=r"a/0001.*--add"):
        Rows(engine, archive.rows)


def test_the_last_label_of_all_leaves_room_for_units_that_are_no_rows() -> None:
    last_row = ((inputs.MOST_IMPORTS - 1) << inputs.ROW_BITS) + (1 << inputs.ROW_BITS) - 1
    last_unit = (1 << 60) + (last_row * 256 + 255) * 16 + 15
    assert last_unit < 1 << 61
