"""What a template expects of a cell, in the reader's language.

The library says it in English, and the store keeps that; here the sentences that it can say are
recognised. One that is not known stays English.
"""

from __future__ import annotations

import re
from typing import Final

from flask_babel import LazyString, get_locale
from flask_babel import lazy_gettext as _l

_SENTENCES: Final[tuple[tuple[re.Pattern[str], LazyString], ...]] = tuple(
    (re.compile(pattern, re.DOTALL), sentence)
    for pattern, sentence in (
        (r"is required", _l("is required")),
        (r"is no claim of this template", _l("is no claim of this template")),
        (r"must match the pattern (.+)", _l("must match the pattern %(given)s")),
        (r"must be one of: (.+)", _l("must be one of: %(given)s")),
        (
            r"is none of the ([0-9]+) values that the template lists",
            _l("is none of the %(given)s values that the template lists"),
        ),
        (r"must be a date that exists, such as (.+)", _l("must be a date such as %(given)s")),
        (r"must be a date and time such as (.+)", _l("must be a date and time such as %(given)s")),
        (r"must be an e-mail address", _l("must be an e-mail address")),
        (r"must be a URI", _l("must be a web address")),
        (
            r"must be a PNG or JPEG picture of at most (.+)",
            _l("must be a PNG or JPEG picture of at most %(given)s"),
        ),
        (
            r"must be an identification number whose check character is right",
            _l("must be an identification number whose check character is right"),
        ),
        (r"must have at most ([0-9]+) characters?", _l("has more than %(given)s characters")),
        (r"must have at least ([0-9]+) characters?", _l("has fewer than %(given)s characters")),
        (r"must have at most ([0-9]+) elements?", _l("has more than %(given)s list items")),
        (r"must have at least ([0-9]+) elements?", _l("has fewer than %(given)s list items")),
        (r"must not have an element twice", _l("must not have a list item twice")),
        (r"must be at most (.+)", _l("must be at most %(given)s")),
        (r"must be at least (.+)", _l("must be at least %(given)s")),
        (r"must be below (.+)", _l("must be below %(given)s")),
        (r"must be above (.+)", _l("must be above %(given)s")),
        (r"must be a multiple of (.+)", _l("must be a multiple of %(given)s")),
        (
            r"must have the value that the template fixes",
            _l("must have the value that the template fixes"),
        ),
    )
)


def expected_words(detail: str) -> str:
    """Return what is expected, in the reader's language where it is known how to say it."""
    if str(get_locale()) == "en":
        return detail
    for pattern, sentence in _SENTENCES:
        found = pattern.fullmatch(detail)
        if found is not None:
            given = found[1] if pattern.groups else ""
            return str(sentence).replace("%(given)s", given)
    return detail
