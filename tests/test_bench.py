"""The common form of the benchmarks, tried on a fake one; and every real one at least imports."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bench
import pytest
from bench import __main__ as form

REPOSITORY = Path(__file__).parents[1]
GOOD = {"ours": {"rows_per_second": 1234567}, "peers": {"sqlite_rows_per_second": 1000.5},
        "limits": {"memory_bytes": 8_000_000_000}, "ratios": {"speed": 1234.0}}  # fmt: skip

Install = Callable[[dict[str, Any]], str]


@pytest.fixture
def fake_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a bench module ``imagined`` that returns the given figures."""

    def install(figures: dict[str, Any]) -> str:
        (tmp_path / "imagined.py").write_text(
            f'"""Ours against nothing.\n\nMore."""\n\n\ndef run(scale):\n    return {figures!r}\n'
        )
        (tmp_path / "shapes.py").write_text('"""What benches share; no bench itself."""\n')
        monkeypatch.setattr(bench, "__path__", [str(tmp_path)])
        for name in ("imagined", "shapes"):
            monkeypatch.delitem(sys.modules, f"bench.{name}", raising=False)
        return "imagined"

    return install


def test_a_result_is_one_json_object_with_everything_in_it(
    fake_bench: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    assert form.main([fake_bench(GOOD), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result) == ["name", "scale", "machine", "ours", "peers", "limits", "ratios"]
    assert (result["name"], result["scale"]) == ("imagined", "small")
    assert {group: result[group] for group in form.GROUPS} == GOOD
    assert set(result["machine"]) >= {"cpu", "cores", "memory_gib", "python", "date"}


def test_without_json_the_figures_are_a_table(
    fake_bench: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    form.main([fake_bench(GOOD), "--scale", "large"])
    first, *rows = capsys.readouterr().out.splitlines()
    assert first.startswith("imagined (large), ")
    assert [row.split() for row in rows] == [
        ["ours", "rows_per_second", "1,234,567"],
        ["peers", "sqlite_rows_per_second", "1,000"],
        ["limits", "memory_bytes", "8,000,000,000"],
        ["ratios", "speed", "1,234"],
    ]


def test_the_list_names_each_bench_with_what_it_measures(
    fake_bench: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_bench(GOOD)
    form.main(["--list"])
    assert capsys.readouterr().out == "imagined     Ours against nothing.\n"


@pytest.mark.parametrize("figures", [{"ours": {"a": {"b": 1}}}, {"theirs": {"a": 1}}])
def test_figures_of_another_form_are_refused(fake_bench: Install, figures: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="bench imagined"):
        form.measure(fake_bench(figures), "small")


def test_an_unknown_bench_is_a_usage_error_that_names_the_known_ones(
    fake_bench: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_bench(GOOD)
    with pytest.raises(SystemExit) as stop:
        form.main(["nothing"])
    assert stop.value.code == 2
    assert "there are: imagined" in capsys.readouterr().err


@pytest.mark.parametrize("name", form.list_benches())
def test_a_bench_says_what_it_measures_against_what(name: str) -> None:
    module: ModuleType = form.load(name)
    assert len((module.__doc__ or "").strip()) > 40
    assert callable(module.run)


def test_the_benches_run_as_a_program_of_the_checkout() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--list", "--names"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == form.list_benches()
