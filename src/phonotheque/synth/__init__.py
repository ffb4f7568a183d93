"""Synth: made-up dumps of any size, with the truth about them beside.

For benchmarks and for trying things out at full size; nothing in an archive rests on it.
"""

from phonotheque.synth.dump import (
    FORMATS,
    SynthFile,
    SynthPlan,
    SynthReport,
    execute_synth,
    plan_synth,
)
from phonotheque.synth.profiles import PROFILES, TRUTH_SCHEMA

__all__ = [
    "FORMATS",
    "PROFILES",
    "TRUTH_SCHEMA",
    "SynthFile",
    "SynthPlan",
    "SynthReport",
    "execute_synth",
    "plan_synth",
]
