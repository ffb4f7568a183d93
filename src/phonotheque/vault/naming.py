"""Whether the ending of a file's name tells its form. The content always decides; this is said."""

from phonotheque.vault.formats import ALL_FORMATS, AudioFormat

_ALSO = {
    "flac": "fla", "ogg": "oga", "opus": "ogg oga", "oga": "ogg flac", "spx": "ogg oga",
    "mp3": "mpga mpeg mpa", "wav": "wave bwf rf64 w64", "aiff": "aif aifc afc",
    "aifc": "aif aiff afc", "m4a": "mp4 m4b m4r alac m4v 3gp aac", "wv": "wvc",
}  # fmt: skip
_OTHERS = frozenset(
    ["mp2", "mp1", "aac", "ac3", "ape", "mpc", "dsf", "dff", "tta", "tak", "wma", "asf", "ra", "rm",
     "au", "caf", "amr", "mid", "dts"]
)  # fmt: skip
_KNOWN = (
    frozenset(form.extension for form in ALL_FORMATS)
    | {ending for endings in _ALSO.values() for ending in endings.split()}
    | _OTHERS
)


def wrong_extension(name: str, form: AudioFormat) -> str | None:
    """What is wrong with the ending of `name` for a file of `form`, in words. Endings that belong
    to no form of audio say nothing."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if ending not in _KNOWN or ending == form.extension:
        return None
    if ending in _ALSO.get(form.extension, "").split():
        return None
    return f"named .{ending}, and is {form.name}; it is kept as what it is"
