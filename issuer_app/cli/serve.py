"""`issuer-app serve`: the pages and the background work of one office."""

from __future__ import annotations

import signal
from contextlib import ExitStack, closing
from types import FrameType

import click
from waitress.server import create_server

from issuer_app.app import create_app, quiet_logs
from issuer_app.cli.opened import opened_store, with_settings
from issuer_app.listening import bind, url_of
from issuer_app.settings import Settings
from issuer_app.setup import open_agency, open_registry, require_set_up
from issuer_app.store.locked import Locked
from issuer_app.wiring import KEY


@click.command()
@with_settings
def serve(settings: Settings) -> None:
    """Serve the pages and do the background work, until SIGTERM or Ctrl-C."""
    quiet_logs()
    require_set_up(settings)
    with ExitStack() as until_the_end:
        until_the_end.enter_context(Locked(settings.data_dir))
        # Before anything is asked of the registry: a taken address is told at once.
        listening = until_the_end.enter_context(closing(bind(settings.listen)))
        database = until_the_end.enter_context(opened_store(settings))
        agency = open_agency(settings, database, open_registry(settings))
        app = create_app(settings, agency=agency, database=database, start_job=False)
        job = app.extensions[f"{KEY}.job"]
        server = create_server(
            app,
            sockets=[listening],
            threads=settings.threads,
            ident=None,
            max_request_body_size=settings.max_upload_bytes + 2**20,
            max_request_header_size=32 * 1024,
            channel_timeout=60,
            asyncore_use_poll=True,
            connection_limit=500,
            clear_untrusted_proxy_headers=False,
        )
        until_the_end.callback(server.close)
        signal.signal(signal.SIGTERM, _end)
        job.start()
        until_the_end.callback(job.stop)
        click.echo(f"listening on {url_of(listening)}")
        server.run()


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
