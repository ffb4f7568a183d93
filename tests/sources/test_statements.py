"""Statements of rights: tags, sidecars, Debian copyright files."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.archive.row_worker import otherwise
from phonotheque.model.findings import FindingCode
from phonotheque.model.rights import Claim, Evidence, EvidenceKind
from phonotheque.rights import parse_licence
from phonotheque.sources import AudioFile, FolderRights, Tags
from phonotheque.sources.debian import copyright_evidence, covering_paragraphs, parse_copyright
from phonotheque.sources.globs import glob_pattern
from phonotheque.sources.sidecar import UnreadableSidecarError, read_sidecar, sidecar_evidence
from phonotheque.sources.statements import holder_in, tag_evidence

NOW = datetime(2026, 11, 22, tzinfo=UTC)
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Contact: Somebody

Files: *
Copyright: Copyright (C) 2009, A. Programmer <a@example.net>
License: GPL-3+

Files: data/mus*.ogg
Copyright: B. Composer
License: CC-BY-SA-3.0

Files: debian/*
Copyright: C. Packager
License: GPL-2+

License: GPL-3+
 The text of the licence.
"""


def understand(raw: str) -> str | None:
    licence = parse_licence(raw)
    return licence.id if licence else None


def audio(key: str) -> AudioFile:
    return AudioFile(Path(key), key, 1, 1)


def claims(evidence: object) -> list[tuple[str, str | None]]:
    return [(e.claim.value, e.value) for e in evidence]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_licence_tag_is_evidence_from_the_tag() -> None:
    tags = Tags({"license": ["http://creativecommons.org/licenses/by-sa/3.0/"]})
    (found,) = tag_evidence(tags, understand, NOW)
    assert (found.claim, found.value) == (Claim.LICENCE, "CC-BY-SA-3.0")
    assert (found.kind, found.source) == (EvidenceKind.TAG, "tag:license")


def test_a_copyright_tag_gives_licence_and_holder() -> None:
    text = "2008 paniq. Licensed to the public under http://creativecommons.org/licenses/by/3.0/"
    found = tag_evidence(Tags({"copyrightmessage": [text]}), understand, NOW)
    assert claims(found) == [("licence", "CC-BY-3.0"), ("holder", "paniq")]


def test_a_copyright_tag_without_a_licence_names_only_the_holder() -> None:
    found = tag_evidence(Tags({"copyright": ["© 2010 Some Label"]}), understand, NOW)
    assert claims(found) == [("holder", "Some Label")]


def test_an_unclear_licence_tag_is_kept_as_not_understood() -> None:
    found = tag_evidence(Tags({"license": ["free download"]}), understand, NOW)
    assert claims(found) == [("licence", None)]


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"license": ["http://rightsstatements.org/vocab/InC/1.0/"]}, [("statement", "InC")]),
        ({"copyright": ["Public Domain"]}, [("basis", "public-domain")]),
        ({"license": ["public domain"]}, [("basis", "public-domain")]),
        ({"copyright": ["No Known Copyright"]}, [("statement", "NKC")]),
        ({"license": ["not in the public domain"]}, [("licence", None)]),
        (
            {"license": ["public domain"], "copyright": ["Anna, CC BY 4.0"]},
            [("basis", "public-domain"), ("licence", None), ("licence", "CC-BY-4.0"),
             ("holder", "Anna, CC BY 4.0")],
        ),
    ],
)  # fmt: skip
def test_what_is_said_instead_of_a_licence_is_heard(tags, said) -> None:
    assert claims(tag_evidence(Tags(tags), understand, NOW, otherwise)) == said


def test_signs_of_other_rights_are_seen() -> None:
    tags = Tags({"title": ["Yesterday (Beatles cover)"], "copyright": ["Xaver. No AI training."]})
    assert claims(tag_evidence(tags, understand, NOW)) == [
        ("holder", "Xaver"),
        ("rebuttal", "cover"),
    ]


