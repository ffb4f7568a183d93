"""Spark for tests: what it needs, said aloud where it is missing."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from phonotheque.engine import SparkEngine

LOCAL_CLUSTER = "local-cluster[2,1,1024]"
"""Two executors, each a process of its own with one core and a gigabyte."""

_SHORT_LIVED = {
    "spark.sql.shuffle.partitions": "4",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
"""Settings for many tiny queries: few tasks, and no time spent on compiling well."""


def open_spark(work: Path, master: str = "local[2]", memory: str = "1GB") -> SparkEngine:
    """An engine that the caller closes; without pyspark or Java the test is skipped."""
    if find_spec("pyspark") is None:
        pytest.skip("no Spark here: pip install --require-hashes -r requirements-spark.lock")
    if shutil.which("java") is None:
        pytest.skip("no Java here, which Spark needs: apt install openjdk-17-jre-headless")
    return SparkEngine(work, memory=memory, threads=2, master=master, settings=_SHORT_LIVED)
