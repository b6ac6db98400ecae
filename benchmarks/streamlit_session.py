"""A browser of the app without a screen: it joins a class, and speaks Streamlit's protocol over a websocket."""

import re
import time
from typing import Any
from urllib.parse import urlsplit

import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

MEDIA = re.compile(rb"/media/[0-9a-f]+\.[a-z0-9]+")
WIDGETS = ("button", "radio", "slider", "number_input", "selectbox", "text_area", "text_input", "checkbox")


class ScreenlessBrowser:
    """One browser with its cookie.

    Parameters
    ----------
    address
        Of the app, such as ``http://localhost:8501``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = requests.Session()

    def join(self, code: str) -> None:
        """Give the code of a class."""
        answer = self.http.post(f"{self.address}/", data={"code": code}, allow_redirects=False)
        assert answer.status_code == 303, answer.text

    def knows(self, token: str) -> None:
        """Give the token."""
        self.http.get(f"{self.address}/", params={"token": token}, allow_redirects=False)

    @property
    def secret(self) -> str:
        """What it is known by."""
        return next(str(value) for name, value in self.http.cookies.items() if name.startswith("scapp_"))

    @property
    def cookies(self) -> str:
        """As they stand in a header."""
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())

    def open(self, page: str, query: str = "", *, session: str = "") -> "ScreenlessPage":
        """Open a page in a tab.

        Parameters
        ----------
        page, query
            As in the address.
        session
            Id of a session that is asked for, as after a broken connection.
        """
        return ScreenlessPage(self, page, query, session)


class ScreenlessPage:
    """A tab: what it shows, its widgets by label, and the parts of it that are drawn anew by themselves."""

    def __init__(self, browser: ScreenlessBrowser, page: str, query: str, session: str) -> None:
        host = urlsplit(browser.address).netloc
        protocols = ["streamlit", "none", *([session] if session else [])]
        self.browser, self.page, self.query = browser, page, query
        self.socket: ClientConnection = connect(
            f"ws://{host}/_stcore/stream",
            subprotocols=protocols,  # type: ignore[arg-type]
            additional_headers={"Cookie": browser.cookies},
            max_size=None,
            open_timeout=60,
        )
        self.session = ""
        self.said = b""
        self.widgets: dict[str, Any] = {}
        self.downloads: dict[str, str] = {}
        self._script = ""
        self._chosen: dict[str, WidgetState] = {}
        self._timers: dict[str, float] = {}
        self.rerun()

    def rerun(self, **values: Any) -> float:
        """Let the page be drawn, after some widgets were given values; the seconds that it took.

        Parameters
        ----------
        values
            Label of a widget -> its value; for a button True, for a radio or a list the position, or what is typed.
        """
        message = self._request()
        for label, value in values.items():
            kind, proto = self.widgets[label]
            if kind == "button":
                message.rerun_script.widget_states.widgets.add(id=proto.id, trigger_value=True)
            else:
                self._choose(kind, proto, value)
        message.rerun_script.widget_states.widgets.extend(self._chosen.values())
        self.said, self.widgets, self.downloads = b"", {}, {}
        self._timers = {}
        return self._exchange(message)

    def rest(self, seconds: float) -> list[float]:
        """Let time go by as in a browser that is looked at; the seconds that each part took that was drawn anew."""
        end = time.monotonic() + seconds
        took: list[float] = []
        due = {id: time.monotonic() + interval for id, interval in self._timers.items()}
        while due:
            id = min(due, key=due.__getitem__)
            if due[id] >= end:
                break
            time.sleep(max(due[id] - time.monotonic(), 0))
            took.append(self._draw_part(id))
            due = {
                other: due.get(other, time.monotonic()) if other != id else time.monotonic() + interval
                for other, interval in self._timers.items()
            }
        time.sleep(max(end - time.monotonic(), 0))
        return took

    def promised(self, id: str, *, session: str | None = None) -> str:
        """Address of a file that is made now; empty where the server does not make it.

        Parameters
        ----------
        id
            As in ``downloads``.
        session
            That it is asked for in the name of; None for that of the page.
        """
        message = BackMsg()
        asked = message.backend_operation_request
        asked.request_id, asked.deferred_file.file_id = "1", id
        asked.session_id = self.session if session is None else session
        self.socket.send(message.SerializeToString())
        while True:
            forward = ForwardMsg.FromString(self._receive(30))
            if forward.WhichOneof("type") == "backend_operation_response":
                return forward.backend_operation_response.deferred_file.url

    @property
    def media(self) -> set[str]:
        """Addresses of the files that it was offered."""
        return {found.decode() for found in MEDIA.findall(self.said)}

    def close(self) -> None:
        """Close the tab."""
        self.socket.close()

    def _request(self) -> BackMsg:
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string, asked.page_name, asked.page_script_hash = self.query, self.page, self._script
        return message

    def _choose(self, kind: str, proto: Any, value: Any) -> None:
        """Give a widget a value, in the field that Streamlit reads for its kind."""
        state = self._chosen[proto.id] = WidgetState(id=proto.id)
        if kind in ("radio", "selectbox"):
            state.string_value = value if isinstance(value, str) else proto.options[value]
        elif kind == "slider" and proto.options:
            state.string_array_value.data.append(proto.options[value])
        elif kind == "slider":
            state.double_array_value.data.append(value)
        elif kind == "number_input":
            state.double_value = value
        elif kind == "checkbox":
            state.bool_value = value
        else:
            state.string_value = value

    def _draw_part(self, id: str) -> float:
        message = self._request()
        message.rerun_script.fragment_id, message.rerun_script.is_auto_rerun = id, True
        message.rerun_script.widget_states.widgets.extend(self._chosen.values())
        return self._exchange(message)

    def _exchange(self, message: BackMsg) -> float:
        """Ask for something to be drawn, until it is; the seconds that it took."""
        began = time.perf_counter()
        self.socket.send(message.SerializeToString())
        while True:
            said = self._receive(120)
            forward = ForwardMsg.FromString(said)
            kind = forward.WhichOneof("type")
            if kind != "script_finished":
                self._take(said, forward)
            elif forward.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return time.perf_counter() - began

    def _receive(self, seconds: float) -> bytes:
        said = self.socket.recv(timeout=seconds)
        assert isinstance(said, bytes)
        return said

    def _take(self, said: bytes, forward: ForwardMsg) -> None:
        self.said += said
        kind = forward.WhichOneof("type")
        if kind == "new_session":
            self.session = forward.new_session.initialize.session_id
        elif kind == "navigation":
            self._script = forward.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.query = forward.page_info_changed.query_string
        elif kind == "auto_rerun":
            self._timers[forward.auto_rerun.fragment_id] = forward.auto_rerun.interval
        elif kind == "stop_auto_rerun":
            for id in forward.stop_auto_rerun.fragment_ids:
                self._timers.pop(id, None)
        elif kind == "delta" and forward.delta.WhichOneof("type") == "new_element":
            element: Element = forward.delta.new_element
            which = str(element.WhichOneof("type"))
            if which in WIDGETS:
                self.widgets[getattr(element, which).label] = (which, getattr(element, which))
            elif which == "download_button" and element.download_button.deferred_file_id:
                self.downloads[element.download_button.label] = element.download_button.deferred_file_id
