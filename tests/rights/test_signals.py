"""Reservations of mining and training: every form, and how they are merged."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.rights import Claim
from phonotheque.model.signals import SignalDocument, SignalKind
from phonotheque.rights.signals import signal_evidence, tag_signal_evidence
from phonotheque.rights.signals.embedded import page_meta, parse_headers
from phonotheque.rights.signals.paths import matches
from phonotheque.rights.signals.robots import ai_agents, parse_robots
from phonotheque.rights.signals.stance import Said, Stance, merge, strongest
from phonotheque.rights.signals.tdmrep import UnreadableSignalError, tdmrep_file
from phonotheque.rights.signals.texts import spoken_reservation
from phonotheque.rights.signals.usage import usage_preference

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
SITE = "https://music.example/albums/one/a.flac"
RESERVED, OPEN, UNSET = Stance.RESERVED, Stance.OPEN, Stance.UNSET


def document(kind: SignalKind, content: str | bytes | None, **more: object) -> SignalDocument:
    data = content.encode() if isinstance(content, str) else content
    url = f"https://music.example/{kind.value}"
    return SignalDocument(kind, kind.value, url, AT, data, "ab" * 32 if data else None, **more)


def claims(*documents: SignalDocument, url: str | None = SITE) -> list[tuple[str, str | None]]:
    return [(e.claim.value, e.value) for e in signal_evidence(documents, url)]


def tdmrep(*rules: tuple[str, object]) -> bytes:
    return json.dumps([{"location": at, "tdm-reservation": v} for at, v in rules]).encode()


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/", "/x", True), ("/a", "/ab", True), ("/a/", "/a", False), ("/*.mp3", "/a/b.mp3", True),
        ("/*.mp3$", "/a.mp3?x", False), ("/*.mp3$", "/a.mp3", True), ("/a$", "/a", True),
        ("/a$", "/ab", False), ("/a*b*c", "/a1b2c3", True), ("/a*b*c", "/a1c2b3", False),
        ("/*a$", "/a", True), ("/%61", "/a", True), ("/ab*b$", "/ab", False), ("*", "/x", True),
        ("", "/x", True),
    ],
)  # fmt: skip
def test_a_pattern_matches_as_rfc_9309_says(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


def test_the_first_rule_of_a_tdmrep_file_that_matches_speaks() -> None:
    rules = tdmrep(("/free/*", 0), ("/", 1))
    assert tdmrep_file(rules, "/free/a").stance is OPEN
    assert tdmrep_file(rules, "/albums/a").stance is RESERVED
    assert tdmrep_file(tdmrep(("/other/", 1)), "/albums/a").stance is UNSET
    assert tdmrep_file(rules, None).stance is RESERVED


@pytest.mark.parametrize("value", [2, -1, "yes", None, True, 1.0, [1], "01"])
def test_a_value_other_than_0_and_1_is_as_if_unset(value: object) -> None:
    assert tdmrep_file(tdmrep(("/", value)), "/a").stance is UNSET


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b"[" * 100_000, b'[{"a":1},'])
def test_a_tdmrep_file_that_cannot_be_read_counts_as_a_reservation(content: bytes) -> None:
    with pytest.raises(UnreadableSignalError):
        tdmrep_file(content, "/")
    assert claims(document(SignalKind.TDMREP, content)) == [("reservation", "tdm")]


def test_the_policy_is_kept_in_the_words() -> None:
    rules = b'[{"location":"/","tdm-reservation":1,"tdm-policy":"https://p.example/1"}]'
    (found,) = signal_evidence([document(SignalKind.TDMREP, rules)], SITE)
    assert "https://p.example/1" in found.raw
    assert (found.captured_at, found.sha256, found.witness) == (AT, "ab" * 32, "music.example")
    assert found.source == "tdmrep/1 https://music.example/tdmrep"


def test_a_header_overrides_the_file_and_a_page_the_header() -> None:
    file = document(SignalKind.TDMREP, tdmrep(("/", 1)))
    header = document(SignalKind.HEADERS, "HTTP/1.1 200 OK\r\nTDM-Reservation: 0\r\n")
    page = document(SignalKind.HTML, '<meta content="1" name="tdm-reservation">')
    assert claims(file, header) == [("checked", "tdmrep"), ("checked", "headers")]
    assert ("reservation", "tdm") in claims(file, header, page)
    assert ("reservation", "tdm") in claims(page, header)


def test_silence_of_a_stronger_place_leaves_the_weaker_one_standing() -> None:
    file = document(SignalKind.TDMREP, tdmrep(("/", 1)))
    for said in ("HTTP/1.1 200 OK\n", "tdm-reservation: 7\n", None):
        assert claims(file, document(SignalKind.HEADERS, said))[0] == ("reservation", "tdm")


def test_what_is_not_there_is_recorded_as_checked() -> None:
    (found,) = signal_evidence([document(SignalKind.ROBOTS, None)], SITE)
    assert (found.claim, found.value, found.raw) == (Claim.CHECKED, "robots.txt", "not there")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train-ai=n", RESERVED), ("train-ai=y", OPEN), ("search=n", UNSET), ("train-ai", UNSET),
        ("train-ai=n;exceptions=cc-cr, search=y", RESERVED), ("bots=n", RESERVED),
        ("bots=n, train-ai=y", OPEN), ("train-ai=y, train-genai=n", RESERVED),
        ("train-ai=y, train-ai=n", RESERVED), ("Train-AI=N", RESERVED), ("ai-train=no", RESERVED),
        ("search=yes, ai-train=yes", OPEN), ("", UNSET), ("train-ai=maybe", UNSET),
    ],
)  # fmt: skip
def test_usage_preferences(text: str, expected: Stance) -> None:
    assert usage_preference(text).stance is expected


ROBOTS = """
User-agent: GPTBot
User-agent: CCBot/2.0  # both
Disallow: /albums/
Allow: /albums/free/