@pytest.mark.parametrize("title", ["Undercover", "Discover (live)", "Recovering"])
def test_a_title_that_only_sounds_like_a_cover_is_left_alone(title: str) -> None:
    assert claims(tag_evidence(Tags({"title": [title]}), understand, NOW)) == []


def test_the_holder_is_found_in_the_usual_notices() -> None:
    assert holder_in("Copyright (C) 2009, Remigiusz Dybka <r@example.net>") == "Remigiusz Dybka"
    assert holder_in("2007-2008, 2012 Max McCracken. All rights reserved") == "Max McCracken"
    assert holder_in("Licensed under something") is None
    assert holder_in("2010") is None


@given(st.text(max_size=300))
def test_no_text_breaks_the_readers_of_statements(text: str) -> None:
    list(tag_evidence(Tags({"license": [text], "copyright": [text]}), understand, NOW))
    parse_copyright("x", "x", text.encode("utf-8", "surrogatepass"))


def test_debian_files_are_matched_by_the_last_paragraph_that_covers_them() -> None:
    file = parse_copyright("zaz-data", "usr/share/doc/zaz-data/copyright", COPYRIGHT.encode())
    music = copyright_evidence(file, "usr/share/games/zaz/mus1.ogg", understand, NOW)
    assert claims(music) == [("licence", "CC-BY-SA-3.0"), ("holder", "B. Composer")]
    effect = copyright_evidence(file, "usr/share/games/zaz/push.ogg", understand, NOW)
    assert claims(effect) == [("licence", "GPL-3.0-or-later"), ("holder", "A. Programmer")]


def test_a_debian_paragraph_that_may_cover_a_file_becomes_a_second_claim() -> None:
    text = COPYRIGHT.replace("data/mus*.ogg", "music/*")
    file = parse_copyright("p", "copyright", text.encode())
    surely = covering_paragraphs(file.paragraphs, "usr/share/p/music/a.ogg")
    assert [p.licence for p in surely] == ["CC-BY-SA-3.0"]
    perhaps = covering_paragraphs(file.paragraphs, "usr/share/p/a.ogg")
    assert [p.licence for p in perhaps] == ["GPL-3+", "CC-BY-SA-3.0"]


def test_a_copyright_file_of_free_form_grants_nothing_unless_it_names_one_licence() -> None:
    text = "Copyright (C) 2007 Max McCracken\n\nAS DEFINED IN THIS CREATIVE COMMONS LICENSE\n" * 50
    file = parse_copyright("p", "copyright", text.encode())
    assert claims(copyright_evidence(file, "usr/a.ogg", understand, NOW)) == [
        ("holder", "Max McCracken")
    ]
    named = text + "http://creativecommons.org/licenses/by/3.0/"
    file = parse_copyright("p", "copyright", named.encode())
    assert ("licence", "CC-BY-3.0") in claims(copyright_evidence(file, "a.ogg", understand, NOW))


def test_public_domain_in_a_debian_file_is_a_basis_and_no_licence() -> None:
    text = COPYRIGHT.replace("License: CC-BY-SA-3.0", "License: public-domain")
    file = parse_copyright("p", "copyright", text.encode())
    found = copyright_evidence(file, "usr/mus1.ogg", understand, NOW)
    assert claims(found)[0] == ("basis", "public-domain")


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("*.flac", "a.flac", True),
        ("*.flac", "disc1/a.flac", True),
        ("disc1/*", "disc1/a.flac", True),
        ("disc1/*", "disc1/x/a.flac", False),
        ("disc1/**", "disc1/x/a.flac", True),
        ("**", "x/y/z.ogg", True),
        ("a?.ogg", "a1.ogg", True),
        ("[a].ogg", "a.ogg", False),
    ],
)
def test_globs_mean_what_the_format_page_says(glob: str, path: str, matches: bool) -> None:
    assert bool(glob_pattern(glob).fullmatch(path)) is matches


