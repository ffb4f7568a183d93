"""`phonotheque demo`: the whole way on real music, in about a minute, on this machine alone."""

from phonotheque.cli.demo.story import STEPS, Demo, DemoResult

__all__ = ["STEPS", "Demo", "DemoResult"]
