"""Reservations of text and data mining and of training, as machines and people write them.

One parser for each form; `signal_evidence` applies them to what was fetched with a recording, and
`tag_signal_evidence` to the tags in it. What is found becomes evidence: a reservation, or that one
was looked for in vain. Nothing here fetches or reads anything. C2PA manifests are not read yet.
"""

from phonotheque.rights.signals.gather import signal_evidence, tag_signal_evidence

__all__ = ["signal_evidence", "tag_signal_evidence"]
