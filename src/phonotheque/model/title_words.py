"""Words that titles and credits say besides the name: lists of docs/formats/matching.md.

All are folded (`model.text.fold`). The digests of rows depend on them: a change of any list is a
new version of the format.
"""

PHRASES = {
    "a cappella": "acappella", "a capella": "acappella", "off vocal": "instrumental",
    "non vocal": "instrumental", "no vocals": "instrumental", "minus one": "instrumental",
    "backing track": "instrumental", "en vivo": "live", "en directo": "live", "en public": "live",
    "en concert": "live", "en live": "live", "ao vivo": "live", "dal vivo": "live",
    "in concert": "live", "in concerto": "live", "на концерте": "live", "in the style of": "cover",
    "originally performed by": "cover", "made famous by": "cover", "as made famous by": "cover",
    "as performed by": "cover", "tribute to": "cover", "sped up": "spedup", "speed up": "spedup",
    "slowed down": "slowed", "re recorded": "rerecorded", "re recording": "rerecorded",
    "re mix": "remix", "re work": "rework", "re edit": "reedit", "8 bit": "8bit",
    "play back": "instrumental",
}  # fmt: skip
"""Runs of words and the word that stands for each."""

SAME = {
    "acapella": "acappella", "accapella": "acappella", "accappella": "acappella",
    "acapela": "acappella", "acappela": "acappella", "rmx": "remix", "rmxd": "remix",
    "remixx": "remix", "remixed": "remix", "remixes": "remix", "remiks": "remix",
    "リミックス": "remix", "리믹스": "remix", "ремикс": "remix", "mixx": "mix", "mixed": "mix",
    "ミックス": "mix", "микс": "mix", "ver": "version", "vers": "version", "versao": "version",
    "versione": "version", "versie": "version", "versjon": "version", "バージョン": "version",
    "ヴァージョン": "version", "버전": "version", "版": "version", "версия": "version",
    "inst": "instrumental", "instr": "instrumental", "instrumentale": "instrumental",
    "instrumentals": "instrumental", "strumentale": "instrumental", "instrumentaal": "instrumental",
    "インストゥルメンタル": "instrumental", "インスト": "instrumental",
    "オフボーカル": "instrumental", "伴奏": "instrumental", "伴奏版": "instrumental",
    "純音樂": "instrumental", "纯音乐": "instrumental", "mr": "instrumental",
    "반주": "instrumental", "минус": "instrumental", "минусовка": "instrumental",
    "инструментал": "instrumental", "カラオケ": "karaoke", "가라오케": "karaoke",
    "노래방": "karaoke", "卡拉ok": "karaoke", "караоке": "karaoke", "ライブ": "live",
    "ライヴ": "live", "라이브": "live", "现场": "live", "現場": "live", "现场版": "live",
    "現場版": "live", "концерт": "live", "лаив": "live", "concert": "live", "vivo": "live",
    "onstage": "live", "unplugged": "acoustic", "acustico": "acoustic", "acustica": "acoustic",
    "acoustique": "acoustic", "akustik": "acoustic", "akustisch": "acoustic",
    "akoestisch": "acoustic", "アコースティック": "acoustic", "어쿠스틱": "acoustic",
    "акустика": "acoustic", "демо": "demo", "デモ": "demo", "데모": "demo", "demos": "demo",
    "maqueta": "demo", "sessions": "session", "rehearsals": "rehearsal", "ensayo": "rehearsal",
    "probe": "rehearsal", "repetition": "rehearsal", "orchestra": "orchestral",
    "orchestre": "orchestral", "orquestal": "orchestral", "klavier": "piano", "ピアノ": "piano",
    "피아노": "piano", "covered": "cover", "カバー": "cover", "カヴァー": "cover", "커버": "cover",
    "кавер": "cover", "翻唱": "cover", "tribute": "cover", "xtended": "extended", "ext": "extended",
    "lang": "long", "edited": "edit", "rerecording": "rerecorded", "orig": "original",
    "originale": "original", "originalversion": "original",
}  # fmt: skip
"""Spellings and translations of a word."""

