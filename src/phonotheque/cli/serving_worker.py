"""One of several processes that serve: ``python -m phonotheque.cli.serving_worker``.

`phonotheque serve --workers` starts it, and says by its standard input what to do.
"""

import sys

from phonotheque.cli.clock import now
from phonotheque.cli.surroundings import importing
from phonotheque.model.errors import PhonothequeError


def main() -> None:
    """Serve until told to end."""
    with importing():
        from phonotheque.serve import be_worker

    try:
        be_worker(now)
    except PhonothequeError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
