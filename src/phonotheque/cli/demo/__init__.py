"""`phonotheque demo`: the whole way on real music, in about a minute, on this machine alone."""

from phonotheque.cli.demo.story import Demo, DemoResult

__all__ = ["Demo", "DemoResult"]
