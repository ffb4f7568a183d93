"""Starting and ending the one Java process that drives Spark.

Everything that could make two runs differ, or that a machine's own settings could change, is set
here; what concerns a cluster alone (memory of its executors, networks, keys) is left to its
``spark-defaults.conf``.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from phonotheque.model.errors import PhonothequeError, UsageError

LEAST_MEMORY_MIB = 512
"""Spark refuses to start with less."""

_UNITS_BYTES = {
    "": 1, "B": 1,
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
_LOCAL_CLUSTER = re.compile(r"local-cluster\[\s*\d+\s*,\s*\d+\s*,\s*(\d+)\s*\]")
_STOP_SECONDS = 20
_LOG_LINES = 12

_INSTALL = (
    "the Spark engine needs pyspark, which is not installed: pip install 'phonotheque[spark]', "
    "or build with the engine local"
)
_JAVA = (
    "Spark did not start; it needs Java 17 or later (Debian: apt install openjdk-17-jre-headless). "
    "Its last words were:"
)


class Session:
    """A running Spark with a Java process of its own; one at a time in a process.

    `spark` is the `pyspark.sql.SparkSession`. `work` must be a directory that the executors reach
    under the same path. `more` are settings of Spark that count before those made here.

    Raises:
        UsageError: pyspark is missing, a session is running already, or a setting makes no sense.
        PhonothequeError: Java is missing or did not start.
    """

    def __init__(
        self, work: Path, *, master: str, memory: str, threads: int, more: Mapping[str, str]
    ) -> None:
        context_class = _imported()
        self._log = work / "spark.log"
        settings = {**_settings(work, master, memory_mib(memory), threads), **more}
        self._gateway = _start_java(settings, self._log)
        try:
            self._context = context_class(gateway=self._gateway, conf=_conf(settings))
            from pyspark.sql import SparkSession  # noqa: PLC0415

            self.spark: Any = SparkSession(self._context)
        except Exception as error:
            _stop_java(self._gateway)
            raise PhonothequeError(f"{master}: Spark did not start ({error})") from error

    def close(self) -> None:
        """End Spark and its Java process. What local-cluster logged into its home is removed."""
        scraps = self._scraps()
        with suppress(Exception):  # a driver that died has nothing left to stop
            self.spark.stop()
        _stop_java(self._gateway)
        if scraps is not None:
            shutil.rmtree(scraps, ignore_errors=True)

    def _scraps(self) -> Path | None:
        if not _LOCAL_CLUSTER.fullmatch(str(self._context.master)):
            return None
        import pyspark  # noqa: PLC0415

        return Path(pyspark.__file__).parent / "work" / str(self._context.applicationId)


def memory_mib(text: str) -> int:
    """A size such as ``2GB`` or ``512MiB`` in whole MiB.

    Raises:
        UsageError: no size, or too little for Spark.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    unit = _UNITS_BYTES.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise UsageError(f"memory {text!r} is no size; write it as 2GB or 512MiB")
    mib = int(float(found[1]) * unit) >> 20
    if mib < LEAST_MEMORY_MIB:
        raise UsageError(f"memory {text!r} is too little for Spark; give it 600MB or more")
    return mib


def _imported() -> Any:
    try:
        from pyspark import SparkContext  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(_INSTALL) from error
    if SparkContext._active_spark_context is not None or SparkContext._gateway is not None:
        raise UsageError("Spark runs already in this process; close that engine first")
    return SparkContext


def _settings(work: Path, master: str, memory: int, threads: int) -> dict[str, str]:
    settings = {
        "spark.master": master,
        "spark.app.name": "phonotheque",
        "spark.driver.memory": f"{memory}m",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # one meaning for every query
        "spark.sql.ansi.enabled": "true",
        "spark.sql.caseSensitive": "true",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.session.collation.default": "UTF8_BINARY",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(work / "warehouse"),
        # Parquet that any reader understands
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
        "spark.hadoop.parquet.block.size": str(32 << 20),
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        # small tables in few tasks, large ones in many
        "spark.sql.shuffle.partitions": str(max(64, threads * 4)),
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
    }
    if master.startswith("local"):
        settings |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.local.dir": str(work / "spill"),
        }
    executor = _LOCAL_CLUSTER.fullmatch(master)
    if executor:
        settings["spark.executor.memory"] = f"{executor[1]}m"
    return settings


def _conf(settings: dict[str, str]) -> Any:
    from pyspark import SparkConf  # noqa: PLC0415

    return SparkConf(loadDefaults=False).setAll(list(settings.items()))


def _start_java(settings: dict[str, str], log: Path) -> Any:
    """The driver's Java process, which ends with this one; what it says goes to `log`."""
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415

    with log.open("wb") as said:
        try:
            return launch_gateway(_conf(settings), {"stdout": subprocess.DEVNULL, "stderr": said})
        except Exception as error:
            last = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            raise PhonothequeError("\n".join([_JAVA, *last])) from error


def _stop_java(gateway: Any) -> None:
    from pyspark import SparkContext  # noqa: PLC0415

    with suppress(Exception):
        gateway.shutdown()
    SparkContext._gateway = None
    SparkContext._jvm = None
    process = gateway.proc
    process.stdin.close()  # it ends when this pipe does
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
