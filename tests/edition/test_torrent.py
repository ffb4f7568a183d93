"""Torrents are judged by libtorrent: same info hashes, and it loads what we make."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phonotheque.edition import Naming, create_torrent, iter_names, read_torrent
from phonotheque.edition.bencode import decode, encode, slice_of
from phonotheque.edition.hashing import hash_file, hashing_pool
from phonotheque.edition.metainfo import CreatedTorrent, VolumeFile
from phonotheque.model.errors import FormatError, InputError
from phonotheque.storage.digests import digest_file

lt = pytest.importorskip("libtorrent")
EDGES = [0, 1, 16_383, 16_384, 16_385, 32_768, 65_535, 65_536, 65_537, 131_072, 200_000]
bencodable = st.recursive(
    st.integers(-(2**63), 2**63) | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


def write_volume(root: Path, sizes: list[int], name: str = "vol") -> list[VolumeFile]:
    """A file of each size, with bytes of its own, and two tag files."""
    contents = {f"data/artist {i % 3}/{i:03d}.ogg": size for i, size in enumerate(sizes)}
    contents |= {"bagit.txt": 55, "README.txt": 70_000}
    files = []
    for number, (path, size) in enumerate(contents.items()):
        target = root / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((number.to_bytes(4, "big") * (size // 4 + 1))[:size])
        files.append(VolumeFile(path, target, size))
    return files


def create(files: list[VolumeFile], piece_length: int, **options: Any) -> CreatedTorrent:
    with ThreadPoolExecutor(2) as pool:
        return create_torrent("vol", files, piece_length, pool, **options)


def peer_hashes(volume: Path, piece_length: int) -> tuple[str, str]:
    """v1 and v2 info hash that libtorrent makes of the same folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = lt.file_storage()
        lt.add_files(storage, str(volume))
        creator = lt.create_torrent(storage, piece_length)
        lt.set_piece_hashes(creator, str(volume.parent))
        info = lt.torrent_info(lt.bencode(creator.generate()))
    return str(info.info_hashes().v1), str(info.info_hashes().v2)


