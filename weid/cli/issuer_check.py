"""`weid issuer check`: a dry run over a file of rows, with the application or without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weid.cli.command import SharedCommand
from weid.cli.issuer_access import TOKEN_FILE, find_access
from weid.cli.output import Session, counted, pass_session, table
from weid.cli.registry_options import loopback_option
from weid.errors import MalformedError

if TYPE_CHECKING:
    from weid.encoding import JsonObject

ROWS_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
MOST_BYTES = 512 * 1024 * 1024
FORMS = ("wallet", "paper", "both")
ENCODINGS = ("automatic", "utf-8", "gb18030", "big5", "latin-1")


def file_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options that say what a file of rows is."""
    for option in reversed(
        (
            click.option(
                "-t", "--template", metavar="ID[:VERSION]", help="Which template it is for."
            ),
            click.option(
                "--form",
                type=click.Choice(FORMS),
                default="wallet",
                show_default=True,
                help="What is made of each row.",
            ),
            click.option(
                "--encoding",
                type=click.Choice(ENCODINGS),
                default="automatic",
                show_default=True,
                help="Encoding of a CSV file; automatic takes UTF-8 and refuses the rest.",
            ),
        )
    ):
        command = option(command)
    return command


def read_rows(file: Path) -> bytes:
    """Return a file of rows.

    Raises:
        MalformedError: larger than any application takes.
    """
    with file.open("rb") as opened:
        content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise MalformedError(f"{file} is larger than {MOST_BYTES} bytes", hint="divide it.")
    return content


@click.command(cls=SharedCommand)
@click.argument("rows_file", metavar="ROWS", type=ROWS_FILE)
@file_options
@click.option(
    "--template-file",
    type=ROWS_FILE,
    help="Check against this template file instead, without any application (CSV only).",
)
@click.option("--app", metavar="URL", envvar="WEID_ISSUER_APP", help="The application.")
@click.option(
    "--token-file",
    type=TOKEN_FILE,
    envvar="WEID_ISSUER_TOKEN_FILE",
    help="File with the API token, mode 0600.",
)
@loopback_option
@pass_session
@click.pass_context
def check(  # noqa: PLR0913 - each is one option
    ctx: click.Context,
    session: Session,
    *,
    rows_file: Path,
    template: str | None,
    form: str,
    encoding: str,
    template_file: Path | None,
    app: str | None,
    token_file: Path | None,
    unsafe_loopback_http: bool,
) -> None:
    """Look for errors in ROWS, by row and column; nothing is kept. Exit code 1 if there are any.

    The application's check is the one that counts: it knows XLSX, display names as column names,
    and what was issued before. With --template-file the rows are checked on this machine against
    a template alone.
    """
    if (template is None) == (template_file is None):
        raise click.UsageError("give --template (asks the application) or --template-file")
    content = read_rows(rows_file)
    if template_file is not None:
        from weid.cli.rows_offline import check_rows  # noqa: PLC0415 - offline only
        from weid.credential.template import CredentialTemplate  # noqa: PLC0415 - offline only

        found = check_rows(content, CredentialTemplate.from_file(template_file))
    else:
        api = find_access(session, app, token_file, loopback=unsafe_loopback_http).open()
        asked = {
            "template": str(template),
            "form": form,
            "encoding": encoding,
            "name": rows_file.name,
        }
        found = api.send_file("checks", content=content, asked=asked)
    show_findings(session, found)
    session.say(f"{counted(int(str(found['rows'])), 'row')}, {found['faulty']} faulty.")
    ctx.exit(1 if found["faulty"] else 0)


def show_findings(session: Session, found: JsonObject) -> None:
    """Print findings as a table, or the whole answer as JSON."""
    from weid.cli.issuer_api import objects  # noqa: PLC0415 - imported when used

    findings = objects(found, "findings")
    rows = [
        [str(one["row"]), str(one["column"] or "-"), str(one["severity"]), _words(one)]
        for one in findings
    ]
    session.show(table(rows, header=["row", "column", "is a", "what"]) if rows else "", found)


def _words(finding: dict[str, Any]) -> str:
    sentence, expected = str(finding["sentence"]), str(finding["expected"])
    return f"{sentence} ({expected})" if expected and expected not in sentence else sentence
