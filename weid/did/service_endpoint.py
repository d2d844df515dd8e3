"""Which service endpoints may stand in a DID document: https to a named host, never fetched here.

The rule looks at characters only. A node must judge the same on every machine and every Python, so
no table of address ranges, no name resolution: an address in digits is refused as such.
"""

from __future__ import annotations

import re
from typing import Final

from weid import limits
from weid.errors import MalformedError

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])")
_ENDPOINT: Final = re.compile(
    r"https://(?P<host>[a-z0-9.-]{1,253})(?::[1-9][0-9]{0,4})?"
    r"(?:[/?](?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
)
_LOCAL: Final = (".localhost", ".local", ".internal", ".home.arpa")


def is_host_name(text: str) -> bool:
    """Tell whether a text is a public host name in lower case, with a dot and no address."""
    return (
        len(text) <= 253 and _HOST.fullmatch(text) is not None and not f".{text}".endswith(_LOCAL)
    )


def check_service_endpoint(endpoint: str) -> None:
    """Require https, a host name with a dot, no user name, no fragment (clause DW-14).

    Raises:
        MalformedError: with which of them it breaks.
    """
    if len(endpoint) > limits.TEXT_FIELD:
        raise MalformedError(f"the service endpoint is longer than {limits.TEXT_FIELD} characters")
    match = _ENDPOINT.fullmatch(endpoint)
    if match is None:
        raise MalformedError("the service endpoint is not a plain https URL in lower case")
    if not is_host_name(match["host"]):
        raise MalformedError("the service endpoint does not name a public host")
