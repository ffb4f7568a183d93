"""A new volume of old files is made from the hashes that their torrents have: nothing is read."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.edition import (
    TorrentInfo,
    VolumeFile,
    create_torrent,
    iter_kept_names,
    kept_hashes,
    read_torrent,
)
from phonotheque.edition.names import distinct_form
from phonotheque.model.errors import InputError
from tests.edition.test_torrent import EDGES, peer_hashes, write_volume

PIECE = 32_768


def with_kept(files: list[VolumeFile], torrent: TorrentInfo) -> list[VolumeFile]:
    """The files as if nothing were known of them but what `torrent` says: none can be read."""
    known = {f.path: f for f in torrent.files}
    made = []
    for file in files:
        digest = sha256(file.source.read_bytes()).hexdigest()
        kept = kept_hashes(torrent, known[file.path], digest)
        made.append(replace(file, source=Path("/nowhere"), sha256=digest, kept=kept))
    return made


@pytest.mark.parametrize("piece_length", [16_384, PIECE, 131_072])
def test_kept_hashes_give_the_torrent_that_reading_gives(tmp_path: Path, piece_length: int) -> None:
    files = write_volume(tmp_path, EDGES)
    with ThreadPoolExecutor(1) as pool:
        read = create_torrent("vol", files, piece_length, pool)
        old = read_torrent(read.content)
        again = create_torrent("vol", with_kept(files, old), piece_length, pool)
    assert again == read


def test_two_volumes_put_together_have_the_info_hashes_of_libtorrent(tmp_path: Path) -> None:
    one = write_volume(tmp_path, [40_000, 200_000, 0, 16_384], "one")
    two = write_volume(tmp_path, [65_537, 3, 99_999], "two")
    with ThreadPoolExecutor(1) as pool:
        parts = [(files, create_torrent("old", files, PIECE, pool)) for files in (one, two)]
        kept = [
            replace(file, path=file.path.replace("data/", f"data/{number} "))
            for number, (files, made) in enumerate(parts)
            for file in with_kept(files, read_torrent(made.content))
            if file.path.startswith("data/") and not file.path.endswith("001.ogg")
        ]
        for file in kept:
            where = tmp_path / "new" / file.path
            where.parent.mkdir(parents=True, exist_ok=True)
            folder = "one" if file.path.startswith("data/0 ") else "two"
            old = file.path.replace("data/0 ", "data/").replace("data/1 ", "data/")
            where.write_bytes((tmp_path / folder / old).read_bytes())
        made = create_torrent("new", kept, PIECE, pool)
    assert (made.info_hash_v1, made.info_hash_v2) == peer_hashes(tmp_path / "new", PIECE)


def test_hashes_of_other_pieces_are_refused(tmp_path: Path) -> None:
    files = write_volume(tmp_path, [100_000])
    with ThreadPoolExecutor(1) as pool:
        old = read_torrent(create_torrent("vol", files, PIECE, pool).content)
        with pytest.raises(InputError, match="pieces of another length"):
            create_torrent("vol", with_kept(files, old), 2 * PIECE, pool)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["data/ABBA/01 - One [", "data/Abba/01 - One [", "data/Ü/x ["]),
            st.sampled_from([sha256(bytes([n])).hexdigest() for n in range(3)]),
        ),
        max_size=8,
    )
)
def test_kept_names_stay_where_they_are_free_and_never_meet(files: list[tuple[str, str]]) -> None:
    given_names = [(f"{head}{digest[:8]}].ogg", digest) for head, digest in files]
    names = list(iter_kept_names(given_names))
    assert len({distinct_form(name) for name in names}) == len(names)
    assert names[:1] == [name for name, _ in given_names[:1]]
    assert list(iter_kept_names([(n, d) for n, (_, d) in zip(names, files, strict=True)])) == names
