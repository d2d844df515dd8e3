"""Which web addresses the registry holds: https to a public host, never fetched (OP-21)."""

from __future__ import annotations

import re
from typing import Final

from registry_chain.state_machine.parameters import ALLOW_LOOPBACK_HTTP
from registry_chain.state_machine.staged import StagedState
from weid import limits
from weid.did.service_endpoint import check_service_endpoint
from weid.errors import MalformedError

_LOOPBACK: Final = re.compile(
    r"http://(?:localhost|127\.0\.0\.1)(?::[1-9][0-9]{0,4})?"
    r"(?:[/?](?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?\Z"
)


def is_web_address(staged: StagedState, text: str) -> bool:
    """Return whether a service endpoint or status list address may enter the registry.

    Plain http to the machine itself passes only where the chain's parameter
    `allow_loopback_http` is 1, which is for demonstrations.
    """
    try:
        check_service_endpoint(text)
    except MalformedError:
        loopback = len(text) <= limits.TEXT_FIELD and _LOOPBACK.match(text) is not None
        return loopback and staged.parameter(ALLOW_LOOPBACK_HTTP) == 1
    return True