User-agent: *
Disallow: /private/
"""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://m.example/albums/a", "reservation"),
        ("https://m.example/albums/free/a", "checked"),
        ("https://m.example/private/a", "reservation"),
        ("https://m.example/a", "checked"),
        (None, "reservation"),
    ],
)  # fmt: skip
def test_who_keeps_an_ai_crawler_out_reserves(url: str | None, expected: str) -> None:
    assert claims(document(SignalKind.ROBOTS, ROBOTS), url=url)[0][0] == expected


def test_without_a_known_path_only_a_rule_on_the_whole_site_counts_against_all() -> None:
    part = document(SignalKind.ROBOTS, "User-agent: *\nDisallow: /cgi-bin/")
    whole = document(SignalKind.ROBOTS, "User-agent: *\nDisallow: /")
    assert claims(part, url=None)[0][0] == "checked"
    assert claims(whole, url=None)[0][0] == "reservation"


def test_an_empty_disallow_and_a_group_of_a_search_engine_reserve_nothing() -> None:
    for text in ("User-agent: GPTBot\nDisallow:\n", "User-agent: Bingbot\nDisallow: /\n", "x\0y"):
        assert claims(document(SignalKind.ROBOTS, text))[0][0] == "checked"


def test_usage_rules_in_robots_txt_hold_for_their_longest_path() -> None:
    text = (
        "User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /albums/ train-ai=y\nAllow: /\n"
    )
    robots = document(SignalKind.ROBOTS, text)
    assert claims(robots)[0][0] == "checked"
    assert claims(robots, url="https://music.example/x")[0] == ("reservation", "ai")
    assert claims(robots, url=None)[0] == ("reservation", "ai")
    before_groups = document(SignalKind.ROBOTS, "Content-Signal: search=yes, ai-train=no\n")
    assert claims(before_groups)[0] == ("reservation", "ai")


def test_groups_are_separated_by_rules_not_by_empty_lines() -> None:
    groups = parse_robots("User-agent: a\n\nUser-agent: b\nDisallow: /x\nUser-agent: c\nAllow: /")
    assert [sorted(group.agents) for group in groups] == [["a", "b"], ["c"]]


def test_an_ai_txt_with_any_disallow_reserves() -> None:
    assert claims(document(SignalKind.AI_TXT, "User-Agent: *\nDisallow: *.mp3"))[0][1] == "ai"
    assert claims(document(SignalKind.AI_TXT, "User-Agent: *\nAllow: /"))[0][0] == "checked"


def test_the_list_of_agents_has_the_ones_everybody_knows_and_no_plain_search_engine() -> None:
    assert {"gptbot", "ccbot", "claudebot", "google-extended", "bytespider"} <= ai_agents()
    assert not {"googlebot", "bingbot", "*", "scrapy"} & ai_agents()
    assert len(ai_agents()) > 120


def test_headers_are_read_whatever_their_case_and_folding() -> None:
    fields = parse_headers("HTTP/2 200\r\nContent-Usage:\r\n train-ai=n\r\nbad line\r\n")
    assert fields == [("content-usage", " train-ai=n")]
    said = document(SignalKind.HEADERS, "x-robots-tag: noai, noimageai\n")
    assert claims(said)[0] == ("reservation", "ai")


def test_a_meta_element_in_a_comment_says_nothing() -> None:
    page = "<!-- <meta name=tdm-reservation content=0> --><META NAME='robots' CONTENT='NoAI'>"
    assert page_meta(page) == [("robots", "NoAI")]
    assert claims(document(SignalKind.HTML, page))[0] == ("reservation", "ai")


@pytest.mark.parametrize(
    "text",
    [
        "No AI training.", "Not to be used for training of artificial intelligence",
        "May not be used to train AI models", "AI training is only permitted with consent",
        "Text and data mining reserved (Art. 4 DSM)", "TDM: all rights reserved",
        "Text- und Data-Mining vorbehalten, § 44b UrhG", "Keine Nutzung für KI-Training",
        "Fouille de textes et de données interdite", "L'entraînement d'une IA est interdit",
        "Prohibido el entrenamiento de IA", "minería de textos y datos reservada",
        "Vietato l'addestramento di intelligenze artificiali",
        "Proibido o treinamento de inteligência artificial",
        "Geen gebruik voor training van AI", "Träning av AI förbjuden",
        "Zakaz: eksploracja tekstów i danych", "Запрещено обучение нейросетей",
        "AI学習禁止", "生成AIへの利用を禁止します", "禁止用于人工智能训练", "AI 학습 금지",
        "machine learning",
    ],
)  # fmt: skip
def test_plain_words_reserve_in_many_languages(text: str) -> None:
    assert spoken_reservation(text).stance is RESERVED


@pytest.mark.parametrize("text", ["AI training is welcome", "TDM allowed", "KI-Training erlaubt"])
def test_a_clear_permission_is_no_reservation(text: str) -> None:
    assert spoken_reservation(text).stance is OPEN


@pytest.mark.parametrize(
    "text",
    ["All rights reserved", "CC BY 4.0", "Recorded by AI Weiwei", "Night Train", "Maria",
     "(C) 2011", "Train to Aix", "Kim trains no more", "© Miner Records"],
)  # fmt: skip
def test_words_on_something_else_are_silent(text: str) -> None:
    assert spoken_reservation(text).stance is UNSET


def test_tags_reserve_each_for_itself_or_are_checked() -> None:
    tags = {
        "tdmreservation": ["1"],
        "tdmpolicy": ["https://p.example"],
        "copyright": ["(c) X. No AI training."],
        "xmp": ['<rdf:Description tdm:reservation="1"/>'],
        "title": ["machine learning"],
    }
    found = list(tag_signal_evidence(tags, AT))
    assert [(e.claim.value, e.value, e.source) for e in found] == [
        ("reservation", "tdm", "tags/1 tdmreservation"),
        ("reservation", "ai", "tags/1 copyright"),
        ("reservation", "tdm", "tags/1 xmp"),
    ]
    (none,) = tag_signal_evidence({"title": ["x"], "contentusage": ["train-ai=y"]}, AT)
    assert (none.claim, none.value) == (Claim.CHECKED, "tags")


STANCES = st.lists(st.builds(Said, st.sampled_from(Stance)), max_size=6)


@given(STANCES, st.randoms())
def test_a_reservation_wins_in_any_order(items: list[Said], random: object) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(items).stance is merge(shuffled).stance
    assert (merge(items).stance is RESERVED) == any(i.stance is RESERVED for i in items)


@given(STANCES)
def test_silence_never_resets(items: list[Said]) -> None:
    assert strongest([*items, Said(UNSET)]) == strongest(items)


@given(st.sampled_from(SignalKind), st.binary(max_size=400), st.none() | st.just(SITE))
def test_any_bytes_give_one_piece_of_evidence(
    kind: SignalKind, content: bytes, url: str | None
) -> None:
    (found,) = signal_evidence([document(kind, content)], url)
    assert found.claim in (Claim.RESERVATION, Claim.CHECKED)
    assert found.raw
