"""Serving an archive or a mirror: pages for people, an API for programs, files for both.

One edition is opened and never changed, so any number of servers may stand side by side over
copies of it; what is withdrawn meanwhile is watched, and stops being given out at once.
"""

from phonotheque.serve.app import create_app
from phonotheque.serve.server import Server, run_server

__all__ = ["Server", "create_app", "run_server"]
