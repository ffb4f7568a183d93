"""Benchmarks: each module measures ours against a peer and prints one JSON object.

A bench is a module ``bench/<name>.py`` whose docstring says what is measured against what, with a
function ``run(scale: str) -> dict[str, Any]`` that returns `ours`, `peers` and `limits`, each a
flat mapping from the name of a figure (unit in the name) to a number, and `ratios`.
"""
