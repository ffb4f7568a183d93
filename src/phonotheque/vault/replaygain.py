"""What tags say of loudness, as numbers: ReplayGain 1 and 2, and the gains of Opus files.

`replaygain…gain` are dB to be added; for ReplayGain 2.0 they aim at -18 LUFS. `r128…gain` (RFC 7845
§5.2.1) are written as whole 256ths of a dB and aim at -23 LUFS; here they are dB as well. Peaks are
shares of full scale.
"""

import re
from collections.abc import Mapping, Sequence

_NUMBER = re.compile(r"\s*([+-]?\d{1,6}(?:[.,]\d{1,12})?)\s*(?:dB|LU|LUFS)?\s*", re.IGNORECASE)
_PARTS = frozenset({
    "replaygaintrackgain", "replaygainalbumgain", "replaygaintrackpeak", "replaygainalbumpeak",
    "replaygaintrackrange", "replaygainalbumrange", "replaygainreferenceloudness",
})  # fmt: skip
_OPUS = ("r128trackgain", "r128albumgain")
MAX_DB = 200.0


def parse_replaygain(tags: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """The numbers among `tags` by canonical name; what is no number, or absurd, is left out."""
    found = {}
    for name in sorted(_PARTS & tags.keys()):
        match = _NUMBER.fullmatch(tags[name][0])
        value = float(match[1].replace(",", ".")) if match else MAX_DB + 1
        if abs(value) <= MAX_DB and not (name.endswith("peak") and value < 0):
            found[name] = value
    for name in _OPUS:
        text = (tags.get(name) or [""])[0].strip()
        if re.fullmatch(r"[+-]?\d{1,5}", text) and -32_768 <= int(text) <= 32_767:
            found[name] = int(text) / 256
    return found
