"""What people write where a licence should stand, and what is understood of it."""

import csv
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.rights import Family, licence_by_id, parse_licence
from phonotheque.rights.licences import licence_table
from phonotheque.rights.parse import MAX_DOCUMENT_CHARS, says_public_domain

UNDERSTOOD = {
    "CC-BY-4.0": "CC-BY-4.0",
    "cc-by-sa-2.1-jp": "CC-BY-SA-2.1-JP",
    "LicenseRef-CC-BY-SA-2.0-DE": "LicenseRef-CC-BY-SA-2.0-DE",
    "http://creativecommons.org/licenses/by/3.0/": "CC-BY-3.0",
    "https://www.creativecommons.org/licenses/by/4.0/deed.de": "CC-BY-4.0",
    "http://creativecommons.org/licenses/by-nc-sa/2.0/de/legalcode": "CC-BY-NC-SA-2.0-DE",
    "http://creativecommons.org/licenses/by-sa/2.1/jp": "CC-BY-SA-2.1-JP",
    "creativecommons.org/licenses/by-nd-nc/1.0/": "CC-BY-NC-ND-1.0",
    "http://creativecommons.org/licenses/by-nc-nd/2.5/scotland/": (
        "LicenseRef-CC-BY-NC-ND-2.5-SCOTLAND"
    ),
    "http://creativecommons.org/licenses/by/2.0/gb/": "LicenseRef-CC-BY-2.0-UK",
    "http://creativecommons.org/licenses/by-sa/2.0/uk/": "CC-BY-SA-2.0-UK",
    "http://creativecommons.org/licenses/sampling%2B/1.0/": "LicenseRef-CC-Sampling-Plus-1.0",
    "http://creativecommons.org/licenses/nc-sampling+/1.0/": "LicenseRef-CC-NC-Sampling-Plus-1.0",
    "http://creativecommons.org/licenses/publicdomain/": "CC-PDDC",
    "https://creativecommons.org/publicdomain/zero/1.0/": "CC0-1.0",
    "http://creativecommons.org/publicdomain/mark/1.0/": "CC-PDM-1.0",
    "2008 paniq. Licensed to the public under http://creativecommons.org/licenses/by-sa/2.0/de/ "
    "verify at http://www.jamendo.com/album/32199/": "LicenseRef-CC-BY-SA-2.0-DE",
    "CC BY-SA 3.0": "CC-BY-SA-3.0",
    "CC-BY 4.0 by X": "CC-BY-4.0",
    "Creative Commons Attribution-ShareAlike 3.0 Unported": "CC-BY-SA-3.0",
    "Attribution-Noncommercial-Share Alike 3.0 United States: "
    "http://creativecommons.org/licenses/by-nc-sa/3.0/us/": "LicenseRef-CC-BY-NC-SA-3.0-US",
    "CC0": "CC0-1.0",
    "Given to the public under CC0 1.0 by its author": "CC0-1.0",
    "GPL-3+": "GPL-3.0-or-later",
    "GPL-2": "GPL-2.0-only",
    "LGPL-2.1+": "LGPL-2.1-or-later",
    "Expat": "MIT",
    "OFL-1.1": "OFL-1.1",
    "All rights reserved.": "LicenseRef-All-Rights-Reserved",
    "© 2010 Somebody. All rights reserved": "LicenseRef-All-Rights-Reserved",
    "http://creativecommons.org/licences/by-nc-nd/3.0/deed.en_US": "CC-BY-NC-ND-3.0",
    "https://creativecommons.org/licenses/by/4.0/?ref=chooser-v1": "CC-BY-4.0",
    "https://creativecommons.org/licenses/by/4.0/legalcode.de#s3": "CC-BY-4.0",
    "http:/creativecommons.org//licenses//by/3.0": "CC-BY-3.0",
    "http://i.creativecommons.org/l/by-nc/3.0/88x31.png": "CC-BY-NC-3.0",
    "https://licensebuttons.net/p/zero/1.0/80x15.png": "CC0-1.0",
    "http://creativecommons.com/licenses/by/3.0/": "CC-BY-3.0",
    "http://creativecommons.org/licenses/by_sa_nc/3.0/": "CC-BY-NC-SA-3.0",
    "http://creativecommons.org/licenses/by/3/": "CC-BY-3.0",
    "https://web.archive.org/web/2012/http://creativecommons.org/licenses/by/3.0/": "CC-BY-3.0",
    "https://spdx.org/licenses/CC-BY-SA-2.1-JP.html": "CC-BY-SA-2.1-JP",
    "https://opendatacommons.org/licenses/pddl/1-0/": "PDDL-1.0",
    "(CC) BY-NC-SA v3": "CC-BY-NC-SA-3.0",
    "Creative Commons 3.0 BY-NC-SA": "CC-BY-NC-SA-3.0",
    "CC BY NC ND 3.0 DE": "CC-BY-NC-ND-3.0-DE",
    "Creative Commons Attribution 3.0 United States": "CC-BY-3.0-US",
    "CC BY 4": "CC-BY-4.0",
    "CC NC-SA 1.0": "LicenseRef-CC-NC-SA-1.0",
    "Attribution-NonCommercial-NoDerivs 3.0": "CC-BY-NC-ND-3.0",
    "Namensnennung - Nicht-kommerziell - Weitergabe unter gleichen Bedingungen 3.0 Deutschland": (
        "CC-BY-NC-SA-3.0-DE"
    ),
    "Paternité - Pas d'Utilisation Commerciale - Pas de Modification 3.0": "CC-BY-NC-ND-3.0",
    "Attribuzione - Non commerciale - Condividi allo stesso modo 3.0 Italia": (
        "LicenseRef-CC-BY-NC-SA-3.0-IT"
    ),
    "Reconocimiento-NoComercial-SinObraDerivada 3.0 España": "LicenseRef-CC-BY-NC-ND-3.0-ES",
    "クリエイティブ・コモンズ 表示-非営利-継承 4.0": "CC-BY-NC-SA-4.0",
    "Some rights reserved. Licensed under CC BY-NC 3.0. Based on a work at example.org": (
        "CC-BY-NC-3.0"
    ),
    "(c) 2010 X, see CC BY 3.0": "CC-BY-3.0",
    "℗ & © 2010 X, CC BY 3.0": "CC-BY-3.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Public Domain Mark 1.0": "CC-PDM-1.0",
    "GNU GPL v2+": "GPL-2.0-or-later",
    "Licence Art Libre 1.3": "LAL-1.3",
    "Tous droits réservés": "LicenseRef-All-Rights-Reserved",
    "© 2001 X. TUTTI I DIRITTI RISERVATI": "LicenseRef-All-Rights-Reserved",
    "Все права защищены": "LicenseRef-All-Rights-Reserved",
    "無断転載禁止": "LicenseRef-All-Rights-Reserved",
    "Unauthorised copying, hiring and lending prohibited": "LicenseRef-All-Rights-Reserved",
}

