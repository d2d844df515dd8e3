"""Names of claims that belong to the credential itself and not to its subject (CP-04, CP-05)."""

from __future__ import annotations

from typing import Final

ALWAYS_CLEAR: Final = frozenset(
    {"iss", "iat", "nbf", "exp", "cnf", "vct", "vct#integrity", "status"}
)
"""Never in a disclosure (SD-JWT VC section 3.2.2.2), and `iat`, by which the key is judged."""
REGISTERED_CLAIMS: Final = ALWAYS_CLEAR | {"aud", "jti", "sub"}
"""No template can name a claim so."""
