"""What the whole suite shares.

Property tests are judged by what they find, not by the clock. Tests of networks have the CometBFT
that `make cometbft` has built, and skip where there is none.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from registry_chain.engines.cometbft.binary import BinaryError, find_binary

settings.register_profile("weid", deadline=None)
settings.load_profile("weid")


@pytest.fixture(scope="session")
def cometbft_binary():
    """The CometBFT of the version that WEID_COMETBFT_VERSION names (default: any pinned one)."""
    try:
        return find_binary(version=os.environ.get("WEID_COMETBFT_VERSION") or None)
    except BinaryError as error:
        pytest.skip(f"{error.message}: {error.hint}")
