"""An update makes anew what changes can touch, and comes to what a build of everything comes to."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.catalogues import Archive, Row, row
from tests.support.properties import costly

CODES = ["USABC2000001", "USABC2000002"]
MBIDS = [f"b1a9c0e9-d987-4042-ae91-78d6a3267d{i:02d}" for i in (1, 2)]
TABLES = (
    "recordings", "tracks", "releases", "artists", "redirects", "standing", "recording_files",
)  # fmt: skip
FILES = [f"{i:064x}" for i in range(5)]
Heard = list[tuple[str, str, str]]
"""Two files, and what was said of them."""


def known(key: str, title: str = "Harbour Lights", **more: object) -> Row:
    """A row that artist and title tell of."""
    return row(key, title, "Nora Kest", **more)


ROWS = st.builds(
    lambda key, title, codes, mbid, ms, release, file: row(
        key,
        title,
        "Nora Kest",
        isrcs=codes,
        recording_mbid=mbid,
        duration_ms=ms,
        release_title=release,
        file_sha256=file,
    ),
    st.sampled_from("123456789"),
    st.sampled_from(["Harbour Lights", "harbour lights", "Other Waters", "A Third Song"]),
    st.sampled_from([[], [], CODES[:1], CODES[1:], CODES]),
    st.sampled_from([None, None, None, *MBIDS]),
    st.sampled_from([None, 100_000, 101_000, 105_000, 110_000]),
    st.sampled_from([None, "R", "S"]),
    st.sampled_from([None, None, *FILES]),
)
HEARD = st.lists(
    st.tuples(
        st.sampled_from(FILES), st.sampled_from(FILES),
        st.sampled_from(["same", "same", "same", "maybe", "none"]),
    ),
    max_size=4,
)  # fmt: skip
Change = tuple[str, list[Row], list[str], Heard]
IMPORT = st.tuples(
    st.sampled_from("ab"),
    st.lists(ROWS, min_size=1, max_size=4, unique_by=lambda r: r["source_key"]),
    st.lists(st.sampled_from("123456789"), max_size=2, unique=True),
    HEARD,
)
FILLER = [row(f"f{i}", f"Filler {i}", f"Somebody {i % 4}") for i in range(24)]
"""So many rows that nobody changes that the scope of an update is not simply everything."""


@pytest.mark.full
@pytest.mark.timeout(1800)
@costly(30)
@given(
    st.lists(ROWS, max_size=9, unique_by=lambda r: r["source_key"]),
    st.lists(IMPORT, min_size=1, max_size=3),
    HEARD,
)
def test_an_update_equals_a_build_of_everything_anew(
    first: list[Row], imports: list[Change], heard: Heard
) -> None:
    with TemporaryDirectory() as folder:
        check_updates(Path(folder), first, imports, heard)


@pytest.mark.full
def test_a_small_update_equals_a_build_of_everything_anew(tmp_path: Path) -> None:
    first = [
        known("1", isrcs=CODES[:1], duration_ms=100_000, release_title="R"),
        known("2", duration_ms=101_000, release_title="S"),
        known("3", recording_mbid=MBIDS[0], duration_ms=100_500),
        known("4", "Other Waters", isrcs=CODES[1:]),
        known("5", "Other Waters", release_title="R"),
    ]
    changed = [known("2", duration_ms=110_000), known("4", "Other Waters", isrcs=CODES)]
    check_updates(tmp_path, first, [("a", changed, ["5"], [])])


@pytest.mark.full
def test_small_updates_of_sounds_equal_builds_of_everything_anew(tmp_path: Path) -> None:
    """A row goes from text to sound and back; a code makes a conflict of what was one."""
    first = [
        known("1", isrcs=CODES[:1], duration_ms=100_000),
        known("2", duration_ms=100_500, file_sha256=FILES[0]),
        known("3", "Other Waters", isrcs=CODES[1:], file_sha256=FILES[1]),
        known("4", "A Third Song", file_sha256=FILES[2]),
        known("5", "A Fourth Song", file_sha256=FILES[3]),
    ]
    heard = [(FILES[2], FILES[3], "same"), (FILES[0], FILES[1], "same")]
    other = known("5", "A Fourth Song", isrcs=CODES[:1], file_sha256=FILES[3])
    changes: list[Change] = [
        ("a", [other], [], [(FILES[1], FILES[2], "same")]),
        ("a", [], ["4"], [(FILES[0], FILES[1], "none")]),
    ]
    check_updates(tmp_path, first, changes, heard)


def check_updates(
    folder: Path, first: list[Row], imports: list[Change], heard: Heard | None = None
) -> None:
    """Two archives with one history, one updated in scope and one made anew, come to the same."""
    narrow, whole = Archive(folder / "n"), Archive(folder / "w")
    narrow.more, whole.more = {"narrow_above": 0}, {"anew": True}
    for archive in (narrow, whole):
        archive.add_rows("a", [*first, *FILLER])
        if heard:
            archive.add_sounds(heard)
        archive.build()
    for source, rows, gone, more in imports:
        said = {r["source_key"] for r in rows}
        for archive in (narrow, whole):
            if rows or gone:
                archive.add_rows(source, rows, gone=[key for key in gone if key not in said])
            if more:
                archive.add_sounds(more)
        updated, made = narrow.build(), whole.build()
        for table in TABLES:
            assert narrow.table(table, updated) == whole.table(table, made), table
        assert narrow.findings(updated) == whole.findings(made)
        assert replace_shards(updated) == replace_shards(made)


def replace_shards(made: object) -> object:
    """A manifest without the names of its files."""
    import msgspec

    return msgspec.structs.replace(made, shards=[], recording_files=[])
