"""The exceptions of phonotheque, and the exit code each one gives the command line.

    PhonothequeError                 70  we could not do the job (any other reason)
    ├── UsageError                    2  the request makes no sense; nothing was touched
    ├── InputError                   65  an input file or row cannot be read or is not allowed
    │   └── FormatError              65  a file of ours has another format or version
    ├── NotFoundError                66  what was asked for does not exist
    ├── ArchiveBusyError             75  another process is writing here; try again later
    ├── NoSpaceError                 74  the disk does not have the room the plan needs
    ├── TransferError                69  a peer or origin did not deliver
    └── TrustError                   76  a signature or digest does not hold; nothing was accepted

An exception means the job could not be done. Damage that a job *finds* is not an exception but a
`phonotheque.model.findings.Finding`, and a command that finds any exits with `FINDINGS`.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command (the numbers follow BSD sysexits where one fits)."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    INPUT = 65
    NOT_FOUND = 66
    UNAVAILABLE = 69
    INTERNAL = 70
    NO_SPACE = 74
    BUSY = 75
    UNTRUSTED = 76
    INTERRUPTED = 130


class PhonothequeError(Exception):
    """We could not do the job. The message names the file or row and the way out."""

    exit_code = ExitCode.INTERNAL


class UsageError(PhonothequeError):
    """The request makes no sense as given; nothing was touched."""

    exit_code = ExitCode.USAGE


class InputError(PhonothequeError):
    """An input cannot be read, or is not allowed here."""

    exit_code = ExitCode.INPUT


class FormatError(InputError):
    """A file of ours has another format or a version this program does not know."""


class NotFoundError(PhonothequeError):
    """What was asked for does not exist."""

    exit_code = ExitCode.NOT_FOUND


class ArchiveBusyError(PhonothequeError):
    """Another process is writing to this archive or mirror."""

    exit_code = ExitCode.BUSY


class NoSpaceError(PhonothequeError):
    """The disk does not have the room that the plan needs."""

    exit_code = ExitCode.NO_SPACE


class TransferError(PhonothequeError):
    """A peer or an origin did not deliver."""

    exit_code = ExitCode.UNAVAILABLE


class TrustError(PhonothequeError):
    """A signature or a digest does not hold; nothing of it was accepted."""

    exit_code = ExitCode.UNTRUSTED
