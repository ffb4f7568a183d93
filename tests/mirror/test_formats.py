"""The documents of a mirror, pinned by golden files (docs/formats/mirror.md)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from phonotheque.mirror import (
    CurvePoint,
    LeftOut,
    MirrorPlan,
    MirrorSettings,
    PlannedVolume,
    PlanWishes,
    Preference,
    TrustKind,
    Via,
    read_plan,
)
from phonotheque.mirror.state import open_state
from phonotheque.model.errors import FormatError
from phonotheque.storage.documents import format_document, read_document
from phonotheque.storage.layout import Tree

GOLDEN = Path(__file__).parents[1] / "golden/mirror/v1"
SETTINGS = MirrorSettings(
    origin="https://archive.example",
    root_sha256="ab" * 32,
    others=("https://mirror.example/music",),
    peers=("192.0.2.7:6881",),
)
PLAN = MirrorPlan(
    origin="https://archive.example",
    root_sha256="ab" * 32,
    trust=TrustKind.PINNED,
    edition="2026-11",
    sequence=3,
    planned_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
    disk_bytes=8_000_000_000_000,
    edition_bytes=21_000_000_000,
    index_bytes=27_900_000_000,
    bytes=149_000_000_000,
    files=30_002,
    listens=1_234_567,
    listens_share=0.75,
    volumes=[
        PlannedVolume(
            volume="work-tier1-00001", tier=1, files=30_000, bytes=100_000_000_000,
            listens=1_234_000,
        ),
        PlannedVolume(
            volume="work-tier2-00002", tier=2, files=2, bytes=100_000_000, listens=567,
            via=Via.SWARM, selection=["data/One/one.ogg", "data/Two/two.ogg"],
        ),
    ],
    left_out=[
        LeftOut(volume="work-tier6-00003", tier=6, bytes=10**14, listens=1, reason="no-room"),
    ],
)  # fmt: skip
WITH_WISHES = replace(
    PLAN,
    wishes=PlanWishes(
        disk_bytes=8_000_000_000_000, prefer=Preference.COMPLETE_TIERS, tiers=(1, 2),
        licences=("CC0-1.0",), exclude=("work-tier6-00003",), bytes_per_second=6_000_000,
    ),
    curve=[
        CurvePoint(
            disk_bytes=8_000_000_000_000, bytes=149_000_000_000, volumes=2, listens_share=0.75
        ),
    ],
    next_terabyte_share=0.125,
    fetch_bytes=121_100_000_000,
    seconds=20183.5,
    added=["work-tier2-00002"],
    dropped=["work-tier6-00003"],
)  # fmt: skip
OF_FILES = replace(
    WITH_WISHES,
    volumes=[replace(WITH_WISHES.volumes[0], files=51, selection=[], rows="0-49,105")],
    wishes=replace(
        WITH_WISHES.wishes or PlanWishes(), territories=("EU",), artists=("Ödland",),
        genres=("folk",), exclude=("genre:metal", "work-tier6-00003"),
    ),
    curve_here=WITH_WISHES.curve,
    next_terabyte_share_here=0.0625,
)  # fmt: skip


def test_the_golden_files_are_read() -> None:
    assert read_document(GOLDEN / "mirror.toml", MirrorSettings) == SETTINGS
    assert read_document(GOLDEN / "plan.json", MirrorPlan) == PLAN
    assert read_plan(Tree(GOLDEN)) == PLAN
    assert read_document(GOLDEN / "plan-wishes.json", MirrorPlan) == WITH_WISHES
    assert read_document(GOLDEN / "plan-files.json", MirrorPlan) == OF_FILES


def test_todays_writer_gives_the_golden_bytes() -> None:
    assert format_document(SETTINGS, toml=True) == (GOLDEN / "mirror.toml").read_bytes()
    assert format_document(OF_FILES) == (GOLDEN / "plan-files.json").read_bytes()


def test_documents_of_another_version_or_with_unknown_keys_are_refused(tmp_path: Path) -> None:
    text = (GOLDEN / "mirror.toml").read_text()
    for changed in (text.replace("format = 1", "format = 2"), text + "colour = 'red'\n"):
        (tmp_path / "mirror.toml").write_text(changed)
        with pytest.raises(FormatError):
            read_document(tmp_path / "mirror.toml", MirrorSettings)


def test_a_state_that_is_no_database_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"not a database at all, but long enough" * 9)
    with pytest.raises(FormatError, match="delete it"), open_state(Tree(tmp_path)):
        pass
