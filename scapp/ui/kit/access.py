"""Who may reach the app: by which names it answers, and the token that was printed at its start.

Without these, any page that a user visits could reach an app on the same computer: by a name that its owner lets point
to this computer (DNS rebinding), past everything that browsers hold against other pages.
"""

import hmac
import os
import secrets
import sys
import webbrowser
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose
from streamlit import config

from scapp.core.environment import Environment

OFF = "off"
OWN_HOSTS = ("localhost", "127.0.0.1", "::1")
HEALTH = "/_stcore/health"
"""Says nothing but "ok": what waits for the server may ask without a token."""

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>scapp</title>
<style>:root{{color-scheme:light dark}}body{{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto}}
input,button{{font:inherit;padding:.4rem .6rem}}input{{width:60%}}</style>
<h1>scapp</h1><p>{said}</p>{form}</html>"""
_FORM = """<form method="get"><label>Token <input name="token" type="password" autocomplete="off" autofocus></label>
<button>Open</button></form>"""


@dataclass(frozen=True)
class Access:
    """Who may reach the app.

    Parameters
    ----------
    hosts
        Names by which it answers, in small letters.
    token
        What a browser must know; empty where nothing is asked.
    """

    hosts: frozenset[str]
    token: str

    def answers_to(self, host: str | None) -> bool:
        """Whether a Host header names this app."""
        try:
            parts = urlsplit(f"//{host or ''}")
            _ = parts.port  # refuses what is no number
        except ValueError:
            return False
        plain = parts.username is None and not parts.path and parts.hostname is not None
        return plain and str(parts.hostname).rstrip(".") in self.hosts

    def is_token(self, given: str | None) -> bool:
        """Whether somebody knows the token, compared in constant time."""
        return given is not None and hmac.compare_digest(given.encode(), self.token.encode())


def access_of(environment: Environment) -> Access:
    """What this start of the app asks for."""
    named = [name.strip().lower().rstrip(".") for name in environment.hosts.split(",") if name.strip()]
    token = environment.token or secrets.token_urlsafe(24)
    return Access(frozenset([*OWN_HOSTS, *named]), "" if token == OFF else token)


class AccessMiddleware:
    """Checks host and token of everything: pages, websocket, media, uploads and downloads.

    Parameters
    ----------
    app
        What is reached.
    access
        By whom.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a connection on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(HTTPConnection(scope))
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(code=1008)(scope, receive, send)
        else:
            await refusal(scope, receive, send)

    def _refusal(self, asked: HTTPConnection) -> Response | None:
        """What is answered instead; None where the connection is welcome."""
        if not self.access.answers_to(asked.headers.get("host")):
            said = "This app does not answer to that name. Whoever runs it can add the name to SCAPP_HOSTS."
            return HTMLResponse(_PAGE.format(said=said, form=""), 421)
        cookie = f"scapp_{asked.url.port or 80}"
        if asked.url.path == HEALTH or not self.access.token or self.access.is_token(asked.cookies.get(cookie)):
            return None
        given = asked.query_params.get("token")
        if asked.scope["type"] == "http" and asked.scope["method"] == "GET" and self.access.is_token(given):
            rest = [(name, value) for name, value in parse_qsl(asked.url.query) if name != "token"]
            # one slash: two would begin the name of another host
            place = f"/{asked.url.path.lstrip('/')}"
            answer = RedirectResponse(f"{place}{'?' if rest else ''}{urlencode(rest)}", 303)
            answer.set_cookie(cookie, self.access.token, httponly=True, samesite="lax")
            answer.headers["Cache-Control"] = "no-store"
            return answer
        said = "Open the whole address that scapp printed when it was started, or paste its token here."
        if given is not None:
            said = f"That is not the token of this start of scapp. {said}"
        return HTMLResponse(_PAGE.format(said=said, form=_FORM), 403)


def middleware(access: Access) -> list[Middleware]:
    """For ``st.App``."""
    return [Middleware(AccessMiddleware, access=access)]


def announce(access: Access) -> None:
    """Say where the app is, with the token, and open it where there is a screen."""
    address = f"http://localhost:{config.get_option('server.port')}/"
    if access.token:
        address += f"?token={access.token}"
        print(f"\n  scapp: {address}\n  The token keeps others out; SCAPP_TOKEN=off does without.\n", flush=True)
    else:
        print(f"\n  scapp: {address}\n", flush=True)
    if _has_screen():
        webbrowser.open(address)


def _has_screen() -> bool:
    shown = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(shown) and sys.stdout.isatty()
