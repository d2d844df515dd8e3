"""An officer at the issuer's pages: signs in, uploads, issues, revokes; over HTTP, as a browser."""

from __future__ import annotations

import csv
import html
import http.cookiejar
import io
import json
import re
import time
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

from demo.processes import DemoError

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_VERSION = re.compile(r'name="version" value="(\d+)"')
PATIENCE = 60.0


class Officer:
    """One signed-in session with the issuer's pages at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._open = urllib.request.build_opener(cookies).open

    def get(self, path: str) -> str:
        """Return a page."""
        with self._open(self._url + path, timeout=30) as reply:
            return str(reply.read().decode("utf-8"))

    def post(self, path: str, fields: dict[str, str], file: Path | None = None) -> tuple[str, str]:
        """Send a form of the page that leads to it; return the address and page after it."""
        boundary = uuid.uuid4().hex
        body = b"".join(_part(boundary, name, value.encode()) for name, value in fields.items())
        if file is not None:
            body += _part(boundary, "file", file.read_bytes(), file.name)
        body += f"--{boundary}--\r\n".encode()
        request = urllib.request.Request(  # noqa: S310 - the address of our own server
            self._url + path,
            data=body,
            headers={
                "Content-Type": f"multipart/form-data; boundary={boundary}",
                "Origin": self._url,
            },
        )
        with self._open(request, timeout=120) as reply:
            return reply.geturl(), reply.read().decode("utf-8")

    def sign_in(self, login: str, password: str) -> None:
        """Sign in, as a person would."""
        token = self._token("/sign-in")
        _, page = self.post("/sign-in", {"csrf": token, "login": login, "password": password})
        if 'name="password"' in page:
            raise DemoError("the officer could not sign in")

    def issue(self, template_id: str, file: Path) -> str:
        """Upload a file, check it, issue it whole; return the id of the batch."""
        fields = {"csrf": self._token("/batches/new"), "template": template_id, "form": "wallet"}
        address, page = self.post("/batches", fields, file)
        batch = address.rsplit("/", 1)[1].split("?")[0]
        version = _VERSION.search(page)
        if version is None:
            raise DemoError(f"{file.name} was not taken: {_text(page)[:300]}")
        fields = {"csrf": _found(_CSRF, page), "version": version.group(1)}
        self.post(f"/batches/{batch}/send", fields)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            progress = json.loads(self.get(f"/batches/{batch}/progress.json"))
            if progress["state"] == "issued":
                return batch
            time.sleep(0.2)
        raise DemoError(f"{file.name} was not issued within {PATIENCE:.0f} s")

    def templates(self) -> dict[str, str]:
        """Return the templates that can be issued: name as shown → id."""
        page = self.get("/batches/new")
        options = re.findall(r'<option value="([^"]+)"[^>]*>([^<]+)</option>', page)
        return {html.unescape(name): value for value, name in options}

    def offers(self, batch: str) -> list[dict[str, str]]:
        """Return the offers of a batch, as the officer downloads them."""
        return list(
            csv.DictReader(io.StringIO(self.get(f"/batches/{batch}/offers.csv").lstrip("\ufeff")))
        )

    def revoke(self, search: str) -> str:
        """Find one certificate by its number and revoke it; return its path."""
        page = self.get("/certificates?" + urllib.parse.urlencode({"q": search}))
        found = re.search(r'href="(/certificates/[^"/?]+)"', page)
        if found is None:
            raise DemoError(f"no certificate {search} is listed")
        form = self.get(f"{found.group(1)}/revoke")
        reason = re.search(r'name="reason"[^>]*value="([^"]+)"', form) or re.search(
            r'<select[^>]*name="reason".*?<option value="([^"]+)"', form, re.DOTALL
        )
        if reason is None:
            raise DemoError("the page to revoke names no reason")
        fields = {
            "csrf": _found(_CSRF, form),
            "version": _found(_VERSION, form),
            "reason": reason.group(1),
            "note": "Shown in the demonstration",
        }
        self.post(f"{found.group(1)}/revoke", fields)
        return found.group(1)

    def _token(self, path: str) -> str:
        return _found(_CSRF, self.get(path))


def _found(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    if found is None:
        raise DemoError(f"a page of the issuer has no {pattern.pattern}")
    return found.group(1)


def _part(boundary: str, name: str, value: bytes, file_name: str | None = None) -> bytes:
    disposition = f'form-data; name="{name}"'
    if file_name is not None:
        disposition += f'; filename="{file_name}"\r\nContent-Type: text/csv'
    head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode() + value + b"\r\n"


def _text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())
