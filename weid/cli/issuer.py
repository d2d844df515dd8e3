"""`weid issuer …`: the agency's application from the command line.

Everything here is asked of a running issuer_app through its API, so that pages and command share
one ledger, one approval policy and one audit log (specs/decisions/0003-issuer-command.md).
"""

from __future__ import annotations

import click

from weid.cli.command import LazyNoun

COMMANDS = {
    "login": ("weid.cli.issuer_access:login", "remember an application and an API token"),
    "logout": ("weid.cli.issuer_access:logout", "forget them"),
    "templates": ("weid.cli.issuer_batches:templates", "list what can be issued"),
    "check": ("weid.cli.issuer_check:check", "look for errors in a file of rows"),
    "issue": ("weid.cli.issuer_batches:issue", "issue a certificate for each row of a file"),
    "batches": ("weid.cli.issuer_batches:batches", "list files that were sent in"),
    "approve": ("weid.cli.issuer_batches:approve", "approve another person's batch"),
    "reject": ("weid.cli.issuer_batches:reject", "send another person's batch back"),
    "discard": ("weid.cli.issuer_batches:discard", "give a batch up before it is approved"),
    "offers": ("weid.cli.issuer_batches:offers", "list the open offers of a batch"),
    "offer": ("weid.cli.issuer_certificates:offer", "show the offer of one certificate"),
    "list": ("weid.cli.issuer_certificates:list_found", "search certificates"),
    "show": ("weid.cli.issuer_certificates:show", "show a certificate and what became of it"),
    "revoke": ("weid.cli.issuer_certificates:revoke", "end certificates for ever"),
    "suspend": ("weid.cli.issuer_certificates:suspend", "suspend certificates"),
    "reinstate": ("weid.cli.issuer_certificates:reinstate", "end a suspension"),
}


@click.group(cls=LazyNoun, commands_at=COMMANDS)
def issuer() -> None:
    """Issue, offer and revoke certificates, in a running issuer application.

    An administrator makes an API token (`issuer-app create-token LOGIN --name …`), which
    `weid issuer login` remembers; what it may do are the roles of its user.
    """
