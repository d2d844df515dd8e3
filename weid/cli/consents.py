"""Putting a consent text before a person, page by page, and hearing the answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from weid.cli.output import Session

if TYPE_CHECKING:
    from weid.wallet.consent import Consent

MORE = "… more: press Enter"


def ask(session: Session, consent: Consent, *, yes: bool) -> bool:
    """Show the whole text on stderr and return whether the person agreed.

    With `yes` it is shown and agreed to at once; a terminal sees it page by page, the question on
    the last one.

    Raises:
        click.UsageError: nobody is there to ask and --yes was not given.
    """
    if yes:
        session.say(consent.text())
        return True
    if not sys.stdin.isatty():
        raise click.UsageError(f"{consent.question} Nobody is here to answer: add --yes.")
    pages = consent.pages()
    for page in pages[:-1]:
        click.echo(page, err=True)
        click.prompt(MORE, default="", show_default=False, prompt_suffix="", err=True)
    click.echo(pages[-1], err=True)
    return click.confirm("Yes?", err=True)