STRONG = frozenset((
    "8bit", "acappella", "acoustic", "bootleg", "clubmix", "cover", "demo", "dub", "edit",
    "extended", "instrumental", "karaoke", "live", "mashup", "medley", "megamix", "mix",
    "nightcore", "orchestral", "outtake", "reedit", "refix", "rehearsal", "remake", "remix",
    "reprise", "rerecorded", "retouch", "rework", "rmxd", "slowed", "spedup", "version", "vip",
))  # fmt: skip
"""Words of versions, in brackets or after a dash."""

WEAK = frozenset((
    "video", "videoclip", "commentary", "arr", "arranged", "arrangement", "preview",
    "acapellas", "alt", "alternate", "alternativ", "alternative", "ambient", "arabic", "beats",
    "cantonese", "censored", "chillout", "chinese", "choir", "clean", "club", "deutsch", "deutsche",
    "dirty", "dutch", "early", "english", "espanol", "espanola", "excerpt", "fragment", "francais",
    "francaise", "french", "full", "german", "guitar", "hebrew", "hindi", "house", "italian",
    "italiana", "italiano", "japanese", "jazz", "korean", "latin", "lofi", "long", "lullaby",
    "mandarin", "mono", "orchestrated", "piano", "portugues", "portuguese", "radio", "rock",
    "rough", "russian", "session", "short", "single", "spanish", "strings", "swedish", "symphonic",
    "take", "techno", "trance", "uncut", "unreleased", "vocal", "vocals",
))  # fmt: skip
"""Words of versions in brackets only."""

PLAIN = frozenset((
    "album", "lp", "original", "standard", "stereo", "studio",
))  # fmt: skip
"""With nothing else but `PLAIN_TOO` beside them they say nothing: "album version"."""

PLAIN_TOO = frozenset((
    "mix", "recording", "the", "version",
))  # fmt: skip

NOISE = frozenset((
    "bonus", "explicit", "geremasterd", "ost", "remaster", "remastered", "remastering",
    "remasterise", "remasterisee", "remasterisiert", "remasterizada", "remasterizado", "remastern",
    "remasters", "remastrad", "rimasterizzata", "rimasterizzato", "soundtrack", "ремастер",
    "リマスタリング", "リマスター", "리마스터", "리마스터링",
))  # fmt: skip
"""A segment with one of these and no word of a version says nothing of the recording."""

CARRIERS = frozenset((
    "1080p", "4k", "720p", "audio", "cd", "deluxe", "digital", "download", "edition",
    "flac", "hd", "hidden", "hq", "lyric", "lyrics", "mp3", "official", "track",
    "vinyl", "visualizer",
))  # fmt: skip
"""With nothing else but `CARRIERS_TOO` beside them they say nothing of the recording."""

CARRIERS_TOO = frozenset(("video", "music", "clip", "videoclip", "version", "the"))  # fmt: skip

THEMES = frozenset((
    "theme", "maintheme", "maintitle", "maintitles", "titletheme", "overture", "prologue",
    "finale", "endcredits", "endtitle", "endtitles", "opening", "openingtitles", "title", "titles",
    "introduction", "lovetheme", "prelude", "suite",
))  # fmt: skip
"""Names that many films have: what they are from stays in the key."""

SMALL = frozenset((
    "a", "am", "an", "and", "at", "avec", "by", "con", "dans", "de", "del", "della", "du", "et",
    "for", "from", "im", "in", "inch", "la", "le", "les", "mit", "of", "on", "original", "the",
    "to", "und", "version", "vom", "von", "with",
))  # fmt: skip
"""Passed over in what a segment says of a version."""

FOLDED_INTO = frozenset((
    "acappella", "acoustic", "cover", "demo", "dub", "extended", "instrumental", "karaoke", "live",
    "orchestral", "piano", "radio", "remix", "rework", "single",
))  # fmt: skip
"""Beside one of these `mix`, `edit` and `version` add nothing."""

ARTICLES = (
    "the", "a", "an", "die", "der", "das", "le", "la", "les", "los", "las", "el", "il", "gli", "os",
    "as", "de", "het",
)  # fmt: skip