NOT_UNDERSTOOD = [
    "",
    "free download",
    "royalty free",
    "CC-BY-SA",  # no version: which licence is not said
    "Creative Commons",
    "CC BY 4.0 or CC BY-SA 3.0",
    "GPL-2+ or CC-BY-SA-3.0",
    "not under CC BY 4.0",
    "CC BY 4.0, all rights reserved",
    "http://notcreativecommons.org/licenses/by/3.0/",
    "http://creativecommons.org.example.net/licenses/by/3.0/",
    "http://creativecommons.org/licenses/by/9.0/",
    "http://creativecommons.org/licenses/by/4.0/de/",  # 4.0 has no ports
    "http://creativecommons.org/licenses/by/3.0/ "
    "and http://creativecommons.org/licenses/by-nc/3.0/",
    "http://freemusicarchive.org/FMA_License",
    "some rights reserved",
    "no rights reserved",
    "not all rights reserved",
    "Public Domain",
    "free to use with attribution",
    "podsafe, for promotional use only",
    "by-nc-sa",
    "CC NC 3.0",  # no such licence in this version
    "CC BY 4 friends",
    "http://creativecommons.org/licenses/by/2/",  # 2.0 or 2.1 or 2.5
    "http://creativecommons.info/licenses/by/3.0/",
    "https://spdx.org/licenses/CC-BY-9.0.html",
    "© 2010 X. All rights reserved. CC BY 3.0",
    "All rights reserved except as licensed under CC BY 3.0",
    "© 2011 Label. CC BY 3.0 ℗ 2010 Other",
    "CC BY 3.0, non-commercial use only",
    "CC BY 3.0 / BY-NC-SA 3.0",
    "Attribution-ShareAlike http://creativecommons.org/licenses/by/3.0/",
    "http://creativecommons.org/licenses/by/3.0/ GPL",
]


@pytest.mark.parametrize(("raw", "expected"), UNDERSTOOD.items())
def test_a_licence_is_understood_in_every_form_people_write(raw: str, expected: str) -> None:
    licence = parse_licence(raw)
    assert licence is not None
    assert licence.id == expected


@pytest.mark.parametrize("raw", NOT_UNDERSTOOD)
def test_what_is_unclear_is_not_understood(raw: str) -> None:
    assert parse_licence(raw) is None


def test_all_rights_reserved_in_a_long_document_contradicts_the_address_in_it() -> None:
    address = "http://creativecommons.org/licenses/by/3.0/ "
    text = address + "words of the licence " * 100
    found = parse_licence(text)
    assert found is not None and found.id == "CC-BY-3.0"
    assert parse_licence(text + "All rights reserved.") is None
    assert parse_licence(address + "x" * MAX_DOCUMENT_CHARS) is None


@pytest.mark.parametrize("text", ["Public Domain", "This is in the public domain.", "gemeinfrei"])
def test_a_statement_of_the_public_domain_is_told_from_a_licence(text: str) -> None:
    assert says_public_domain(text)
    assert parse_licence(text) is None


@pytest.mark.parametrize(
    "text",
    ["CC0", "Public Domain Mark 1.0", "not in the public domain", "free", "all rights reserved"],
)
def test_a_licence_or_a_denial_is_no_statement_of_the_public_domain(text: str) -> None:
    assert not says_public_domain(text)


