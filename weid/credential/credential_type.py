"""The name of a credential type: urn:weid:<network>:cpt:<id>:<version> (clause CP-07)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from weid.did.syntax import check_network
from weid.errors import MalformedError

_CPT_ID: Final = re.compile(r"[a-z][a-z0-9-]{2,63}")
_TYPE: Final = re.compile(
    r"urn:weid:(?P<network>[a-z][a-z0-9-]{1,31}):cpt:(?P<cpt_id>[a-z][a-z0-9-]{2,63})"
    r":(?P<version>[1-9][0-9]{0,8})"
)
_LAST_VERSION: Final = 999_999_999


@dataclass(frozen=True, slots=True)
class CredentialType:
    """A version of a template in a network; its text, the `vct`, is `str()`.

    Raises:
        MalformedError: a part that breaks its grammar.
    """

    network: str
    cpt_id: str
    version: int

    def __post_init__(self) -> None:
        check_network(self.network)
        check_cpt_id(self.cpt_id)
        if type(self.version) is not int or not 1 <= self.version <= _LAST_VERSION:
            raise MalformedError("the version of a template is not a number from 1")

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> CredentialType:
        """Read the type of a template.

        Raises:
            MalformedError: not the type of a template, or not in its one spelling.
        """
        match = _TYPE.fullmatch(text)
        if match is None:
            raise MalformedError("vct does not name a template")
        return cls(match["network"], match["cpt_id"], int(match["version"]))

    def __str__(self) -> str:
        return f"urn:weid:{self.network}:cpt:{self.cpt_id}:{self.version}"


def check_cpt_id(cpt_id: object) -> str:
    """Return the id of a template: 3 to 64 of a-z, 0-9 and '-', a letter first.

    Raises:
        MalformedError: another text, or no text.
    """
    if not isinstance(cpt_id, str) or _CPT_ID.fullmatch(cpt_id) is None:
        raise MalformedError(
            "cpt_id is not 3 to 64 lower-case letters, digits and '-', a letter first"
        )
    return cpt_id
