"""Whose pages show a file: pictures and downloads have an address of their own, which anybody could ask for."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

OWNER = "owner"
"""What a session's user is called by; see ``access``."""
MOST = 20_000
"""Files that are remembered: the oldest are forgotten first, and can no longer be asked for."""


class MediaOwners:
    """Remembers, of every file that pages offer, on whose pages it was.

    Streamlit names a file by its content and gives it to whoever knows the name.
    """

    def __init__(self) -> None:
        self._owners: OrderedDict[str, set[str]] = OrderedDict()
        self._later: OrderedDict[str, str] = OrderedDict()

    def watch(self, manager: MediaFileManager) -> None:
        """See to it that whatever is offered from now on is remembered."""
        # set as attributes of this one manager: Streamlit has no other way to be told of its files
        replaced = {
            "add": self._added(manager.add),
            "add_deferred": self._promised(manager.add_deferred),
            "execute_deferred": self._kept(manager.execute_deferred),
        }
        for name, function in replaced.items():
            setattr(manager, name, function)

    def may_read(self, owner: str, name: str) -> bool:
        """Whether a file was offered on one's own pages."""
        return owner in self._owners.get(_id(name), ())

    def _added(self, add: Callable[..., str]) -> Callable[..., str]:
        def added(*arguments: Any, **options: Any) -> str:
            address = add(*arguments, **options)
            self._remember(address, _present())
            return address

        return added

    def _promised(self, add_deferred: Callable[..., str]) -> Callable[..., str]:
        """A download that is made when it is asked for has an id until then."""

        def promised(*arguments: Any, **options: Any) -> str:
            id = add_deferred(*arguments, **options)
            self._later[id] = _present()
            _forget(self._later)
            return id

        return promised

    def _kept(self, execute_deferred: Callable[[str], str]) -> Callable[[str], str]:
        """It belongs to whom it was promised, whoever asks."""

        def kept(id: str) -> str:
            address = execute_deferred(id)
            self._remember(address, self._later.get(id, ""))
            return address

        return kept

    def _remember(self, address: str, owner: str) -> None:
        if owner:
            id = _id(address.rsplit("/", 1)[-1])
            self._owners.setdefault(id, set()).add(owner)
            self._owners.move_to_end(id)
            _forget(self._owners)


def _present() -> str:
    """Who sees the page that is being drawn."""
    context = get_script_run_ctx()
    return str(context.user_info.get(OWNER) or "") if context is not None else ""


def _id(name: str) -> str:
    return name.split(".", 1)[0]


def _forget(remembered: OrderedDict[str, Any]) -> None:
    while len(remembered) > MOST:
        remembered.popitem(last=False)
