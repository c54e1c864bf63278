"""`--secret` and its forms, for the verbs. Knows nothing of what the secret is for.

No error contains any of it, not even an argument that is misspelt.
"""

from __future__ import annotations

from ..adapters.secret_sources import FORMS as FORMS
from ..adapters.secret_sources import SecretError
from ..adapters.secret_sources import read_secret as read_form
from . import UsageError


def read_secret(option: str) -> bytes:
    """The secret that an option such as ``env:CMP_SECRET`` points to. UsageError; OSError for files."""
    try:
        return read_form(option)
    except SecretError as error:
        raise UsageError(f"--secret {error}") from None
