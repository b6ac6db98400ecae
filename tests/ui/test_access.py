"""Host and token are checked for every kind of connection, without a server."""

import asyncio

import pytest

from scapp.core.environment import Environment
from scapp.ui.kit.access import Access, AccessMiddleware, access_of

TOKEN = "t0ken"


def ask(path="/", *, host="localhost:8501", cookie=None, query="", kind="http", method="GET", access=None):
    """Status and headers of the answer; 200 where the app itself was reached, 101 for its websocket."""
    reached, sent = [], []

    async def inner(scope, receive, send):
        reached.append(scope["path"])

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "websocket.connect"}

    headers = [(b"host", host.encode())] if host is not None else []
    headers += [(b"cookie", cookie.encode())] if cookie else []
    scope = {"type": kind, "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode()}
    scope |= {"headers": headers, "server": ("127.0.0.1", 8501), "scheme": "http" if kind == "http" else "ws"}
    door = AccessMiddleware(inner, access or Access(frozenset({"localhost", "lab.example"}), TOKEN))
    asyncio.run(door(scope, receive, send))
    if reached:
        return (200 if kind == "http" else 101), {}
    first = sent[0]
    if first["type"] == "websocket.close":
        return first["code"], {}
    return first["status"], {name.decode(): value.decode() for name, value in first["headers"]}


KNOWN = f"scapp_8501={TOKEN}"


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("host", "cookie", "welcome"),
    [
        ("localhost:8501", KNOWN, True),
        ("LAB.example.:8501", KNOWN, True),
        ("localhost:8501", None, False),
        ("localhost:8501", "scapp_8501=other", False),
        ("localhost:8501", f"scapp_8502={TOKEN}", False),
        ("attacker.example:8501", KNOWN, False),
        ("localhost.attacker.example:8501", KNOWN, False),
        ("localhost@attacker.example", KNOWN, False),
        ("localhost:x", KNOWN, False),
        ("", KNOWN, False),
        (None, KNOWN, False),
    ],
)
def test_only_a_known_name_and_token_get_in(kind, host, cookie, welcome):
    status, _ = ask("/_stcore/stream", host=host, cookie=cookie, kind=kind)
    assert (status in (200, 101)) == welcome
    assert welcome or status in (403, 421, 1008)


@pytest.mark.parametrize("path", ["/", "/media/a.png", "/_stcore/upload_file/x/y", "/component/x", "/static/js/a.js"])
def test_every_address_asks_for_the_token(path):
    assert ask(path)[0] == 403
    assert ask(path, cookie=KNOWN)[0] == 200
    assert ask(path, host="attacker.example", cookie=KNOWN)[0] == 421


def test_the_token_in_an_address_is_exchanged_for_a_cookie_and_leaves_the_address():
    status, headers = ask("/map", query=f"dataset=a%26b&token={TOKEN}")
    assert status == 303
    assert headers["location"] == "/map?dataset=a%26b"
    assert {"HttpOnly", "SameSite=lax"} <= set(headers["set-cookie"].split("; "))
    assert headers["set-cookie"].startswith(KNOWN)
    assert ask("/", query="token=wrong")[0] == 403
    assert ask("/", query=f"token={TOKEN}", method="POST")[0] == 403
    assert ask("/_stcore/stream", query=f"token={TOKEN}", kind="websocket")[0] == 1008
    assert ask("//attacker.example/x", query=f"token={TOKEN}")[1]["location"] == "/attacker.example/x"


def test_health_needs_no_token_but_a_known_name():
    assert ask("/_stcore/health")[0] == 200
    assert ask("/_stcore/health", host="attacker.example")[0] == 421


def test_what_a_deployment_decides():
    first, second = (access_of(Environment(token="", hosts="")) for _ in range(2))
    assert len(first.token) >= 32
    assert first.token != second.token
    chosen = access_of(Environment(token="mine", hosts="Lab.example , x.example."))
    assert chosen.token == "mine"
    assert all(chosen.answers_to(name) for name in ("lab.example", "x.example:80", "[::1]:8501"))
    free = access_of(Environment(token="off", hosts=""))
    assert ask("/", access=free)[0] == 200
    assert ask("/", host="attacker.example", access=free)[0] == 421
