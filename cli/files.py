"""Read what a command was given: a file, a folder's file, or the text itself."""

from __future__ import annotations

from pathlib import Path

from registry.errors import InvalidInputError, NotFoundError, VerificationError


def given_bytes(
    given: str, what: str, *, limit: int, or_text: bool = False, whole: bool = True
) -> bytes:
    """Return the bytes of a file that a command was given.

    Args:
        given: The file's name; or with `or_text`, if there is no such file, the text itself.
        what: What it should be, for messages.
        limit: How many bytes it may have.
        or_text: The text itself will do.
        whole: Read it; otherwise only see that it is a plain file.

    Raises:
        NotFoundError: There is no such file.
        InvalidInputError: It is no plain file, or larger.
        UnavailableError: It cannot be read.
    """
    from registry.plain_files import open_plain, unreadable

    try:
        # Links are followed: whoever types a name knows what it leads to.
        path = Path(given).resolve()
        if not path.exists() and or_text:
            return given.encode()
        with open_plain(path, given) as file:
            data = file.read(limit + 1) if whole else b""
    except VerificationError as error:
        if "is missing" in error.message:
            raise NotFoundError(
                f"there is no file `{given}`", hint=f"give the file of {what}"
            ) from error
        raise InvalidInputError(error.message, hint=f"give the file of {what}") from error
    except (ValueError, RuntimeError) as error:
        raise InvalidInputError(f"`{given}` is no name of a file") from error
    except OSError as error:
        raise unreadable(given, error) from error
    if len(data) > limit:
        raise InvalidInputError(
            f"`{given}` has more than {limit:,} bytes", hint=f"give the file of {what}"
        )
    return data