def test_the_deeper_sidecar_wins_and_within_one_the_last_statement(tmp_path: Path) -> None:
    write(tmp_path / "rights.toml", '[[rights]]\nlicence = "CC0-1.0"\n')
    write(
        tmp_path / "a" / "rights.toml",
        '[[rights]]\nlicence = "CC-BY-4.0"\nholder = "H"\n\n'
        '[[rights]]\nfiles = "*.ogg"\nlicence = "CC-BY-SA-4.0"\nrebuttal = "lyrics"\n',
    )
    rights = FolderRights(tmp_path, understand, NOW)
    assert claims(rights.of(audio("a/x.ogg"), None).evidence) == [
        ("licence", "CC-BY-SA-4.0"),
        ("rebuttal", "lyrics"),
    ]
    assert claims(rights.of(audio("a/x.flac"), None).evidence) == [
        ("licence", "CC-BY-4.0"),
        ("holder", "H"),
    ]
    assert claims(rights.of(audio("b.ogg"), None).evidence) == [("licence", "CC0-1.0")]


def test_an_unreadable_sidecar_takes_the_rights_from_all_below_it(tmp_path: Path) -> None:
    write(tmp_path / "rights.toml", '[[rights]]\nlicence = "CC0-1.0"\n')
    write(tmp_path / "a" / "rights.toml", "[[rights]\n")
    rights = FolderRights(tmp_path, understand, NOW)
    first = rights.of(audio("a/x.ogg"), None)
    assert claims(first.evidence) == [("licence", None)]
    assert [f.code for f in first.findings] == [FindingCode.RIGHTS_UNREADABLE]
    second = rights.of(audio("a/y.ogg"), None)
    assert claims(second.evidence) == [("licence", None)]
    assert second.findings == ()


def test_a_licence_that_is_not_known_is_reported_by_file(tmp_path: Path) -> None:
    write(tmp_path / "rights.toml", '[[rights]]\nlicence = "my own licence"\n')
    found = FolderRights(tmp_path, understand, NOW).of(audio("x.ogg"), None)
    assert claims(found.evidence) == [("licence", None)]
    assert found.findings[0].code is FindingCode.RIGHTS_UNREADABLE
    assert "x.ogg" in found.findings[0].where


def test_a_statement_can_clear_the_signs_of_other_rights(tmp_path: Path) -> None:
    write(
        tmp_path / "rights.toml",
        '[[rights]]\nlicence = "CC0-1.0"\ncleared = ["sample"]\nstatement = "my own remix"\n',
    )
    rights = FolderRights(tmp_path, understand, NOW)
    tags = Tags({"title": ["A (my remix)"]})
    assert claims(rights.of(audio("x.ogg"), tags).evidence) == [("licence", "CC0-1.0")]


def test_evidence_files_are_kept_with_their_digest(tmp_path: Path) -> None:
    write(tmp_path / "mail.txt", "You may.")
    write(tmp_path / "rights.toml", '[[rights]]\nlicence = "CC0-1.0"\nevidence = "mail.txt"\n')
    found = FolderRights(tmp_path, understand, NOW).of(audio("x.ogg"), None)
    digest = found.evidence[0].sha256
    assert digest is not None
    assert found.kept[digest] == b"You may."


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[[rights]]\n",
        '[[rights]]\nlicense = "CC0-1.0"\n',
        '[[rights]]\nlicence = "CC0-1.0"\nevidence = "missing.pdf"\n',
        '[[rights]]\nlicence = "CC0-1.0"\nevidence = "../outside.txt"\n',
        '[[rights]]\nbasis = "because"\n',
        '[[rights]]\nlicence = "CC0-1.0"\nfiles = []\n',
        'format = 2\n[[rights]]\nlicence = "CC0-1.0"\n',
    ],
)
def test_a_sidecar_that_is_not_right_in_all_it_says_is_not_used(tmp_path: Path, text: str) -> None:
    write(tmp_path / "outside.txt", "x")
    path = write(tmp_path / "in" / "rights.toml", text)
    with pytest.raises(UnreadableSidecarError):
        read_sidecar(path, "rights.toml")


