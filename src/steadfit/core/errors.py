"""The errors a user can cause, all under one base class."""

from __future__ import annotations


class SteadfitError(Exception):
    """Base of every error that input, files or settings can cause.

    Its message says what was given, what is accepted and what to do. The command line prints it
    and exits with status 1; anything else that is raised is a fault of Steadfit.
    """


class DataError(SteadfitError, ValueError):
    """Texts, labels, tables, folders or arguments of the user that cannot be used."""


class FileFormatError(SteadfitError, ValueError):
    """A file or folder that Steadfit should have written but that is not what it should be."""


class DiskError(SteadfitError, OSError):
    """A file or folder that could not be written, with the system's number and reason for it."""

    def __init__(self, message: str, number: int | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.errno = number
        self.reason = reason


class TrainingError(SteadfitError, RuntimeError):
    """Training that cannot go on, such as a loss that is not a number."""


class NotYetError(SteadfitError, NotImplementedError):
    """Something that is planned and that this version does not do."""


class MissingExtraError(SteadfitError, ImportError):
    """An optional library that is not installed; the message names the extra to install."""
