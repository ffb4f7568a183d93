"""The documentation is true: links lead somewhere, commands exist, marked blocks run."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from tests.support import markdown
from tests.support.architecture import MAY_IMPORT

REPOSITORY = Path(__file__).parents[1]
PAGES = list(markdown.iter_pages(REPOSITORY))
DECISIONS = sorted((REPOSITORY / "docs" / "decisions").glob("*.md"))
GLOSSARY = (REPOSITORY / "docs" / "glossary.md").read_text()
RUN_SECONDS = 150
WORDS = (
    *("track", "recording", "release", "artist credit", "source", "import", "catalogue"),
    *("standing", "evidence", "use", "verdict", "vault", "volume", "edition", "mirror"),
    *("tombstone", "finding", "event"),
)


def shown(page: Path) -> str:
    """The page's path in the repository."""
    return page.relative_to(REPOSITORY).as_posix()


def commands_of_the_program() -> set[str]:
    """Names of the commands of `phonotheque`; skips while the program does not import."""
    main = pytest.importorskip("phonotheque.cli.main", exc_type=ImportError)
    return set(typer.main.get_command(main.app).commands)


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    broken = []
    for line, target in markdown.iter_links(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        if not goal.exists():
            broken.append(f"{shown(page)}:{line}: {target}: there is no such file")
        elif fragment and fragment not in markdown.anchors(goal.read_text()):
            broken.append(f"{shown(page)}:{line}: {target}: no such heading there")
    assert not broken, "\n".join(broken)


def test_every_command_named_in_the_docs_exists() -> None:
    known = commands_of_the_program()
    unknown = [
        f"{shown(page)}:{line}: phonotheque {command}: there is no such command"
        for page in PAGES
        for line, command in markdown.iter_commands(page.read_text())
        if command not in known
    ]
    assert not unknown, "\n".join(unknown)


DEAR = {
    "docs/operations/keeping.md"
}  # a whole life of an archive each; archive.md is run every day


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.full if shown(page) in DEAR else [])
        for page in PAGES
        if any(markdown.iter_scripts(page.read_text()))
    ],
    ids=shown,
)
def test_the_marked_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    commands_of_the_program()
    script = "\n".join(markdown.iter_scripts(page.read_text()))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ex"], input=script, cwd=tmp_path, text=True, capture_output=True,
        timeout=RUN_SECONDS, check=False, env={**os.environ, "PATH": path, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_a_page_that_is_not_linked_from_anywhere_is_not_lost() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for _, target in markdown.iter_links(page.read_text())
    }
    lost = [
        shown(page)
        for page in PAGES
        if page.resolve() not in linked
        and page.parent not in linked  # a link to its folder is enough
        and page.parent != REPOSITORY
    ]
    assert not lost, f"no page links to: {', '.join(lost)}"


def test_every_page_that_the_source_names_exists() -> None:
    missing = [
        f"{source.relative_to(REPOSITORY)}: names {page}, which does not exist"
        for folder in ("src", "tests", "bench")
        for source in sorted((REPOSITORY / folder).rglob("*.py"))
        for page in re.findall(r"\bdocs/[a-z0-9/-]+\.md\b", source.read_text())
        if not (REPOSITORY / page).exists()
    ]
    assert not missing, "\n".join(missing)


def test_the_architecture_page_names_every_room() -> None:
    page = (REPOSITORY / "docs" / "architecture.md").read_text()
    assert [room for room in MAY_IMPORT if f"`{room}`" not in page] == []


def test_the_glossary_explains_every_word_of_the_design_once_and_in_order() -> None:
    entries = re.findall(r"^\*\*(.+?)\*\*", GLOSSARY, re.MULTILINE)
    assert entries == sorted(entries, key=str.casefold)
    assert len(set(entries)) == len(entries)
    assert [word for word in WORDS if word not in entries] == []


def test_decision_records_are_numbered_without_a_gap_and_have_one_shape() -> None:
    assert [p.name[:4] for p in DECISIONS] == [f"{i:04d}" for i in range(1, len(DECISIONS) + 1)]
    for page in DECISIONS:
        headings = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Rejected", "Costs"], shown(page)


def test_every_runtime_dependency_is_justified() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    names = [re.split(r"[\[<>=!~ ]", entry)[0] for entry in project["dependencies"]]
    page = (REPOSITORY / "docs" / "decisions" / "0002-dependencies.md").read_text()
    listed = re.findall(r"^\| `([\w-]+)`", page, re.MULTILINE)
    assert sorted(listed) == sorted(names)


# ----------------------------------------------------------- the reader of Markdown itself

PAGE = """# One & `two`

<!-- run -->
```sh
echo 1
```

[a](b.md#c) `[not](a-link)` and `phonotheque init X`

```console
$ phonotheque verify M
[no](link)
```
"""


def test_only_marked_blocks_run_and_only_the_commands_of_a_console() -> None:
    first, second = markdown.iter_blocks(PAGE)
    assert (first.marked, first.language, first.script(), first.line) == (True, "sh", "echo 1\n", 5)
    assert (second.marked, second.script()) == (False, "phonotheque verify M")


def test_links_in_code_are_no_links_and_commands_are_found_in_code() -> None:
    assert list(markdown.iter_links(PAGE)) == [(8, "b.md#c")]
    assert sorted(markdown.iter_commands(PAGE)) == [(8, "init"), (11, "verify")]
    assert markdown.anchors(PAGE) == {"one--two"}
