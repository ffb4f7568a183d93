"""First contact by a magnet link."""

import json
from pathlib import Path
from typing import Any

import pytest

from phonotheque.cli.main import main
from phonotheque.mirror import read_magnet, read_mirror, who_answers
from phonotheque.mirror.introductions import Introduction
from phonotheque.model.errors import TrustError, UsageError
from phonotheque.model.magnets import format_magnet
from tests.mirror.conftest import Follower
from tests.support.origin import WebServer

V2 = "ab" * 32


def test_a_magnet_names_trees_and_peers_and_nothing_else_is_taken_from_it() -> None:
    link = format_magnet(
        "v-1", "cd" * 20, V2, trackers=["https://t.example/announce"],
        webseeds=["https://a.example", "https://b.example/music/"],
    )  # fmt: skip
    met = read_magnet(f"{link}&ws=ftp://c.example/volumes/&x.pe=192.0.2.7:6881&x.pe=nonsense")
    assert met.origins == ("https://a.example", "https://b.example/music")
    assert (met.peers, met.name) == (("192.0.2.7:6881",), "v-1")


@pytest.mark.parametrize(
    ("link", "why"),
    [
        (f"magnet:?xt=urn:btmh:1220{V2}", "no web address"),
        ("magnet:?ws=https://a.example/volumes/", "no torrent"),
        ("magnet:?xt=urn:sha1:abc&ws=https://a.example/", "no torrent"),
        (f"magnet:?xt=urn:btmh:1220{V2}&ws=http://[2001:db8::1/volumes/", "no web address"),
        ("https://a.example", "no magnet"),
    ],
)
def test_what_does_not_lead_to_an_archive_is_refused(link: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read_magnet(link)


def test_who_has_a_magnet_without_a_web_address_can_add_one() -> None:
    link = f"magnet:?xt=urn:btmh:1220{V2}&x.pe=192.0.2.7:6881"
    with pytest.raises(UsageError, match=r"&ws=https://archive\.example/volumes/"):
        read_magnet(link)
    assert read_magnet(f"{link}&ws=https://archive.example/volumes/").origins == (
        "https://archive.example",
    )


def test_who_has_another_root_than_the_pinned_one_is_passed_over(
    follower: Follower, tmp_path: Path
) -> None:
    impostor = tmp_path / "impostor"
    (impostor / "metadata").mkdir(parents=True)
    (impostor / "metadata" / "root.json").write_text("{}")
    with WebServer(impostor) as other:
        met = Introduction((other.url, follower.server.url), (), "")
        assert who_answers(met) == other.url
        assert who_answers(met, follower.origin.fingerprint) == follower.server.url
        with pytest.raises(TrustError, match="no root of this origin has"):
            who_answers(met, "0" * 64)


def test_a_mirror_is_planned_by_a_magnet_and_a_pinned_root(follower: Follower, capsys: Any) -> None:
    gone, url = "http://127.0.0.1:9", follower.server.url
    link = format_magnet("tiny-tier1-00001", "", V2, webseeds=[gone, url])
    words = ["plan", str(follower.tree.root), "--origin", f"{link}&x.pe=127.0.0.1:6881", "--json"]
    assert main([*words, "--root", "00" * 32]) == 76
    assert not follower.tree.mirror_toml.exists()
    capsys.readouterr()
    assert main([*words, "--root", follower.origin.fingerprint]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["origin"], made["trust"]) == (url, "pinned")
    settings = read_mirror(follower.tree)
    assert (settings.others, settings.peers) == ((gone,), ("127.0.0.1:6881",))
