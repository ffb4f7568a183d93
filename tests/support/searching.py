"""Asking an index for everything it finds."""

from phonotheque.search import SearchIndex


def every_hit(index: SearchIndex, query: str, limit: int) -> tuple[list[int], bool]:
    """All hits of all pages, and whether they were relaxed."""
    numbers: list[int] = []
    cursor = None
    while True:
        page = index.search(query, limit=limit, cursor=cursor, deadline_ms=60_000)
        assert not page.partial
        numbers += [hit.number for hit in page.hits]
        cursor = page.next_cursor
        if cursor is None:
            if not page.relaxed:
                assert (page.total, page.total_is_exact) == (len(numbers), True)
            return numbers, page.relaxed
