"""An engine is asked for by name; what cannot be opened says why and what to do."""

import builtins
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.engine import LocalEngine, open_engine
from phonotheque.engine.spark_session import memory_mib
from phonotheque.model.errors import UsageError


def test_local_is_duckdb_in_this_process(tmp_path: Path) -> None:
    engine = open_engine("local", tmp_path, memory="100MB", threads=1)
    assert isinstance(engine, LocalEngine)
    engine.close()


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are: local, spark"):
        open_engine("polars", tmp_path, memory="1GB", threads=1)


def test_a_master_is_for_spark_only(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave --master out"):
        open_engine("local", tmp_path, memory="1GB", threads=1, master="spark://host:7077")


def test_without_pyspark_the_extra_to_install_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def missing(name: str, *more: Any, **kwargs: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "pyspark":
            raise ImportError(name)
        return real(name, *more, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError, match=r"pip install 'phonotheque\[spark\]'"):
        open_engine("spark", tmp_path, memory="1GB", threads=1)


@pytest.mark.parametrize(
    ("text", "mib"), [("2GB", 1907), ("2GiB", 2048), ("1.5 gib", 1536), ("600MB", 572)]
)
def test_memory_is_written_as_for_the_local_engine(text: str, mib: int) -> None:
    assert memory_mib(text) == mib


@pytest.mark.parametrize("text", ["", "much", "2 apples", "-2GB"])
def test_memory_that_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no size"):
        memory_mib(text)


@given(st.integers(0, 511))
def test_memory_that_spark_would_not_start_with_is_refused(mib: int) -> None:
    with pytest.raises(UsageError, match="too little for Spark"):
        memory_mib(f"{mib}MiB")
