"""Who may reach the app: by which names it answers, the token that was printed at its start, and a class's code.

Without these, any page that a user visits could reach an app on the same computer: by a name that its owner lets point
to this computer (DNS rebinding), past everything that browsers hold against other pages.

Whoever is let in is named in a header that nobody else can set. Streamlit keeps it as the session's user
(``server.trustedUserHeaders``) and gives a session back to that user alone. So a login of another kind has this one
place to say who somebody is; ``owners`` says which workspace is theirs.
"""

import asyncio
import hmac
import os
import re
import secrets
import sys
import time
import webbrowser
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose
from streamlit import config, runtime

from scapp.core.environment import NO_TOKEN, Environment
from scapp.core.errors import ConfigError, DataError, ScappError
from scapp.jobs.held_class import begin_class
from scapp.ui.kit.media_owners import OWNER, MediaOwners
from scapp.ui.kit.owners import HOLDER
from scapp.workspace.classroom import Classroom, is_code

OWN_HOSTS = ("localhost", "127.0.0.1", "::1")
HEALTH = "/_stcore/health"
"""Says nothing but "ok": what waits for the server may ask without a token."""
OWNER_HEADER = b"x-scapp-owner"
"""As ``server.trustedUserHeaders`` names it."""
MOST_FORM_BYTES = 2000
WRONG_CODE_SECONDS = 1.0
"""How long an answer to a wrong code takes: codes are short."""
COMMON = re.compile(r"/_stcore/(host-config|bidi-components/.*|stream)")
"""Addresses of Streamlit's own that members of a class need, and that hold nothing of anybody."""
UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+")
MEDIA = re.compile(r"/media/(.+)")

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>scapp</title>
<style>:root{{color-scheme:light dark}}body{{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto}}
input,button{{font:inherit;padding:.4rem .6rem}}input{{width:60%}}</style>
<h1>scapp</h1><p>{said}</p>{form}</html>"""
_FORM = """<form method="get"><label>Token <input name="token" type="password" autocomplete="off" autofocus></label>
<button>Open</button></form>"""
_CODE_FORM = """<form method="post" action="{place}"><label>Class code
<input name="code" value="{code}" autocomplete="off" autofocus></label> <button>Join</button></form>
<p><small>This browser gets a workspace of its own, which no other browser can open; everything in it is deleted after
the class.</small></p><details><summary>I hold the class</summary>{token}</details>"""


@dataclass(frozen=True)
class Access:
    """Who may reach the app.

    Parameters
    ----------
    hosts
        Names by which it answers, in small letters.
    token
        What a browser must know; empty where nothing is asked.
    classroom
        The class that others may join by its code; None where none is held.
    media
        Who was offered which file, where there is more than one owner.
    """

    hosts: frozenset[str]
    token: str
    classroom: Classroom | None = None
    media: MediaOwners = field(default_factory=MediaOwners)

    def answers_to(self, host: str | None) -> bool:
        """Whether a Host header names this app."""
        try:
            parts = urlsplit(f"//{host or ''}")
            _ = parts.port  # refuses what is no number
        except ValueError:
            return False
        plain = parts.hostname is not None and not set(host or "") & set("@/\\?#")
        return plain and str(parts.hostname).rstrip(".") in self.hosts

    def is_token(self, given: str | None) -> bool:
        """Whether somebody knows the token, compared in constant time."""
        return given is not None and hmac.compare_digest(given.encode(), self.token.encode())

    def owner(self, cookie: str | None) -> str | None:
        """Who a browser is, by its cookie; None for a stranger."""
        if not self.token or self.is_token(cookie):
            return HOLDER
        return self.classroom.known(cookie) if self.classroom is not None and cookie else None


def access_of(environment: Environment) -> Access:
    """What this start of the app asks for; a class begins with it, or goes on.

    Raises
    ------
    ConfigError
        A class cannot be held like this.
    """
    named = [name.strip().lower().rstrip(".") for name in environment.hosts.split(",") if name.strip()]
    token = environment.token or secrets.token_urlsafe(24)
    hosts = frozenset([*OWN_HOSTS, *named])
    if environment.mode == "single":
        return Access(hosts, "" if token == NO_TOKEN else token)
    classroom = begin_class(environment)
    config.set_option("server.maxUploadSize", environment.class_upload_megabytes)
    return Access(hosts, token, classroom)


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
        self._wrong_code = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a connection on with the name of who it is, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        owner: str | None = None
        answer: Response | None
        try:
            owner = self.access.owner(asked.cookies.get(_cookie(asked)))
            answer = await self._answer(asked, owner, receive)
        except DataError as error:
            answer = _page_of(error, 503)
        if answer is None:
            headers = [(name, value) for name, value in scope["headers"] if name.lower() != OWNER_HEADER]
            if owner is not None:
                headers.append((OWNER_HEADER, owner.encode()))
            await self.app({**scope, "headers": headers}, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(code=1008)(scope, receive, send)
        else:
            await answer(scope, receive, send)

    async def _answer(self, asked: HTTPConnection, owner: str | None, receive: Receive) -> Response | None:
        """What is answered instead; None where the connection is welcome."""
        if not self.access.answers_to(asked.headers.get("host")):
            said = "This app does not answer to that name. Whoever runs it can add the name to SCAPP_HOSTS."
            return HTMLResponse(_PAGE.format(said=said, form=""), 421)
        if asked.scope["path"] == HEALTH:
            return None
        method = asked.scope["method"] if asked.scope["type"] == "http" else ""
        given = asked.query_params.get("token")
        if method == "GET" and owner != HOLDER and self.access.is_token(given):
            return _let_in(asked, self.access.token)
        if owner is not None:
            return self._refusal(self.access.classroom, asked, owner) if self.access.classroom is not None else None
        if self.access.classroom is not None:
            return await self._join(self.access.classroom, asked, method, receive)
        said = "Open the whole address that scapp printed when it was started, or paste its token here."
        if given is not None:
            said = f"That is not the token of this start of scapp. {said}"
        return HTMLResponse(_PAGE.format(said=said, form=_FORM), 403)

    async def _join(self, classroom: Classroom, asked: HTTPConnection, method: str, receive: Receive) -> Response:
        """The form that asks for a class's code, or what comes of it."""
        said = "Type the code of your class."
        code = asked.query_params.get("code", "")
        if "token" in asked.query_params:
            said = f"That is not the token of this start of scapp. {said}"
        if method == "POST" and _is_of_another_site(asked):
            return PlainTextResponse("Join the class on its own page.", 403)
        if method == "POST":
            code = await _posted_code(Request(asked.scope, receive))
            register = classroom.register
            if register is not None and is_code(code, register.code):
                secret = secrets.token_urlsafe(32)
                try:
                    classroom.join(secret)
                except (ConfigError, DataError) as error:
                    return _page_of(error, 403)
                return _let_in(asked, secret, seconds=int(register.ends - time.time()))
            async with self._wrong_code:  # all that guess share one pace
                await asyncio.sleep(WRONG_CODE_SECONDS)
            said = "That is not the code of this class. Look at it again, or ask whoever holds the class."
        place = escape(_place(asked), quote=True)
        form = _CODE_FORM.format(place=place, code=escape(code[:40], quote=True), token=_FORM)
        return HTMLResponse(_PAGE.format(said=said, form=form), 403)

    def _refusal(self, classroom: Classroom, asked: HTTPConnection, owner: str) -> Response | None:
        """What is answered where there is more than one owner and it is not theirs, or too much; else None."""
        path = asked.scope["path"]
        if upload := UPLOAD.fullmatch(path):
            theirs = _is_session_of(owner, upload[1])
            if theirs and owner != HOLDER and asked.scope["method"] == "PUT" and not _has_room(classroom, asked, owner):
                return PlainTextResponse("Files that you uploaded fill the room that each browser has here.", 413)
        elif media := MEDIA.fullmatch(path):
            theirs = self.access.media.may_read(owner, media[1])
        else:
            theirs = owner == HOLDER or not path.startswith("/_stcore/") or COMMON.fullmatch(path) is not None
        return None if theirs else PlainTextResponse("This is not on your pages.", 403)


