"""What is said to machines about mining and training, with every answer and for the whole site.

A header speaks of what the address gives out. Our own facts are not reserved. For audio, and for
the page and the answer that offer it, the edition's verdict on AI_TRAIN is said; where it says
nothing, and in the site's own file, which cannot name each recording, audio is reserved. Pure.
"""

import msgspec

POLICY = "/tdm-policy.json"
OPEN = {"tdm-reservation": "0", "content-usage": "train-ai=y"}
RESERVED = {"tdm-reservation": "1", "content-usage": "train-ai=n"}
_OF_AUDIO = ("/stream/", "/volumes/", "/torrents/", "/recording/", "/api/v1/recordings/",
             "/rest/stream", "/rest/download")  # fmt: skip
RULES = msgspec.json.encode(
    [
        *({"location": place, "tdm-reservation": 1} for place in _OF_AUDIO),
        {"location": "/", "tdm-reservation": 0},
    ]
)
"""``tdmrep.json``: the first rule that matches counts, and headers come before it."""


def mining_headers(ai_train: str | None) -> dict[str, str]:
    """The headers for audio with this verdict; None: the edition says nothing of it.

    Conditions are told by the policy (its path; the server makes it an address): rights are
    reserved, and whoever meets the conditions has the licence.
    """
    if ai_train == "ALLOW":
        return dict(OPEN)
    if ai_train == "ALLOW_IF":
        return {**RESERVED, "tdm-policy": POLICY}
    return dict(RESERVED)


def default_headers(path: str) -> dict[str, str]:
    """The headers for an answer that carries none: where audio is, it is reserved."""
    return dict(RESERVED if path.startswith(_OF_AUDIO) else OPEN)


def format_policy(
    site: str,
    publisher: str,
) -> bytes:
    """The policy as an offer (ODRL, profile of TDMRep); `site` has no slash at its end."""
    duties = [{"action": "attribute"}]
    return msgspec.json.encode(
        {
            "@context": [
                "http://www.w3.org/ns/odrl.jsonld",
                {"tdm": "http://www.w3.org/ns/tdmrep#"},
            ],
            "@type": "Offer",
            "profile": "http://www.w3.org/ns/tdmrep",
            "uid": site + POLICY,
            "assigner": {"uid": f"{site}/about", "vcard:fn": publisher},
            "permission": [
                {"target": f"{site}/stream/", "action": "tdm:mine", "duty": duties},
                {"target": f"{site}/volumes/", "action": "tdm:mine", "duty": duties},
            ],
            "description": (
                "For files whose answers name this policy. Licence, attribution and conditions of "
                f"each file stand in {site}/api/v1/recordings/ID and in the tables ai-training/ "
                "of the edition; a dataset has to credit it in its card."
            ),
        }
    )
