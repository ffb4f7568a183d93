"""Of lists with weights, what stands in the heaviest of them is found without adding up all."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.search.relaxing import heaviest

LISTS = st.lists(
    st.tuples(st.sets(st.integers(0, 30)), st.sampled_from([1.0, 1.5, 2.0, 3.5])), max_size=4
)


@given(LISTS, st.integers(1, 12))
def test_the_heaviest_are_those_of_all_sums(
    weighed: list[tuple[set[int], float]], count: int
) -> None:
    parts = [(np.array(sorted(docs), np.uint32), weight) for docs, weight in weighed]
    found, have = heaviest(parts, count)
    sums: dict[int, float] = {}
    for docs, weight in weighed:
        for doc in docs:
            sums[doc] = sums.get(doc, 0.0) + weight
    best = sorted(sorted(sums, key=lambda doc: (-sums[doc], doc))[:count])
    assert found.tolist() == best
    assert have.tolist() == [sums[doc] for doc in best]
