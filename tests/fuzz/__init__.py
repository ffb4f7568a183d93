"""Fuzz targets over everything that reads bytes of strangers on the way into the vault.

`python -m tests.fuzz --seconds 60` runs them all with atheris; `test_targets.py` runs them without.
"""