@given(
    sizes=st.lists(st.sampled_from(EDGES) | st.integers(0, 300_000), min_size=1, max_size=8),
    piece_length=st.sampled_from([16_384, 32_768, 65_536, 131_072]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_info_hashes_equal_those_of_libtorrent(sizes: list[int], piece_length: int) -> None:
    with TemporaryDirectory() as folder:
        files = write_volume(Path(folder), sizes)
        created = create(files, piece_length)
        peer = peer_hashes(Path(folder) / "vol", piece_length)
    assert (created.info_hash_v1, created.info_hash_v2) == peer
    read = read_torrent(created.content)
    assert (read.info_hash_v1, read.info_hash_v2) == peer
    assert read.padding_bytes == created.padding_bytes
    assert sorted(f.path for f in read.files) == sorted(f.path for f in files)


def test_pieces_longer_than_a_read_give_the_hashes_of_libtorrent(tmp_path: Path) -> None:
    files = write_volume(tmp_path, [5_000_000, 4 << 20, (4 << 20) + 1, 2_000_000])
    created = create(files, 4 << 20)
    assert (created.info_hash_v1, created.info_hash_v2) == peer_hashes(tmp_path / "vol", 4 << 20)


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("piece_length", [16_384, 65_536, 1 << 20])
def test_what_is_not_asked_for_changes_nothing_else(
    tmp_path: Path, size: int, piece_length: int
) -> None:
    (tmp_path / "f").write_bytes(bytes(range(251)) * (size // 251) + bytes(size % 251))
    full = hash_file(tmp_path / "f", piece_length)
    bare = hash_file(tmp_path / "f", piece_length, whole=False, v1=False)
    assert bare == replace(full, sha256=b"", v1_pieces=b"")


@pytest.mark.parametrize("size", EDGES)
def test_one_read_gives_the_digests_that_the_vault_computes(tmp_path: Path, size: int) -> None:
    (tmp_path / "f").write_bytes(bytes(range(256)) * (size // 256 + 1))
    with (tmp_path / "f").open("r+b") as stream:
        stream.truncate(size)
    ours, vault = hash_file(tmp_path / "f", 65_536), digest_file(tmp_path / "f")
    assert (ours.size_bytes, ours.sha256, ours.pieces_root) == (
        vault.size_bytes,
        vault.sha256,
        vault.pieces_root,
    )


@given(
    st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60), st.sampled_from(EDGES[:6])),
             min_size=1, max_size=6),
    st.sampled_from([16_384, 32_768]),
    st.lists(st.sampled_from(["http://a/volumes/", "https://ä.example/v/"]), max_size=2),
)  # fmt: skip
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_is_read_back(
    songs: list[tuple[str, str, int]], piece_length: int, addresses: list[str]
) -> None:
    names = iter_names(
        Naming(artist, title, None, number, sha256(bytes([number])).hexdigest(), "ogg")
        for number, (artist, title, _) in enumerate(songs)
    )
    sizes = dict(zip(names, (size for *_, size in songs), strict=True))
    with TemporaryDirectory() as folder:
        sources = {path: Path(folder) / str(n) for n, path in enumerate(sizes)}
        for number, (path, size) in enumerate(sizes.items()):
            sources[path].write_bytes((bytes([number, 7]) * size)[:size])
        files = [VolumeFile(path, sources[path], size) for path, size in sizes.items()]
        made = create(files, piece_length, webseeds=addresses, trackers=addresses)
    read = read_torrent(made.content)
    assert {file.path: file.size_bytes for file in read.files} == sizes
    assert (read.name, read.piece_length) == ("vol", piece_length)
    assert (read.info_hash_v1, read.info_hash_v2) == (made.info_hash_v1, made.info_hash_v2)
    assert (list(read.webseeds), list(read.trackers)) == (addresses, addresses)
    assert read.padding_bytes == made.padding_bytes
    for file in read.files:
        hashed = made.hashed[file.path]
        assert (file.pieces_root or bytes(32)) == hashed.pieces_root
        layer = hashed.piece_layer or (hashed.pieces_root if hashed.size_bytes else b"")
        assert b"".join(read.piece_hashes(file)) == layer
        pieces = slice(20 * file.first_piece, 20 * file.first_piece + len(hashed.v1_pieces))
        assert read.v1_pieces[pieces] == hashed.v1_pieces


def test_libtorrent_counts_files_and_pieces_as_the_reader_does(tmp_path: Path) -> None:
    content = create(write_volume(tmp_path, EDGES), 32_768).content
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        info = lt.torrent_info(content)
        storage = info.files()
    read = read_torrent(content)
    for file in read.files:
        assert storage.file_path(file.index) == f"vol/{file.path}"
        assert storage.file_size(file.index) == file.size_bytes
        if file.size_bytes:
            assert storage.file_offset(file.index) == file.first_piece * read.piece_length


def test_libtorrent_loads_folders_whose_names_begin_alike(tmp_path: Path) -> None:
    files = []
    for path in ("data/a b/x", "data/a/x", "data/a-b/x", "data/a.b"):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.encode())
        files.append(VolumeFile(path, target, len(path)))
    content = create(files, 16_384).content
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        info = lt.torrent_info(content)
    assert str(info.info_hashes().v2) == read_torrent(content).info_hash_v2


def test_the_order_of_files_and_the_kind_of_pool_change_nothing(tmp_path: Path) -> None:
    files = write_volume(tmp_path, [100_000, 50_000, 20_000])
    with hashing_pool(1 << 40, 2) as processes:
        in_processes = create_torrent("vol", files[::-1], 16_384, processes)
    assert in_processes.content == create(files, 16_384).content


def test_webseeds_and_trackers_stand_outside_the_info_hash(tmp_path: Path) -> None:
    files = write_volume(tmp_path, [40_000])
    plain = create(files, 16_384)
    named = create(
        files, 16_384, webseeds=["https://a/volumes/"], trackers=["udp://t:1", "udp://u:2"]
    )
    assert named.info_hash_v2 == plain.info_hash_v2
    read = read_torrent(named.content)
    assert read.webseeds == ("https://a/volumes/",)
    assert read.trackers == ("udp://t:1", "udp://u:2")


def test_a_file_that_is_not_what_was_admitted_makes_no_torrent(tmp_path: Path) -> None:
    [first, *rest] = write_volume(tmp_path, [1000])
    wrong = VolumeFile(first.path, first.source, 1000, sha256(b"other").hexdigest())
    with pytest.raises(InputError, match=r"000\.ogg.*ingest"):
        create([wrong, *rest], 16_384)


def test_a_known_pieces_root_proves_a_file_and_gives_the_same_torrent(tmp_path: Path) -> None:
    files = write_volume(tmp_path, EDGES)
    digests = {file.path: digest_file(file.source) for file in files}
    known = [
        replace(f, sha256=d.sha256.hex(), pieces_root=d.pieces_root.hex())
        for f in files
        for d in [digests[f.path]]
    ]
    assert create(known, 32_768).content == create(files, 32_768).content
    known[3].source.write_bytes(b"x" * known[3].size_bytes)
    with pytest.raises(InputError, match=r"pieces root.*ingest"):
        create(known, 32_768)


def test_a_torrent_of_v2_alone_is_that_of_libtorrent_and_is_read(tmp_path: Path) -> None:
    files = write_volume(tmp_path, EDGES)
    created = create(files, 32_768, v1=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = lt.file_storage()
        lt.add_files(storage, str(tmp_path / "vol"))
        creator = lt.create_torrent(storage, 32_768, flags=lt.create_torrent.v2_only)
        lt.set_piece_hashes(creator, str(tmp_path))
        peer = lt.torrent_info(lt.bencode(creator.generate()))
        info = lt.torrent_info(created.content)
        storage = info.files()
    assert created.info_hash_v2 == str(peer.info_hashes().v2) and not peer.info_hashes().has_v1()
    assert (created.info_hash_v1, created.padding_bytes) == ("", 0)
    read, hybrid = read_torrent(created.content), read_torrent(create(files, 32_768).content)
    assert (read.info_hash_v1, read.v1_pieces, read.padding_bytes) == ("", b"", 0)
    assert read.piece_layers == hybrid.piece_layers and read.pieces == info.num_pieces()
    for file, other in zip(read.files, hybrid.files, strict=True):
        assert storage.file_path(file.index) == f"vol/{file.path}"
        assert (file.pieces_root, file.first_piece) == (other.pieces_root, other.first_piece)


def test_a_torrent_with_another_piece_layer_is_refused(tmp_path: Path) -> None:
    content = create(write_volume(tmp_path, [200_000]), 16_384).content
    document = decode(content)
    assert isinstance(document, dict)
    layers = document[b"piece layers"]
    assert isinstance(layers, dict)
    root, layer = next(iter(layers.items()))
    assert isinstance(layer, bytes)
    layers[root] = layer[:-1] + bytes([layer[-1] ^ 1])
    with pytest.raises(FormatError, match="layer does not give its root"):
        read_torrent(encode(document))


def test_a_path_that_leaves_the_volume_is_refused(tmp_path: Path) -> None:
    content = create(write_volume(tmp_path, [10]), 16_384).content
    bad = content.replace(b"8:artist 0", b"8:../../..")
    with pytest.raises(FormatError, match="not allowed"):
        read_torrent(bad)


@given(bencodable)
def test_bencoding_round_trips(value: Any) -> None:
    assert decode(encode(value)) == value
    assert slice_of(encode({b"a": 1, b"info": value}), b"info") == encode(value)


@given(st.binary(max_size=60))
def test_whatever_decodes_is_the_one_encoding_of_its_value(content: bytes) -> None:
    try:
        value = decode(content)
    except FormatError:
        return
    assert encode(value) == content


@pytest.mark.parametrize(
    "content",
    [b"i03e", b"i-0e", b"i--1e", b"ie", b"i1", b"3:ab", b"-1:", b"01:a", b"d1:b0:1:a0:e",
     b"d1:a0:1:a0:e", b"l", b"d1:a", b"d", b"le5:", b"", b"x", b"l" * 5000],
)  # fmt: skip
def test_what_is_not_strict_bencoding_is_refused(content: bytes) -> None:
    with pytest.raises(FormatError):
        decode(content)
