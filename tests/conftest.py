"""Settings of the whole suite: property tests are judged by what they find, not by the clock."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("weid", deadline=None)
settings.load_profile("weid")
