"""How a server starts: without importing what it does not need."""

import subprocess
import sys

from phonotheque.model.progress import Silent
from phonotheque.serve import make_ready, newest_name
from phonotheque.storage.layout import Tree

_START = """
import sys
from datetime import UTC, datetime
from phonotheque.serve import Site
from phonotheque.serve.site import open_front
front = open_front(Site(root=sys.argv[1]), lambda: datetime.now(UTC))
heavy = "pandas pydantic pyarrow.compute urllib3 limits av libtorrent typer".split()
print(*(name for name in heavy if name in sys.modules))
"""


def test_no_heavy_library_is_imported_that_serving_does_without(own_tree: Tree) -> None:
    make_ready(own_tree, newest_name(own_tree), Silent())
    command = (sys.executable, "-P", "-c", _START, str(own_tree.root))
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