def test_a_file_in_a_tree_of_two_packages_belongs_to_the_one_named_like_its_folder(
    tmp_path: Path,
) -> None:
    for package in ("zaz-data", "singularity-music"):
        write(tmp_path / f"usr/share/doc/{package}/copyright", COPYRIGHT)
    rights = FolderRights(tmp_path, understand, NOW)
    found = rights.of(audio("usr/share/games/zaz/mus1.ogg"), None)
    assert found.collection == "zaz-data"
    assert found.evidence[0].kind is EvidenceKind.PACKAGE_COPYRIGHT
    unknown = rights.of(audio("usr/share/other/mus1.ogg"), None)
    assert unknown.evidence == ()
    assert unknown.collection == "usr"


def test_evidence_is_never_repeated(tmp_path: Path) -> None:
    tags = Tags({"license": ["CC0-1.0", "CC0-1.0"]})
    found = FolderRights(tmp_path, understand, NOW).of(audio("x.ogg"), tags)
    assert found.evidence == (
        Evidence(Claim.LICENCE, "CC0-1.0", "CC0-1.0", EvidenceKind.TAG, "tag:license", NOW),
    )


def test_the_example_of_the_format_page_is_read(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "formats" / "rights-toml.md"
    example = page.read_text().split("```toml\n")[1].split("```")[0]
    write(tmp_path / "permission.eml", "You may.")
    write(tmp_path / "rights.toml", example)
    rights = FolderRights(tmp_path, understand, NOW)
    assert claims(rights.of(audio("own/a.ogg"), None).evidence) == [("basis", "own")]
    assert claims(rights.of(audio("track07.flac"), None).evidence) == [
        ("licence", "CC-BY-SA-4.0"),
        ("rebuttal", "cover"),
    ]
    live = rights.of(audio("live/x/a.ogg"), None).evidence
    assert claims(live) == [("licence", "CC-BY-SA-4.0"), ("holder", "The Øthers")]


FACTS = """
[[rights]]
layer_licences = { work = "CC0-1.0" }
donor = ["distribute"]
[[rights.facts]]
witness = "label-scan:1"
published = 1921
fixed = "..1921"
authors = ["work:1924"]
all_authors = ["work"]
absent = ["lyrics"]
[[rights.facts]]
witness = "discography:dahr"
confidence = 0.9
published = "1920..1921"
rights_statement = "NoC-US"
"""


def test_a_sidecar_tells_facts_by_witness_and_limits_by_layer(tmp_path: Path) -> None:
    (tmp_path / "rights.toml").write_text(FACTS)
    sidecar = read_sidecar(tmp_path / "rights.toml", "rights.toml")
    found = sidecar.statement_for("a.flac")
    assert found is not None
    claims = sidecar_evidence(*found, "rights.toml", lambda raw: raw, NOW)
    assert [(e.claim.value, e.value, e.witness, e.confidence) for e in claims] == [
        ("layer-licence", "work=CC0-1.0", None, None),
        ("donor", "DISTRIBUTE", None, None),
        ("fixed", "..1921", "label-scan:1", None),
        ("published", "1921", "label-scan:1", None),
        ("author", "work:1924", "label-scan:1", None),
        ("authors", "work", "label-scan:1", None),
        ("absent", "lyrics", "label-scan:1", None),
        ("published", "1920..1921", "discography:dahr", 0.9),
        ("statement", "NoC-US", "discography:dahr", 0.9),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        "facts = [{ published = 1921 }]",
        'facts = [{ witness = " ", published = 1921 }]',
        'facts = [{ witness = "w", published = "soon" }]',
        'facts = [{ witness = "w", authors = ["tune:1924"] }]',
        'facts = [{ witness = "w", fixed = 1921, confidence = 1.5 }]',
        'facts = [{ witness = "w" }]',
        'layer_licences = { tune = "CC0-1.0" }',
        'donor = ["everything"]',
    ],
)
def test_a_sidecar_with_a_fact_that_cannot_be_right_is_not_used(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "rights.toml").write_text(f"[[rights]]\n{wrong}\n")
    with pytest.raises(UnreadableSidecarError):
        read_sidecar(tmp_path / "rights.toml", "rights.toml")
