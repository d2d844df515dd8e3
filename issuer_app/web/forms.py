"""Numbers out of forms and addresses: bounded, and refused when they are something else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from issuer_app.errors import ConflictError

_NUMBER: Final = re.compile(r"[0-9]{1,9}\Z")


def number_of(form: Mapping[str, str], name: str) -> int:
    """Return a number that a form of ours carries; anything else is an outdated form."""
    text = form.get(name, "")
    if _NUMBER.match(text) is None:
        raise ConflictError("the form is not one that was shown here")
    return int(text)


def page_of(arguments: Mapping[str, str], name: str = "page") -> int:
    """Return a page number of an address, 1 for anything else."""
    text = arguments.get(name, "")
    return int(text) if _NUMBER.match(text) else 1
