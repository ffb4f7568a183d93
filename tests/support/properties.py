"""How many examples a property gets that costs much more than others."""

from hypothesis import settings


def costly(share: int) -> settings:
    """One in `share` of the examples that other properties get in this run, two at least."""
    return settings(max_examples=max(settings().max_examples // share, 2))
