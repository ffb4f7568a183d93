"""The text of a licence as a volume carries it: whole where we have it, else a notice.

Whole are those in ``texts/`` (Creative Commons gives the words of its licences to everybody, by
CC0). A notice says in our words what the licence is about, for people who have nothing else, and
where its text stands; it is no licence.
"""

from importlib.resources import files

from phonotheque.rights.licences import Family, Licence

_ASKED = {
    "by": "name the author, the title and the licence, and say what was changed",
    "nc": "not use it in ways that are chiefly for commercial advantage or money",
    "nd": "pass it on unchanged only",
    "sa": "give what is made of it under the same licence, or one that goes with it",
}


def legal_text(licence: Licence) -> bytes:
    """The text of `licence`, or a notice in its place; UTF-8, ending in a new line."""
    kept = files(__package__).joinpath("texts").joinpath(f"{licence.id}.txt")
    if kept.is_file():
        return kept.read_bytes()
    lines = [licence.name, licence.id, ""]
    if licence.family is Family.CC:
        asked = [text for element, text in _ASKED.items() if getattr(licence, element)]
        lines += [
            "Whoever has a work under this licence may copy it and pass it on"
            + ("" if licence.nd else ", and change it")
            + ", if they",
            *(f"  - {text}" for text in asked),
            "",
            "This is a notice, not the licence, whose text stands at",
            f"    {licence.url}legalcode",
        ]
    else:
        lines.append("This is a notice, not the licence" + ("" if licence.url else "."))
        if licence.url:
            lines[-1] += ", whose text stands at"
            lines.append(f"    {licence.url}")
    return "\n".join([*lines, ""]).encode()
