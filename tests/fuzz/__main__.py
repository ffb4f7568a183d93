"""Fuzz: ``python -m tests.fuzz [TARGET …] --seconds N``, the time shared between the targets.

Each target runs in a process of its own. Says of each how often it ran, and ends with 1 when one
found something; what it found is in the folder named, as the bytes that do it.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

LONGEST = 4_096
SECONDS_FOR_ONE_INPUT, MEMORY_MB = 5, 2_048


def main() -> int:
    """The command line; with --one, a target in this process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all, where none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--found", type=Path, help="where to put what is found")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options, rest = parser.parse_known_args()
    if options.one:
        return _fuzz_here(options.targets[0], rest)
    from tests.fuzz.targets import TARGETS

    names = options.targets or list(TARGETS)
    if unknown := sorted(set(names) - set(TARGETS)):
        parser.error(f"no target {', '.join(unknown)}; there are: {', '.join(TARGETS)}")
    work = options.found or Path(mkdtemp(prefix="phonotheque-fuzz-"))
    return _fuzz_all(names, max(1, options.seconds // len(names)), work)


def _fuzz_all(names: list[str], seconds: int, work: Path) -> int:
    from tests.fuzz.seeds import seeds

    begin = work / "seeds"
    begin.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seeds()):
        (begin / f"{number:03d}").write_bytes(content)
    failed, total, started = [], 0, time.monotonic()
    for name in names:
        runs, sound, said = _fuzz(name, seconds, work)
        total += runs
        print(f"{name:<16} {runs:>10,} runs  {'nothing found' if sound else 'FOUND SOMETHING'}")
        if not sound:
            failed.append(name)
            print(said[-3_000:])
    took = time.monotonic() - started
    print(f"{total:,} runs of {len(names)} targets in {took:.0f} s; in {work}: what was found")
    return 1 if failed else 0


def _fuzz(name: str, seconds: int, work: Path) -> tuple[int, bool, str]:
    """(runs, nothing found, what libFuzzer said)."""
    grown = work / "grown" / name
    grown.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-timeout={SECONDS_FOR_ONE_INPUT}",
               f"-rss_limit_mb={MEMORY_MB}", f"-max_len={LONGEST}", "-print_final_stats=1",
               f"-artifact_prefix={work}/{name}-", str(grown), str(work / "seeds")]  # fmt: skip
    command = [sys.executable, "-m", "tests.fuzz", "--one", name, *options]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    found = re.search(r"number_of_executed_units: (\d+)", ran.stderr)
    return int(found[1]) if found else 0, ran.returncode == 0, ran.stderr + ran.stdout


def _fuzz_here(name: str, options: list[str]) -> int:
    import atheris

    with atheris.instrument_imports(include=["phonotheque.vault", "mutagen"]):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
