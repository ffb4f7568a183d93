"""What may be meant by words that are still being typed."""

from phonotheque.model.archive_answers import SuggestionAnswer, SuggestionsAnswer
from phonotheque.serve.publication import Publication

SUGGESTIONS = 7
DEADLINE_MS = 80.0  # a suggestion that comes later helps nobody


def suggestions_answer(publication: Publication, query: str) -> SuggestionsAnswer:
    """The best recordings for words the last of which may be unfinished."""
    words = query.strip()
    if not words:
        return SuggestionsAnswer(query=query, suggestions=[], did_you_mean=None)
    page = publication.search(words, SUGGESTIONS, deadline_ms=DEADLINE_MS)
    return SuggestionsAnswer(
        query=query,
        suggestions=[
            SuggestionAnswer(
                title=hit.row.title,
                artist=hit.row.artist,
                url=f"/recording/{hit.row.public_id}",
            )
            for hit in page.hits
        ],
        did_you_mean=page.did_you_mean,
    )
