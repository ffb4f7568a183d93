"""Reservations in plain words, in the languages they are met in. Pure.

A text that speaks of training or of text and data mining reserves it, unless it clearly permits
it: courts differ on whether plain words are enough for machines (OLG Hamburg, Kneschke v LAION,
2025); for what we give out ourselves they are.
"""

import re

from phonotheque.rights.signals.stance import MAX_RAW_CHARS, SILENT, Said, Stance

_TOPICS = {
    "en": r"text[ -](?:and|&)[ -]data[ -]mining|\btdm\b|\b(?:generative )?(?:ai|a\.i\.)[ -]?"
    r"(?:model[ -]?)?(?:training|learning|scraping|crawling|use)\b|"
    r"\b(?:train|training|teach|feed)\w*"
    r"(?: (?:of|for|an?|any|the|with|on|your|large|generative|new|or|and))*"
    r" (?:ai\b|a\.i\.|artificial intelligence|machine[ -]learning|neural|language models?|llms?)|"
    r"machine[ -]learning|\bno[ -]?ai\b|\bnot for ai\b|"
    r"\bno (?:generative )?artificial intelligence",
    "de": r"text[- ]und[- ]data[- ]mining|"
    r"\bki[- ]?(?:training|modelle?n?|systeme?n?|nutzung|zwecke)|"
    r"training (?:von|einer|k[üu]nstlicher?) (?:ki|k[üu]nstlichen?r? intelligenz)|44b\s?urhg|"
    r"maschinelles? lernen|\bkeine ki\b",
    "fr": r"fouille (?:de textes? et )?de donn[ée]es|entra[iî]ne(?:ment|r)[^.;]{0,40}"
    r"(?:\bia\b|intelligence artificielle|mod[èe]les?)|apprentissage (?:automatique|machine)|"
    r"\b(?:pas d['’]|sans )ia\b",
    "es": r"miner[ií]a de (?:textos?|datos)|entrena(?:r|miento)[^.;]{0,40}(?:\bia\b|inteligencia)|"
    r"aprendizaje autom[áa]tico|\b(?:no|sin) ia\b",
    "it": r"estrazione di testo e (?:di )?dati|(?:addestra\w+|allenament\w+)[^.;]{0,40}"
    r"(?:\b[iI]a\b|intelligenz)|apprendimento automatico|\b(?:no|senza) ia\b",
    "pt": r"minera[çc][ãa]o de (?:textos?|dados)|prospe[cç]+[ãa]o de textos? e dados|"
    r"trein(?:ar|amento|o)[^.;]{0,40}(?:\bia\b|intelig[êe]ncia)|aprendizado de m[áa]quina",
    "nl": r"tekst-? ?en ?-?datamining|(?:trainen|training)[^.;]{0,40}(?:\bai\b|kunstmatige)|"
    r"machinaal leren|\bgeen ai\b",
    "sv": r"text- och datautvinning|tr[äa]n(?:a|ing)[^.;]{0,40}(?:\bai\b|artificiell)|"
    r"maskininl[äa]rning|\bingen ai\b",
    "pl": r"eksploracj\w+ tekst\w* i danych|(?:trenowa|szkole|uczeni)\w*[^.;]{0,40}"
    r"(?:\bai\b|sztuczn\w+ inteligencj)|uczeni\w+ maszynow",
    "ru": r"машинн\w+ обучени|(?:обучени|тренировк)\w*[^.;]{0,40}(?:\bии\b|искусственн|нейросет)|"
    r"интеллектуальн\w+ анализ\w* (?:текст|данн)",
    "ja": r"(?:AI|人工知能|機械)[のへを]?(?:学習|訓練|トレーニング)|テキスト.{0,3}データマイニング|"
    r"生成AI",
    "zh": r"(?:人工智[能慧]|AI|机器|機器|模型)(?:的)?(?:学习|學習|训练|訓練)|(?:训练|訓練).{0,6}"
    r"(?:人工智[能慧]|AI|模型)|文本.{0,3}(?:数据|資料|數據)(?:挖掘|探勘)",
    "ko": r"(?:AI|인공\s?지능|기계)\s?(?:의\s?)?(?:학습|훈련)|텍스트.{0,3}데이터\s?마이닝",
}
_TOPIC = re.compile("|".join(f"(?:{pattern})" for pattern in _TOPICS.values()), re.IGNORECASE)
_GRANT = re.compile(
    r"\b(?:allowed|permitted|permit(?:s)?|welcome|granted|free to|may be used|ok(?:ay)?|"
    r"erlaubt|gestattet|autoris[ée]e?s?|permis|permitid[oa]s?|consentit[oa]|toegestaan|"
    r"till[åa]tet|dozwolon\w+)\b|разрешен|許可します|允许|允許|허용",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"\b(?:not?|non|never|without|only|unless|except|prohibit\w*|forbid\w*|reserv\w*|den\w+|opt\w*|"
    r"nicht|keine?r?|ohne|nur|vorbehalten|verboten|untersagt|pas|sans|aucune?|interdit\w*|"
    r"r[ée]serv\w*|sin|prohibid\w*|reservad\w*|senza|vietat\w*|n[ãa]o|sem|proibid\w*|geen|niet|"
    r"verboden|inte|f[öo]rbjud\w*|bez|nie|zabronion\w*|zastrze[żz]\w*)\b|не\b|без|запрещ|"
    r"禁|不|ない|ません|除|금지|않|없",
    re.IGNORECASE,
)


def spoken_reservation(text: str) -> Said:
    """What `text` (its first 4,000 characters) says of training and of text and data mining."""
    text = text[:4_000]
    found = _TOPIC.search(text)
    if not found:
        return SILENT
    mining = bool(
        re.search(r"mining|\btdm\b|44b|fouille|miner|extra[cç]|データマイ", found[0], re.I)
    )
    open_ = bool(_GRANT.search(text)) and not _DENIAL.search(text)
    stance = Stance.OPEN if open_ else Stance.RESERVED
    return Said(stance, text[:MAX_RAW_CHARS], "tdm" if mining else "ai")
