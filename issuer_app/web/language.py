"""Languages: the reader's choice in a cookie, else what the browser asks for.

A further language is one folder under translations/ and one line in LANGUAGES.
"""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from flask import Flask, current_app, request
from flask_babel import Babel, get_locale

from issuer_app.settings import Settings

LANGUAGES: Final = {"en": "English", "zh_Hant": "繁體中文"}
LANGUAGE_COOKIE: Final = "weid-language"
_TAGS: Final = {"en": "en", "zh_Hant": "zh-Hant"}
"""What the html element says (BCP 47)."""
_ZONE: Final = "OFFICE_ZONE"


def chosen_language() -> str:
    """Return the language of this request's page."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for wanted, _ in request.accept_languages:
        if wanted.lower().startswith("zh"):
            return "zh_Hant"
        if wanted.lower().startswith("en"):
            return "en"
    return "en"


def template_languages() -> tuple[str, ...]:
    """Return the tags in which to look for a template's display texts, best first."""
    first = _TAGS[chosen_language()]
    return (first, *(tag for tag in _TAGS.values() if tag != first))


def moment(seconds: int | None) -> str:
    """Return an instant in the office's zone and the reader's language."""
    if seconds is None:
        return ""
    zone: ZoneInfo = current_app.config[_ZONE]
    at = dt.datetime.fromtimestamp(seconds, zone)
    return format_datetime(at, "medium", tzinfo=zone, locale=get_locale())


def day(seconds: int | None) -> str:
    """Return the day of an instant in the office's zone and the reader's language."""
    if seconds is None:
        return ""
    zone: ZoneInfo = current_app.config[_ZONE]
    return format_date(dt.datetime.fromtimestamp(seconds, zone).date(), "long", locale=get_locale())


def install_languages(app: Flask, settings: Settings) -> None:
    """Make `_` and the date filters available to pages."""
    Babel(app, default_locale="en", locale_selector=chosen_language)
    app.config[_ZONE] = ZoneInfo(settings.time_zone)
    app.jinja_env.filters["moment"] = moment
    app.jinja_env.filters["day"] = day
    app.jinja_env.globals.update(
        languages=LANGUAGES, language=chosen_language, language_tag=lambda: _TAGS[chosen_language()]
    )
