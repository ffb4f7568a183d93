"""Scripts written in Latin letters as people type them, for queries: by the usual tables of
Cyrillic (BGN/PCGN), Greek (ELOT 743), Hangul (Revised Romanisation without assimilation) and kana
(Hepburn).

Made for the bench alone, apart from whatever the search itself does.
"""

import re
import unicodedata


def _table(text: str) -> dict[str, str]:
    pairs = (entry.split("=") for entry in text.split())
    return dict(pairs)  # type: ignore[arg-type]


_CYRILLIC = _table(
    "а=a б=b в=v г=g д=d е=e ё=yo ж=zh з=z и=i й=y к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f "
    "х=kh ц=ts ч=ch ш=sh щ=shch ъ= ы=y ь= э=e ю=yu я=ya і=i ї=yi є=ye ґ=g ј=j љ=lj њ=nj ћ=c ђ=dj"
)
_GREEK = _table(
    "α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f "
    "χ=ch ψ=ps ω=o"
)
_KANA = _table(
    "あ=a い=i う=u え=e お=o か=ka き=ki く=ku け=ke こ=ko さ=sa し=shi す=su "
    "せ=se そ=so た=ta ち=chi つ=tsu て=te と=to な=na に=ni ぬ=nu ね=ne の=no "
    "は=ha ひ=hi ふ=fu へ=he ほ=ho ま=ma み=mi む=mu め=me も=mo や=ya ゆ=yu "
    "よ=yo ら=ra り=ri る=ru れ=re ろ=ro わ=wa を=o ん=n が=ga ぎ=gi ぐ=gu げ=ge "
    "ご=go ざ=za じ=ji ず=zu ぜ=ze ぞ=zo だ=da ぢ=ji づ=zu で=de ど=do ば=ba "
    "び=bi ぶ=bu べ=be ぼ=bo ぱ=pa ぴ=pi ぷ=pu ぺ=pe ぽ=po ゔ=vu ぁ=a ぃ=i ぅ=u "
    "ぇ=e ぉ=o"
)
_SMALL_Y = {"ゃ": "a", "ゅ": "u", "ょ": "o"}
_INITIALS = re.split(" ", "g kk n d tt r m b pp s ss  j jj ch k t p h")
_VOWELS = re.split(" ", "a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i")
_FINALS = re.split(" ", " k k k n n n t l k m l l l p l m p p t t ng t t k t p t")
_OF_ITSELF = re.compile(r"[A-Za-z0-9\s!-/:-@\[-`{-~]")


def romanise(text: str) -> str | None:
    """`text` in Latin letters; None where something in it has no reading here (Han), or where it is
    in them already."""
    plain = unicodedata.normalize("NFKC", text).lower()
    if plain.isascii():
        return None
    out: list[str] = []
    doubled = False
    for letter in plain:
        said = _said(letter, out)
        if said is None:
            return None
        if letter in ("っ", "ッ"):
            doubled = True
            continue
        out.append(said[:1] + said if doubled else said)
        doubled = False
    return "".join(out)


def _said(letter: str, before: list[str]) -> str | None:
    if _OF_ITSELF.match(letter):
        return letter
    code = ord(letter)
    if 0xAC00 <= code <= 0xD7A3:
        initial, rest = divmod(code - 0xAC00, 588)
        return _INITIALS[initial] + _VOWELS[rest // 28] + _FINALS[rest % 28]
    if letter in "ーっッ〜・！？。、":
        return " " if letter in "〜・。、" else ""
    if 0x30A1 <= code <= 0x30F4:
        letter = chr(code - 0x60)
    if letter in _SMALL_Y and before and before[-1].endswith("i"):
        stem = before.pop()[:-1]
        glide = "" if stem in ("sh", "ch", "j") else "y"
        return stem + glide + _SMALL_Y[letter]
    bare = unicodedata.normalize("NFD", letter)[0] if letter in "άέήίόύώϊϋΐΰ" else letter
    for table in (_CYRILLIC, _GREEK, _KANA):
        if bare in table:
            return table[bare]
    return None
