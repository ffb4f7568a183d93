"""Serving an archive or a mirror: pages for people, an API for programs, files for both.

One edition is opened and never changed, so any number of servers may stand side by side over
copies of it; a newer one takes its place as a whole. What is withdrawn meanwhile is watched, and
stops being given out at once.
"""

from phonotheque.serve.app import create_app
from phonotheque.serve.figures import Figures, figures_served, tree_lines
from phonotheque.serve.front import Front
from phonotheque.serve.guarding import MODES as GUARD_MODES
from phonotheque.serve.guarding import (
    GuardPolicy,
    GuardSite,
    format_profile_file,
    format_report_file,
    read_policy,
    record_lines,
)
from phonotheque.serve.limits import Buckets
from phonotheque.serve.logs import FORMS, set_up_logs
from phonotheque.serve.publication import newest_name
from phonotheque.serve.readiness import EditionWatch, make_ready
from phonotheque.serve.running import Running, run_site
from phonotheque.serve.server import Server, listen_at, run_server
from phonotheque.serve.site import Site, open_front
from phonotheque.serve.statistics import format_statistics_page
from phonotheque.serve.subsonic import Players
from phonotheque.serve.worker import be_worker

__all__ = [
    "FORMS",
    "GUARD_MODES",
    "Buckets",
    "EditionWatch",
    "Figures",
    "Front",
    "GuardPolicy",
    "GuardSite",
    "Players",
    "Running",
    "Server",
    "Site",
    "be_worker",
    "create_app",
    "figures_served",
    "format_profile_file",
    "format_report_file",
    "format_statistics_page",
    "listen_at",
    "make_ready",
    "newest_name",
    "open_front",
    "read_policy",
    "record_lines",
    "run_server",
    "run_site",
    "set_up_logs",
    "tree_lines",
]
