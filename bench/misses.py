"""What was asked and not found, for those who improve the search."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.asking import Answer, rightness
from bench.engines import OURS
from bench.peer_texts import open_tables
from bench.questions import Collection

MOST = 25


def write_misses(
    path: Path,
    edition: Path,
    collection: Collection,
    asked: Mapping[str, Mapping[str, Sequence[Answer]]],
) -> None:
    """Per class, worst first: how all engines did, and the queries where ours did worst."""
    missed = {kind: _missed(answers) for kind, answers in asked[OURS].items()}
    names = _names(edition, collection, [a for kind in missed.values() for _, a in kind])
    parts = []
    for kind in sorted(asked[OURS], key=lambda kind: rightness(asked[OURS][kind], "")["mrr"]):
        parts.append(f"\n## {kind} ({len(asked[OURS][kind])} queries)\n")
        for name, answers in asked.items():
            got = rightness(answers[kind], "")
            parts.append(f"- {name}: mrr {got['mrr']:.3f}, success@10 {got['success_at_10']:.3f}")
        theirs = {name: answers[kind] for name, answers in asked.items() if name != OURS}
        parts += ["", *_lines(missed[kind], theirs, names)]
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _missed(answers: Sequence[Answer]) -> list[tuple[int, Answer]]:
    """Where ours was not first, worst first; with the place of the question."""
    found = [(at, answer) for at, answer in enumerate(answers) if answer.place != 1]
    return sorted(found, key=lambda one: -(one[1].place or 99))


def _names(edition: Path, collection: Collection, answers: Sequence[Answer]) -> dict[int, str]:
    """Artist and title of all that was meant or shown."""
    wanted = {n for a in answers for n in (*a.numbers, min(a.question.right))}
    known = {n: f"{i.artist} / {i.title}" for n, i in collection.items.items() if n in wanted}
    left = sorted(wanted - set(known))
    if left:
        with open_tables(edition) as connection:
            rows = connection.execute(
                "SELECT number, artist_credit || ' / ' || title FROM recordings "
                f"WHERE number IN ({', '.join(map(str, left))})"
            ).fetchall()
        known |= {number: f"*{name}*" for number, name in rows}
    return known


def _lines(
    missed: Sequence[tuple[int, Answer]],
    theirs: Mapping[str, Sequence[Answer]],
    names: Mapping[int, str],
) -> list[str]:
    lines = []
    for at, answer in missed[:MOST]:
        # a slow engine was asked the first questions only
        places = ", ".join(
            f"{name} {(found[at].place or '–') if at < len(found) else 'not asked'}"
            for name, found in theirs.items()
        )
        shown = "; ".join(names.get(n, str(n)) for n in answer.numbers)
        lines.append(
            f"| {answer.question.query} | {names.get(min(answer.question.right), '?')} "
            f"| {answer.place or '–'} | {places} | {shown} |"
        )
    if not lines:
        return []
    head = "| query | meant | ours | theirs | what ours shows first (*made up*) |"
    return [head, "|---|---|---|---|---|", *lines]
