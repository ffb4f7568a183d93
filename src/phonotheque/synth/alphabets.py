"""What made-up words are made of: syllables of nine scripts, and the commonest words of titles."""


def _list(text: str) -> list[str]:
    return text.split()


LATIN, CYRILLIC, GREEK, ARABIC, HEBREW, DEVANAGARI, HAN, KANA, HANGUL = range(9)

SHARES = [87.0, 2.4, 0.7, 1.3, 0.4, 1.5, 2.4, 2.4, 1.9]
"""Of artists, in percent, in the order above."""

UNSPACED = (HAN, KANA)
"""Scripts whose words stand together."""

COMMON = _list(
    "The Of Love You Me In A My I To And It Night On For Your Is Time No One Heart Life Day All "
    "Be World Blues Man Dance Down Go Up Home Girl Baby Song Don't With Light Dream Way Like La "
    "De Good Sun Blue Black What Never Fire Back Get Little Sweet Rain Away Soul Star Moon Let "
    "This Out When So Come God We Theme Last Red Lost Black White Boy Feel Down Street Sky Soul "
    "Summer City Water Just River Road Free Wind Mind Eyes Know Are Gone Again From Old Not New "
    "Train High Can Too House Take Want Intro Tell Lady Rock King Over Make Party Angel Give Live "
    "Do Big Long Death If Christmas Crazy Winter That Keep Hard Run Under Stop Stay See Wild Gold "
    "Interlude Outro Prelude Allegro Andante Adagio Symphony Concerto Sonata Suite El Le Les Un "
    "Une Amor Vida Corazón Mi Tu Que En Il Cuore Notte Mein Der Die Das Nicht Ich Und Für Só Não "
    "Você Saudade Meu Coração Été Où Noël Mañana Señor Niño Über Schön Å Ø Vår Sång Ześ Świat"
)

_ONSETS = _list(
    "B C D F G H J K L M N P R S T V W Y Z Bl Br Ch Cl Cr Dr Fl Fr Gl Gr Kr Ph Pl Pr Qu Sc Sh Sk "
    "Sl Sm Sn Sp St Sw Th Tr Wh"
)
_VOWELS = _list("a e i o u ai ea ee ia io oo ou")
_MIDDLES = ["", *_list("l m n r s t")]
_ENDS = _list(
    "n s t r l nd ng ck th ll m d ve ne te re le ss sh st x ly y ty ra na la ta ka mo no ro"
)
_ACCENTED = _list("á é í ó ú à è ê ç ã õ ñ ö ü ä å ø ő ř š ž ł ż č ě ğ ı ș")

LATIN_HEADS = [o + v + m for m in _MIDDLES for v in _VOWELS for o in _ONSETS]
LATIN_TAILS = [m + v + e for m in _MIDDLES[:6] for v in _VOWELS[:8] for e in _ENDS] + [
    v + e for v in _ACCENTED for e in ("", "n", "s", "r")
]

SYLLABLES: dict[int, list[str]] = {
    CYRILLIC: [c + v for v in "аоеиуя" for c in "бвгдзклмнпрстшч"],
    GREEK: [c + v for v in "αειοηω" for c in "βγδκλμνπρστχ"],
    ARABIC: [a + b for a in "بتجحدرسشعفقكلمنهوي" for b in "ابدرلمني"],
    HEBREW: [a + b for a in "אבגדהוזחטיכלמנסעפצקרשת" for b in "אוילר"],
    DEVANAGARI: [c + v for c in "कगचजतदनपबमयरलवसह" for v in ["", "ा", "ि", "ी", "ु", "े", "ो"]],
    HAN: list(
        "愛夢夜花月雨風心天空海山星光影雪春秋夏冬人生時間世界歌舞音樂戀情歲思念離別青年少女男孩回家路城市"
        "河水火焰紅黑白藍金銀龍鳳虎馬鳥魚永遠明日今昨朝晚東西南北大小長短高低新舊美麗自由孤獨寂寞快樂悲傷"
        "笑淚眼手口耳說聽看走飛落開關門窗燈書信紙筆千萬百十一二三不是我你他她的在有無"
    ),
    KANA: [
        *"あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわん",
        *"アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン",
        *"がぎぐげござじずぜぞだでどばびぶべぼぱぴぷぺぽガギグゲゴザジズゼゾダデドバビブベボ",
    ],
    HANGUL: [chr(0xAC00 + (a * 21 + b) * 28 + c) for a in (0, 2, 3, 5, 6, 7, 9, 11, 12, 18)
             for b in (0, 4, 8, 13, 18, 20) for c in (0, 4, 8, 16)],
}  # fmt: skip
"""Words of these scripts are two or three of them."""

WORDS_EACH = 60_000
"""Words of each script that is not Latin."""
