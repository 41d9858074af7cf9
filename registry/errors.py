"""Every exception Firsthand raises on purpose.

The core knows neither HTTP status nor exit code: the command line and the API each hold one
table that covers every class of this module, and a test fails when one is missing.
"""

from __future__ import annotations


class RegistryError(Exception):
    """Something went wrong that a person can act on.

    Args:
        message: What was found and what was expected; names in backticks, lower case, no full stop.
        hint: What to do next, or nothing when there is nothing useful to say.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInputError(RegistryError):
    """We cannot accept what was sent."""


class NotAllowedError(RegistryError):
    """The caller may not do this."""


class NotFoundError(RegistryError):
    """Nothing is recorded under that name."""


class ConflictError(RegistryError):
    """It contradicts what is recorded."""


class GuaranteeError(RegistryError):
    """What was asked for, such as a human fraction, cannot be kept."""


class VerificationError(RegistryError):
    """A signature, digest or proof does not hold.

    Args:
        message: What does not hold.
        code: The stable reason code, such as `E_FILE_DIGEST`.
        hint: What to do next.
    """

    def __init__(self, message: str, *, code: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class UnavailableError(RegistryError):
    """A store or service did not answer."""
