"""Usage preferences: ``Content-Usage`` of the IETF and ``Content-Signal``. Pure.

``Content-Usage`` is a dictionary (RFC 9651) of categories with ``y`` or ``n``
(draft-ietf-aipref-vocab, draft-ietf-aipref-attach; drafts that still change, so categories of all
their versions are known). CC signals ride on it as exceptions: ``train-ai=n;exceptions=cc-cr``
refuses all who do not meet the exception; we cannot tell who will, so it reserves.
"""

from phonotheque.rights.signals.stance import SILENT, Said, Stance

TRAINING = frozenset({"train-ai", "train-genai", "genai", "ai-train"})
"""Categories that are about training; they say more than the general ones."""
GENERAL = frozenset({"bots", "all", "tdm", "ai", "ai-use", "automated-processing"})
"""Categories that contain training; where training has a word of its own, that one counts."""
_ANSWERS = {"n": Stance.RESERVED, "no": Stance.RESERVED, "y": Stance.OPEN, "yes": Stance.OPEN}


def usage_preference(text: str, name: str = "Content-Usage") -> Said:
    """What the value of one ``Content-Usage`` or ``Content-Signal`` says of training."""
    given: dict[str, Stance] = {}
    for member in text.split(","):
        key, equals, value = member.partition(";")[0].partition("=")
        stance = _ANSWERS.get(value.strip().strip('"').lower()) if equals else None
        if stance is None:
            continue
        key = key.strip().lower()
        if given.get(key) is not Stance.RESERVED:  # said twice, the reservation stands
            given[key] = stance
    own = {key: given[key] for key in given if key in TRAINING}
    counting = own or {key: given[key] for key in given if key in GENERAL}
    if not counting:
        return SILENT
    stance = Stance.RESERVED if Stance.RESERVED in counting.values() else Stance.OPEN
    return Said(stance, f"{name}: {text.strip()}", "ai")
