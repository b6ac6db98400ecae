"""A browser of the app without a screen: it joins a class, and speaks Streamlit's protocol over a websocket."""

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

MEDIA = re.compile(rb"/media/[0-9a-f]+\.[a-z0-9]+")
ANSWERS = ("backend_operation_response", "file_urls_response")
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
    """A tab: what it shows, and its widgets by label."""

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
        self.script = ""
        self.said = b""
        self.widgets: dict[str, Any] = {}
        self.downloads: dict[str, str] = {}
        self._chosen: dict[str, WidgetState] = {}
        self.rerun()

    def rerun(self, **values: Any) -> float:
        """Let the page be drawn, after some widgets were given values; the seconds that it took.

        Parameters
        ----------
        values
            Label of a widget -> its value; for a button True, for a radio or a list the position, or what is typed.
        """
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string = self.query
        asked.page_name = self.page
        asked.page_script_hash = self.script
        for label, value in values.items():
            kind, proto = self.widgets[label]
            state = self._chosen.setdefault(proto.id, WidgetState(id=proto.id))
            if kind == "button":
                asked.widget_states.widgets.add(id=self._chosen.pop(proto.id).id, trigger_value=True)
            elif kind in ("radio", "selectbox"):
                state.string_value = value if isinstance(value, str) else proto.options[value]
            elif kind == "slider":
                state.double_array_value.data.append(value)
            elif kind == "number_input":
                state.double_value = value
            elif kind == "checkbox":
                state.bool_value = value
            else:
                state.string_value = value
        asked.widget_states.widgets.extend(self._chosen.values())
        began = time.perf_counter()
        self.socket.send(message.SerializeToString())
        self.said, self.widgets, self.downloads = b"", {}, {}
        for said in self._until_finished():
            self._take(said)
        return time.perf_counter() - began

    def _until_finished(self, seconds: float = 120.0) -> Iterator[bytes]:
        end = time.monotonic() + seconds
        while True:
            said = self.socket.recv(timeout=max(end - time.monotonic(), 0.01))
            assert isinstance(said, bytes)
            yield said
            forward = ForwardMsg.FromString(said)
            if forward.WhichOneof("type") == "script_finished" and forward.script_finished in (
                ForwardMsg.FINISHED_SUCCESSFULLY,
                ForwardMsg.FINISHED_WITH_COMPILE_ERROR,
            ):
                return

    def _take(self, said: bytes) -> None:
        forward = ForwardMsg.FromString(said)
        self.said += said
        kind = forward.WhichOneof("type")
        if kind == "new_session":
            self.session = forward.new_session.initialize.session_id
        elif kind == "navigation":
            self.script = forward.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.query = forward.page_info_changed.query_string
        elif kind == "delta" and forward.delta.WhichOneof("type") == "new_element":
            element: Element = forward.delta.new_element
            which = element.WhichOneof("type")
            if which in WIDGETS:
                self.widgets[getattr(element, which).label] = (which, getattr(element, which))
            elif which == "download_button" and element.download_button.deferred_file_id:
                self.downloads[element.download_button.label] = element.download_button.deferred_file_id

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
            forward = ForwardMsg.FromString(self.socket.recv(timeout=30))  # type: ignore[arg-type]
            if forward.WhichOneof("type") in ANSWERS:
                return forward.backend_operation_response.deferred_file.url

    @property
    def media(self) -> set[str]:
        """Addresses of the files that it was offered."""
        return {found.decode() for found in MEDIA.findall(self.said)}

    def close(self) -> None:
        """Close the tab."""
        self.socket.close()
