"""Which faults are in the short list of every day, and which in the long one."""

from __future__ import annotations

import os

import pytest

LONG = os.environ.get("WEID_FAULTS") == "long"
in_the_long_list = pytest.mark.skipif(not LONG, reason="in the long list: make faults-long")
