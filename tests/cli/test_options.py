"""What people write for sizes and shares."""

import pytest

from phonotheque.cli.options import parse_percent
from phonotheque.model.errors import UsageError


@pytest.mark.parametrize(("text", "share"), [("1", 1.0), ("0.1%", 0.1), (" 99.5 % ", 99.5)])
def test_a_share_is_written_with_or_without_its_sign(text: str, share: float) -> None:
    assert parse_percent(text) == share


@pytest.mark.parametrize("text", ["", "%", "one", "1%%", "1/2"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a share in percent"):
        parse_percent(text)