def _is_session_of(owner: str, session: str) -> bool:
    """Whether Streamlit has such a session, and whose user that is."""
    found = runtime.get_instance().get_app_session(session) if runtime.exists() else None
    return found is not None and found.matches_user_info({OWNER: owner})


def _has_room(classroom: Classroom, asked: HTTPConnection, owner: str) -> bool:
    """Whether a file that comes and those that Streamlit holds in memory for an owner are within the class's limits."""
    register = classroom.register
    coming = asked.headers.get("content-length", "")
    if register is None or not coming.isdecimal():
        return False
    kept = getattr(runtime.get_instance().uploaded_file_mgr, "file_storage", {})
    mine = (files for session, files in list(kept.items()) if _is_session_of(owner, session))
    held = sum(len(file.data) for files in mine for file in list(files.values()))
    return held + int(coming) <= 1e6 * register.limits.megabytes


def _page_of(error: ScappError, status: int) -> Response:
    """A page that says what is wrong, and what to do."""
    return HTMLResponse(_PAGE.format(said=escape(f"{error.message} {error.hint}"), form=""), status)


def _cookie(asked: HTTPConnection) -> str:
    """Cookies are shared by all ports of a host."""
    try:
        return f"scapp_{asked.url.port or 80}"
    except ValueError:
        return ""  # a host that is none; it is refused


