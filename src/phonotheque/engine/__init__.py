"""Runs table expressions: rooms write relations once, in Ibis; an engine computes them.

An engine owns what engines do differently: keeping intermediate tables, numbering over a total
order, and handing rows out in order. `LocalEngine` is DuckDB, embedded. What an engine must do is
declared by its consumer (`phonotheque.catalogue.ports.TableEngine`).
"""

from phonotheque.engine.local import LocalEngine

__all__ = ["LocalEngine"]
