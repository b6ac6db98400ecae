"""Host and token are checked for every kind of connection, without a server."""

import asyncio

import pytest

from scapp.core.environment import Environment
from scapp.core.errors import ConfigError
from scapp.ui.kit import access as module
from scapp.ui.kit.access import OWNER_HEADER, Access, AccessMiddleware, access_of
from scapp.ui.kit.owners import HOLDER
from scapp.workspace.classroom import Classroom, Limits

TOKEN = "t0ken"


def ask(path="/", *, host="localhost:8501", cookie=None, query="", kind="http", method="GET", access=None, **more):
    """Status and headers of the answer; 200 where the app itself was reached, 101 for its websocket, and then as whom.

    ``more`` holds a ``body`` and what a browser says of itself (``claims``).
    """
    reached, sent = [], []

    async def inner(scope, receive, send):
        reached.append([value.decode() for name, value in scope["headers"] if name == OWNER_HEADER])

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request" if kind == "http" else "websocket.connect", "body": more.get("body", b"")}

    headers = [(b"host", host.encode())] if host is not None else []
    headers += [(name.encode(), value.encode()) for name, value in more.get("says", ())]
    headers += [(OWNER_HEADER, claimed.encode()) for claimed in more.get("claims", ())]
    headers += [(b"cookie", cookie.encode())] if cookie else []
    scope = {"type": kind, "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode()}
    scope |= {"headers": headers, "server": ("127.0.0.1", 8501), "scheme": "http" if kind == "http" else "ws"}
    door = AccessMiddleware(inner, access or Access(frozenset({"localhost", "lab.example"}), TOKEN))
    asyncio.run(door(scope, receive, send))
    if reached:
        return (200 if kind == "http" else 101), reached[0]
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


@pytest.fixture
def class_access(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WRONG_CODE_SECONDS", 0.0)
    room = Classroom(tmp_path)
    room.begin("abc-def", 1.0, Limits(seats=2))
    return Access(frozenset({"localhost"}), TOKEN, room)


def join(access, code=b"abc-def", path="/", **options):
    return ask(path, method="POST", body=b"code=" + code, access=access, **options)


def secret_of(headers):
    return headers["set-cookie"].split(";")[0].split("=")[1]


def test_who_is_let_in_is_named_whatever_a_browser_says_of_itself(class_access):
    for claims in ((), ("holder",), ("holder", "0" * 32)):
        assert ask(cookie=KNOWN, access=class_access, claims=claims) == (200, [HOLDER])
        assert ask(cookie=KNOWN, claims=claims) == (200, [HOLDER])
        assert ask(access=Access(frozenset({"localhost"}), ""), claims=claims) == (200, [HOLDER])
        assert ask("/_stcore/health", access=class_access, claims=claims) == (200, [])
        assert ask(access=class_access, claims=claims)[0] == 403
    _, headers = join(class_access)
    member = class_access.classroom.members()[0]
    cookie = f"scapp_8501={secret_of(headers)}"
    for kind in ("http", "websocket"):
        path = "/_stcore/stream" if kind == "websocket" else "/"
        assert ask(path, cookie=cookie, access=class_access, kind=kind, claims=("holder",))[1] == [member.id]


def test_the_code_of_a_class_is_exchanged_for_a_secret_of_ones_own(class_access):
    for wrong in (b"", b"abc", b"abc-deg", b"%00", b"x" * 5000):
        assert join(class_access, wrong)[0] == 403
    assert ask("/", query="code=abc-def", access=class_access)[0] == 403, "a link alone joins nothing"
    foreign = [[("origin", "http://evil.example")], [("origin", "null")], [("sec-fetch-site", "cross-site")]]
    for says in foreign:
        assert join(class_access, says=says)[0] == 403, "another site would give the browser another identity"
    assert class_access.classroom.members() == []
    own = [("origin", "http://localhost:8501"), ("sec-fetch-site", "same-origin")]
    status, headers = join(class_access, b"ABC+def", "/teach", says=own, query="lesson=maps&code=abc-def&token=x")
    assert (status, headers["location"]) == (303, "/teach?lesson=maps")
    kept = dict(part.partition("=")[::2] for part in headers["set-cookie"].split("; ")[1:])
    assert {"HttpOnly", "SameSite"} <= set(kept)
    assert 3500 < int(kept["Max-Age"]) <= 3600, "a browser that was closed knows it until the class ends"
    other = join(class_access)[1]
    assert secret_of(headers) != secret_of(other)
    assert len(secret_of(headers)) >= 40
    assert join(class_access)[0] == 403, "two seats"
    class_access.classroom.close()
    assert ask(cookie=f"scapp_8501={secret_of(headers)}", access=class_access)[0] == 403


def test_who_holds_the_class_may_have_joined_it_first(class_access):
    cookie = f"scapp_8501={secret_of(join(class_access)[1])}"
    status, headers = ask("/teach", cookie=cookie, query=f"token={TOKEN}", access=class_access)
    assert (status, headers["location"], secret_of(headers)) == (303, "/teach", TOKEN)
    assert ask("/teach", cookie=cookie, query="token=wrong", access=class_access)[0] == 200
    assert ask("/teach", cookie=KNOWN, query="code=abc-def", access=class_access) == (200, [HOLDER])


def test_a_member_reaches_pages_and_nothing_that_is_anothers_or_the_servers(class_access):
    cookie = f"scapp_8501={secret_of(join(class_access)[1])}"

    def status(path, **options):
        return ask(path, cookie=cookie, access=class_access, **options)[0]

    assert [status(path) for path in ("/", "/map", "/static/js/a.js", "/_stcore/host-config")] == [200] * 4
    refused = ["metrics", "script-health-check", "upload_file/x/y", "agent/schema", "anything"]
    assert [status(f"/_stcore/{path}") for path in refused] == [403] * 5
    assert status("/media/0123.png") == 403
    class_access.media._owners["0123"] = {class_access.classroom.members()[0].id}
    assert status("/media/0123.png") == 200
    assert ask("/media/0123.png", cookie=KNOWN, access=class_access)[0] == 403


def test_a_damaged_class_and_a_broken_form_are_said_and_the_holder_goes_on(class_access):
    cookie = f"scapp_8501={secret_of(join(class_access)[1])}"
    (class_access.classroom.folder / "class.json").write_text("{")
    assert ask(cookie=cookie, access=class_access)[0] == 503
    assert join(class_access)[0] == 503
    assert ask(cookie=KNOWN, access=class_access)[0] == 200


def test_what_looks_like_a_path_is_not_one(class_access):
    assert ask("/_stcore/hea\tlth", access=class_access)[0] == 403
    assert ask("/_stcore/hea\tlth")[0] == 403
    for host in ("localhost:8501?", "localhost:8501#", "localhost:8501/", "x@localhost", "localhost\\x"):
        assert ask(host=host, cookie=KNOWN)[0] == 421


def test_a_class_needs_a_token_and_says_its_limits(tmp_path, monkeypatch):
    options = {}
    monkeypatch.setattr(module.config, "set_option", options.__setitem__)
    chosen = {"workspace": tmp_path, "mode": "class", "hosts": "", "class_code": "abc-def", "class_runs": 7}
    with pytest.raises(ConfigError, match="everybody would hold the class"):
        access_of(Environment(token="off", **chosen))
    room = access_of(Environment(token="", **chosen)).classroom
    assert room.register.limits.runs == 7
    assert options == {"server.maxUploadSize": 100}