def _place(asked: HTTPConnection) -> str:
    """Where somebody wanted to go, without what let them in."""
    rest = [(name, value) for name, value in parse_qsl(asked.url.query) if name not in ("token", "code")]
    # one slash: two would begin the name of another host
    return f"/{asked.url.path.lstrip('/')}{'?' if rest else ''}{urlencode(rest)}"


def _is_of_another_site(asked: HTTPConnection) -> bool:
    """Whether a form was sent from a page of somebody else's: it would give a browser another identity."""
    origin = asked.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != asked.headers.get("host")
    return foreign or asked.headers.get("sec-fetch-site") == "cross-site"


def _let_in(asked: HTTPConnection, known: str, *, seconds: int | None = None) -> Response:
    """Give a browser what it will be known by, until it is closed or for some time, and send it on."""
    answer = RedirectResponse(_place(asked), 303)
    secure = asked.url.scheme == "https"
    answer.set_cookie(_cookie(asked), known, max_age=seconds, httponly=True, samesite="lax", secure=secure)
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _posted_code(request: Request) -> str:
    """The code in a form that was sent; empty where there is none."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > MOST_FORM_BYTES:
                return ""
    except ClientDisconnect:
        return ""  # whoever sent it is gone
    return dict(parse_qsl(body.decode("utf-8", "replace"))).get("code", "")


def middleware(access: Access) -> list[Middleware]:
    """For ``st.App``."""
    return [Middleware(AccessMiddleware, access=access)]


def announce(access: Access) -> None:
    """Say where the app is, with the token, and open it where there is a screen; for a class, what goes on the wall."""
    port = config.get_option("server.port")
    address = f"http://localhost:{port}/"
    if access.token:
        address += f"?token={access.token}"
    print(f"\n  scapp: {address}\n", flush=True)
    register = access.classroom.register if access.classroom is not None else None
    if register is not None:
        host = config.get_option("browser.serverAddress") or "localhost"
        wall = f"http://{host}:{port}/?{urlencode({'code': register.code})}"
        print(f"  That address is yours: keep it. For the class: {wall}\n", flush=True)
    elif access.token:
        print("  The token keeps others out; SCAPP_TOKEN=off does without.\n", flush=True)
    if _has_screen():
        webbrowser.open(address)


def _has_screen() -> bool:
    shown = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(shown) and sys.stdout.isatty()