JOINERS = frozenset((
    "and", "et", "und",
))  # fmt: skip

PARTS = {
    "pt": "part", "pts": "part", "parts": "part",
}  # fmt: skip

ONLY_BEFORE_DIGITS = frozenset(("no", "nr", "num"))
"""Words of other meanings too: "No One" is no number."""

PARTS_BEFORE_NUMBERS = {
    "part": "part", "volume": "volume", "chapter": "chapter", "act": "act", "scene": "scene",
    "movement": "movement",
    "pt": "part", "pts": "part", "parts": "part", "teil": "part", "parte": "part", "partie": "part",
    "deel": "part", "часть": "part", "vol": "volume", "volumen": "volume", "mvt": "movement",
    "no": "", "nr": "", "num": "", "number": "", "numero": "", "nummer": "",
}  # fmt: skip
"""Words before a number, and what stands for them; `no` and its like go."""

NUMBERS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "eins": "1",
    "zwei": "2", "drei": "3", "vier": "4", "un": "1", "deux": "2", "trois": "3", "uno": "1",
    "dos": "2", "tres": "3", "due": "2", "tre": "3",
}  # fmt: skip

ROMAN = {
    "ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9", "xi": "11",
    "xii": "12", "xiii": "13", "xiv": "14", "xv": "15", "xvi": "16", "xvii": "17", "xviii": "18",
    "xix": "19", "xx": "20",
}  # fmt: skip

ROMAN_AFTER_PART = {
    "i": "1", "v": "5", "x": "10",
}  # fmt: skip

MOVEMENTS = frozenset((
    "act", "adagio", "akt", "allegretto", "allegro", "andante", "andantino", "aria", "finale",
    "grave", "intermezzo", "larghetto", "largo", "lento", "menuet", "menuetto", "minuet",
    "moderato", "movement", "prelude", "preludio", "prestissimo", "presto", "recitativo", "rondo",
    "satz", "scene", "scherzo", "vivace", "vivo",
))  # fmt: skip
"""After a number they name a movement: the number stays."""

ARTIST_ARTICLES = frozenset((
    "the", "die", "der", "das", "le", "la", "les", "los", "las", "el", "il", "os", "gli"
))  # fmt: skip

GENERIC_TITLES = (
    "untitled", "no title", "unknown", "unknown title", "[unknown]", "track", "song", "intro",
    "introduction", "outro", "interlude", "interludio", "interludes", "skit", "silence",
    "[silence]", "stille", "silencio", "ohne titel", "sans titre", "sin titulo", "senza titolo",
    "sem titulo", "zonder titel", "без названия", "無題", "无题", "무제", "intermission",
    "applause", "piste", "titel", "pista", "faixa", "spur", "трек", "トラック", "트랙", "bonus",
    "bonus track", "hidden track", "[data track]", "data track", "test", "audio", "untitled track",
    "untitled song", "title", "n a", "tba", "unbekannt", "inconnu", "intro outro", "side a",
    "side b", "disc", "part", "volume", "chapter", "act", "movement", "scene", "side",
    "unbenannt", "instrumental", "remix", "live", "demo", "jingle",
)  # fmt: skip

GENERIC_ARTISTS = (
    "various", "various artists", "va", "v a", "unknown", "unknown artist", "artist unknown",
    "unknown artists", "no artist", "anonymous", "anonyme", "anonym", "anon", "traditional", "trad",
    "verschiedene", "verschiedene interpreten", "varios", "varios artistas", "artistes divers",
    "divers", "diverse", "diverse artister", "artisti vari", "artista", "artist", "tba", "n a",
    "none", "not specified", "sconosciuto", "desconocido", "inconnu", "unbekannt",
    "unbekannter interpret", "неизвестен", "неизвестныи исполнитель", "разные исполнители",
    "сборник", "群星", "不明", "未知", "未知艺术家", "アーティスト不明", "ヴァリアス", "알 수 없음",
    "여러 아티스트", "soundtrack", "original soundtrack", "artiste inconnu", "data", "dialogue",
    "church chimes", "language instruction",
)  # fmt: skip
