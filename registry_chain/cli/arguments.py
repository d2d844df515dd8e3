"""Arguments of the governance commands: anything that cannot be is told as a wrong call."""

from __future__ import annotations

import binascii

import click

from weid.did.syntax import Did
from weid.encoding import base64url_decode
from weid.errors import MalformedError
from weid.registry.text import CPT_ID

_HASH_BYTES = 32
_NODE_ID_BYTES = 20
_PROOF_BYTES = 64
_HEX_DIGITS = 64


class HexHash(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """64 hexadecimal digits, as bytes: a genesis hash."""

    name = "hash"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Return the bytes; anything else is told as a wrong call."""
        if isinstance(value, bytes):
            return value
        found = _hex(str(value))
        if found is None:
            self.fail(f"{value} is not {_HEX_DIGITS} hexadecimal digits", param, ctx)
        return found


class NodeIdText(click.ParamType):  # type: ignore[type-arg]  # same
    """40 hexadecimal digits, as bytes: a node id."""

    name = "node"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Return the bytes; anything else is told as a wrong call."""
        if isinstance(value, bytes):
            return value
        found = _hex(str(value), _NODE_ID_BYTES)
        if found is None:
            self.fail(
                f"{value} is not a node id: {2 * _NODE_ID_BYTES} hexadecimal digits", param, ctx
            )
        return found


class ProofText(click.ParamType):  # type: ignore[type-arg]  # same
    """128 hexadecimal digits, as bytes: what a key signed."""

    name = "proof"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Return the bytes; anything else is told as a wrong call."""
        found = _hex(str(value), _PROOF_BYTES)
        if found is None:
            self.fail(f"{value} is not a proof: {2 * _PROOF_BYTES} hexadecimal digits", param, ctx)
        return found


class ProposalId(click.ParamType):  # type: ignore[type-arg]  # same
    """The id of a proposal: in hexadecimal as people see it, or in base64url as the API has it."""

    name = "proposal"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Return the bytes; anything else is told as a wrong call."""
        if isinstance(value, bytes):
            return value
        text = str(value)
        found = _hex(text) or _base64url(text)
        if found is None:
            self.fail(
                f"{text} is not the id of a proposal: {_HEX_DIGITS} hexadecimal digits", param, ctx
            )
        return found


class DidText(click.ParamType):  # type: ignore[type-arg]  # same
    """A DID in its one spelling."""

    name = "did"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the DID; anything else is told as a wrong call."""
        text = str(value)
        try:
            Did.parse(text)
        except MalformedError:
            self.fail(f"{text} is not a DID such as did:weid:example:7bGyoFAn…", param, ctx)
        return text


class TemplateId(click.ParamType):  # type: ignore[type-arg]  # same
    """The id of a template, without its version: recognition is for every version."""

    name = "template"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the id; a name with a version is told as a wrong call."""
        text = str(value)
        if not CPT_ID.fullmatch(text):
            self.fail(f"{text} is not a template id such as diploma (no version)", param, ctx)
        return text


def _hex(text: str, length: int = _HASH_BYTES) -> bytes | None:
    try:
        found = binascii.unhexlify(text)
    except ValueError:
        return None
    return found if len(found) == length else None


def _base64url(text: str) -> bytes | None:
    try:
        found = base64url_decode(text, what="the id")
    except MalformedError:
        return None
    return found if len(found) == _HASH_BYTES else None


HASH = HexHash()
PROPOSAL = ProposalId()
NODE_ID = NodeIdText()
PROOF = ProofText()
DID = DidText()
TEMPLATE = TemplateId()
