"""Identifiers of the trade: ISRC (ISO 3901), MBID, GTIN. Pure; nothing is inferred from a code.

Rules: ISRC Bulletin 2015/01 for normalising; GTIN check digit by GS1 General Specifications §7.9.
"""

import re
from enum import StrEnum
from uuid import UUID

_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_ISRC_LABEL = re.compile(r"^\s*ISRC[\s:]*", re.IGNORECASE)
_SEPARATORS = re.compile(r"[;,/|\x00]+")
_DASHES_AND_SPACES = re.compile(r"[\s\-‐‑‒–—]+")
_NON_COUNTRY = frozenset(
    [
        "BC",
        "BK",
        "BP",
        "BX",
        "CB",
        "CP",
        "DG",
        "FX",
        "GX",
        "KS",
        "QM",
        "QN",
        "QT",
        "QZ",
        "UK",
        "XK",
        "YU",
        "ZB",
        "ZZ",
    ]
)
_ISO_3166 = frozenset(
    [
        "AD",
        "AE",
        "AF",
        "AG",
        "AI",
        "AL",
        "AM",
        "AN",
        "AO",
        "AQ",
        "AR",
        "AS",
        "AT",
        "AU",
        "AW",
        "AX",
        "AZ",
        "BA",
        "BB",
        "BD",
        "BE",
        "BF",
        "BG",
        "BH",
        "BI",
        "BJ",
        "BL",
        "BM",
        "BN",
        "BO",
        "BQ",
        "BR",
        "BS",
        "BT",
        "BV",
        "BW",
        "BY",
        "BZ",
        "CA",
        "CC",
        "CD",
        "CF",
        "CG",
        "CH",
        "CI",
        "CK",
        "CL",
        "CM",
        "CN",
        "CO",
        "CR",
        "CS",
        "CU",
        "CV",
        "CW",
        "CX",
        "CY",
        "CZ",
        "DE",
        "DJ",
        "DK",
        "DM",
        "DO",
        "DZ",
        "EC",
        "EE",
        "EG",
        "EH",
        "ER",
        "ES",
        "ET",
        "FI",
        "FJ",
        "FK",
        "FM",
        "FO",
        "FR",
        "GA",
        "GB",
        "GD",
        "GE",
        "GF",
        "GG",
        "GH",
        "GI",
        "GL",
        "GM",
        "GN",
        "GP",
        "GQ",
        "GR",
        "GS",
        "GT",
        "GU",
        "GW",
        "GY",
        "HK",
        "HM",
        "HN",
        "HR",
        "HT",
        "HU",
        "ID",
        "IE",
        "IL",
        "IM",
        "IN",
        "IO",
        "IQ",
        "IR",
        "IS",
        "IT",
        "JE",
        "JM",
        "JO",
        "JP",
        "KE",
        "KG",
        "KH",
        "KI",
        "KM",
        "KN",
        "KP",
        "KR",
        "KW",
        "KY",
        "KZ",
        "LA",
        "LB",
        "LC",
        "LI",
        "LK",
        "LR",
        "LS",
        "LT",
        "LU",
        "LV",
        "LY",
        "MA",
        "MC",
        "MD",
        "ME",
        "MF",
        "MG",
        "MH",
        "MK",
        "ML",
        "MM",
        "MN",
        "MO",
        "MP",
        "MQ",
        "MR",
        "MS",
        "MT",
        "MU",
        "MV",
        "MW",
        "MX",
        "MY",
        "MZ",
        "NA",
        "NC",
        "NE",
        "NF",
        "NG",
        "NI",
        "NL",
        "NO",
        "NP",
        "NR",
        "NU",
        "NZ",
        "OM",
        "PA",
        "PE",
        "PF",
        "PG",
        "PH",
        "PK",
        "PL",
        "PM",
        "PN",
        "PR",
        "PS",
        "PT",
        "PW",
        "PY",
        "QA",
        "RE",
        "RO",
        "RS",
        "RU",
        "RW",
        "SA",
        "SB",
        "SC",
        "SD",
        "SE",
        "SG",
        "SH",
        "SI",
        "SJ",
        "SK",
        "SL",
        "SM",
        "SN",
        "SO",
        "SR",
        "SS",
        "ST",
        "SV",
        "SX",
        "SY",
        "SZ",
        "TC",
        "TD",
        "TF",
        "TG",
        "TH",
        "TJ",
        "TK",
        "TL",
        "TM",
        "TN",
        "TO",
        "TR",
        "TT",
        "TV",
        "TW",
        "TZ",
        "UA",
        "UG",
        "UM",
        "US",
        "UY",
        "UZ",
        "VA",
        "VC",
        "VE",
        "VG",
        "VI",
        "VN",
        "VU",
        "WF",
        "WS",
        "YE",
        "YT",
        "ZA",
        "ZM",
        "ZW",
    ]
)


class IsrcStatus(StrEnum):
    """What is known of one code. `valid` speaks of the form only, never of who or when."""

    VALID = "valid"
    MALFORMED = "malformed"
    UNKNOWN_PREFIX = "unknown_prefix"
    PLACEHOLDER = "placeholder"


def is_country(code: str) -> bool:
    """Whether two capitals are a country's code in ISO 3166."""
    return code in _ISO_3166


def split_isrcs(raw: str) -> list[str]:
    """The codes in one field, as written: several are often joined by ``;``, ``,`` or NUL."""
    return [part.strip() for part in _SEPARATORS.split(raw) if part.strip()]


def parse_isrc(raw: str) -> tuple[str, IsrcStatus]:
    """Normalised code and its status. Longer input is never cut to twelve characters."""
    code = _DASHES_AND_SPACES.sub("", _ISRC_LABEL.sub("", raw)).upper()
    if not _ISRC.fullmatch(code):
        return code, IsrcStatus.MALFORMED
    if _is_placeholder(code):
        return code, IsrcStatus.PLACEHOLDER
    if code[:2] not in _ISO_3166 and code[:2] not in _NON_COUNTRY:
        return code, IsrcStatus.UNKNOWN_PREFIX
    return code, IsrcStatus.VALID


def _is_placeholder(code: str) -> bool:
    return (
        code.startswith("XX")
        or code[:5] == code[0] * 5
        or code[5:] == "0000000"
        or code[2:] == code[2] * 10
    )


def format_isrc(code: str) -> str:
    """A normalised code the way people read it: ``AA-6Q7-20-00047``."""
    return f"{code[:2]}-{code[2:5]}-{code[5:7]}-{code[7:]}"


def parse_mbid(raw: str) -> str | None:
    """A MusicBrainz id in its canonical lower-case form, or None."""
    try:
        text = str(UUID(raw.strip()))
    except ValueError:
        return None
    return text if text == raw.strip().lower() else None


def gtin_is_valid(digits: str) -> bool:
    """Whether the check digit of a GTIN-8, -12, -13 or -14 holds."""
    if len(digits) not in (8, 12, 13, 14) or not (digits.isascii() and digits.isdigit()):
        return False
    body = [int(d) for d in digits[:-1]]
    total = sum(d * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(body)))
    return (10 - total % 10) % 10 == int(digits[-1])


def parse_gtin(raw: str) -> str | None:
    """A barcode padded to fourteen digits for comparing, or None when its check fails."""
    digits = _DASHES_AND_SPACES.sub("", raw)
    return digits.zfill(14) if gtin_is_valid(digits) else None
