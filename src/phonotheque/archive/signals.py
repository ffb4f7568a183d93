"""What is said about mining and training beside and inside the audio, as evidence of its rows."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from phonotheque.model.rights import Claim, Evidence, EvidenceKind
from phonotheque.rights import signal_evidence, tag_signal_evidence
from phonotheque.sources import AudioFile, RightsFound, SignalFiles, Tags


class Signals:
    """Adds signals to the rights found for the files below one folder, in walking order."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self._files = SignalFiles(folder, now)
        self._now = now

    def add(self, file: AudioFile, tags: Tags | None, rights: RightsFound) -> RightsFound:
        """`rights` with what is reserved, and what was looked for in vain; `tags` None: they could
        not be read, so nothing is said of them."""
        found = self._files.of(file)
        evidence = [*rights.evidence, *signal_evidence(found.documents, found.url)]
        if found.url is not None:
            evidence.append(_stood_at(found.url, self._now))
        if tags is not None:
            evidence += tag_signal_evidence(tags.values, self._now)
        return replace(
            rights,
            evidence=tuple(dict.fromkeys(evidence)),
            findings=(*rights.findings, *found.findings),
            kept={**rights.kept, **found.kept},
        )


def _stood_at(url: str, now: datetime) -> Evidence:
    """Where the file stood on the web, as the operator states it."""
    return Evidence(Claim.PROVENANCE, "web", url, EvidenceKind.SIDECAR, "signals.toml", now)
