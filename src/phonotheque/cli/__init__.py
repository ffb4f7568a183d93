"""The command line: a thin skin over the rooms, and the demo that shows them all.

`main` is the program; the commands are in `operating`, `mirroring`, `finding`, `serving` and
`demonstrating`.
"""

__all__: list[str] = []