def test_hostile_text_takes_no_long_time() -> None:
    started = time.perf_counter()
    for text in (
        "by " * 333,
        "creative commons " * 60,
        "attribution non commercial " * 37,
        "cc by nc nd sa " * 60,
        "http://creativecommons.org/licenses/" + "a/" * 400,
    ):
        parse_licence("cc " + text[:990])
    assert time.perf_counter() - started < 5


def test_every_known_licence_is_understood_by_its_id_and_its_url() -> None:
    for licence in licence_table().by_id.values():
        assert parse_licence(licence.id) == licence
        if licence.url.startswith("https://creativecommons.org"):
            assert parse_licence(licence.url) == licence
            assert parse_licence(licence.url.rstrip("/") + "/deed.fr") == licence


def test_elements_of_a_creative_commons_licence_are_known() -> None:
    licence = licence_by_id("LicenseRef-CC-BY-NC-ND-3.0-CH")
    assert licence is not None
    assert (licence.by, licence.nc, licence.nd, licence.sa) == (True, True, True, False)
    assert (licence.version, licence.jurisdiction, licence.family) == ("3.0", "ch", Family.CC)


def test_identifiers_are_valid_spdx() -> None:
    for licence in licence_table().by_id.values():
        assert re.fullmatch(r"[A-Za-z0-9.\-]+", licence.id)


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(raw: str) -> None:
    parse_licence(raw)


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=5_000))
def test_a_licence_url_is_never_taken_for_another_one(noise: str) -> None:
    licence = parse_licence(f"{noise} http://creativecommons.org/licenses/by-nc/3.0/ ")
    assert licence is None or licence.id == "CC-BY-NC-3.0"


def test_every_licence_url_of_creative_commons_is_known(shared_data) -> None:
    paths = sorted((shared_data / "licences" / "cc-rdf").glob("*.rdf"))
    assert len(paths) > 600
    for path in paths:
        url = re.search(r'cc:License rdf:about="([^"]+)"', path.read_text())
        assert url is not None
        assert parse_licence(url[1]) is not None, url[1]


def test_every_licence_url_of_a_netlabel_catalogue_is_known(shared_data) -> None:
    with (shared_data / "freemusi" / "releases.csv").open(newline="") as stream:
        urls = {row["licenseurl"] for row in csv.DictReader(stream)}
    unknown = {url for url in urls if url and parse_licence(url) is None}
    assert unknown == {"http://freemusicarchive.org/FMA_License"}


@pytest.mark.parametrize(
    "text",
    [
        "CC BY 4.0 for the artwork only; all music © Label",
        "http://creativecommons.org/licenses/by/4.0/ (cover art)",
        "This is no CC BY 4.0 work",
        "CC BY 4.0 expired",
        "CC BY 4.0 gilt nicht",
        "CC BY 3.0 until 2012",
        "CC BY 4.0, uses samples of others",
        "Lyrics under CC BY 3.0",
        "CC BY 3.0 (cover by Y)",
        "CC BY 3.0 sauf les paroles",
        "https://example.com/creativecommons.org/licenses/by/4.0/",
    ],
)
def test_a_licence_denied_or_given_for_something_else_is_not_taken(text: str) -> None:
    assert parse_licence(text) is None


def test_names_of_licences_that_hold_a_no_are_no_denial() -> None:
    for text in ("Creative Commons Attribution-NonCommercial-No Derivs 3.0",
                 "Namensnennung - Nicht kommerziell - Keine Bearbeitung "
                 "http://creativecommons.org/licenses/by-nc-nd/3.0/"):  # fmt: skip
        found = parse_licence(text)
        assert found is not None and found.id == "CC-BY-NC-ND-3.0"


@pytest.mark.parametrize(
    "raw",
    ["CC-BY-4.0 OR Unknown-1.0", "CC-BY-4.0 AND Unknown-1.0", "Unknown-1.0 AND CC-BY-4.0",
     "(CC-BY-4.0 AND Unknown-1.0)", "CC-BY-4.0 AND Commercial", "CC-BY-4.0 and MIT",
     "CC-BY-4.0 WITH no-training-exception", "CC BY 4.0 AND LicenseRef-ours",
     "https://creativecommons.org/licenses/by/4.0/ AND Unknown-1.0", "CC-BY-4.0 OR CC0-1.0"],
)  # fmt: skip
def test_a_licence_that_stands_in_an_expression_is_not_taken_out_of_it(raw: str) -> None:
    assert parse_licence(raw) is None


@pytest.mark.parametrize(
    "raw",
    ["CC-BY-4.0 AND CC-BY-4.0", "© Anna and Ben, CC-BY-4.0", "CC-BY-4.0 with attribution to Anna",
     "Creative Commons Attribution 4.0 by Anna and the Band", "CC-BY-4.0 or later"],
)  # fmt: skip
def test_an_and_that_joins_no_licences_takes_nothing_away(raw: str) -> None:
    found = parse_licence(raw)
    assert found is not None and found.id == "CC-BY-4.0"
