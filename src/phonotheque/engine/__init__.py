"""Runs table expressions: rooms write relations once, in Ibis; an engine computes them.

An engine owns what engines do differently: keeping intermediate tables, numbering over a total
order, and handing rows out in order. `LocalEngine` is DuckDB, embedded; `SparkEngine` is Spark, for
those beyond one machine (pyspark is installed and loaded only for it). What an engine must do is
declared by its consumer (`phonotheque.catalogue.ports.TableEngine`); tests/engine/contract.py holds
each engine to it.
"""

from phonotheque.engine.local import LocalEngine
from phonotheque.engine.opening import ENGINES, open_engine
from phonotheque.engine.spark import SparkEngine

__all__ = ["ENGINES", "LocalEngine", "SparkEngine", "open_engine"]
