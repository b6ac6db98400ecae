"""A class: a workspace for each browser that knows the code, below the workspace of whoever holds the class.

``class/class.json`` says which class is held; each of its members has a folder of its own, named by what only the
member's browser knows. Nobody can list the others, and who is not a member has no folder.
"""

import hashlib
import logging
import re
import secrets
import shutil
import time
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, Field, ValidationError

from scapp.core import files
from scapp.core.errors import ConfigError, DataError

FOLDER = "class"
_MEMBER = "member.json"
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what looks alike on a wall: i, l, o, 0, 1."""
_ID = re.compile(r"[0-9a-f]{32}")
logger = logging.getLogger(__name__)


class Limits(BaseModel, frozen=True):
    """What each browser of a class may use.

    Parameters
    ----------
    seats
        Browsers that may join.
    megabytes
        Of a workspace on disk.
    runs
        That wait or work at once.
    minutes
        That a run may take.
    """

    seats: int = Field(60, ge=1)
    megabytes: int = Field(500, ge=1)
    runs: int = Field(3, ge=1)
    minutes: float = Field(10.0, gt=0)


class Shown(BaseModel, frozen=True):
    """What a teacher shows to everybody: one member's work in one step of a lesson."""

    lesson: str
    step: str
    member: str


class Register(BaseModel, frozen=True):
    """A class that is held.

    Parameters
    ----------
    id
        Of the class.
    code
        What a browser must know to join.
    ends
        When everything in it is deleted, in seconds since 1970.
    limits
        For each browser.
    shown
        What the teacher shows at the moment.
    """

    id: str
    code: str
    ends: float
    limits: Limits = Limits()
    shown: Shown | None = None


class Member(BaseModel, frozen=True):
    """A browser that has joined: the name of its folder, and its number in order of joining."""

    id: str
    number: int


class Classroom:
    """The class below a workspace.

    Parameters
    ----------
    root
        The workspace of whoever holds the class.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.folder = self.root / FOLDER
        self._file = self.folder / "class.json"

    @property
    def register(self) -> Register | None:
        """The class that is held; None where there is none.

        Raises
        ------
        DataError
            The file that says so is damaged.
        """
        try:
            return Register.model_validate(files.read_json(self._file))
        except FileNotFoundError:
            return None
        except (ValueError, ValidationError) as error:
            raise DataError(
                "The file that says which class is held (class.json) is damaged.",
                hint="Whoever holds the class can delete the folder 'class' of the workspace and start scapp again.",
            ) from error

    def begin(self, code: str, hours: float, limits: Limits) -> Register:
        """Go on with the class that is held, if it has the code that is asked for, or begin another.

        Parameters
        ----------
        code
            Empty for that of the class that is held, or a fresh one.
        hours
            After which a class that begins now ends.
        limits
            From now on.

        Raises
        ------
        ConfigError
            The code is too short to keep anybody out.
        """
        if code and len(plain(code)) < 4:
            raise ConfigError(
                f"The code '{code}' is too short.", hint="Give SCAPP_CLASS_CODE at least four letters or digits."
            )
        with self._lock():
            held = self.register
            if held is not None and held.ends > time.time() and (not code or is_code(code, held.code)):
                register = held.model_copy(update={"limits": limits})
            else:
                register = self._begin_anew(code, hours, limits)
            self._write(register)
        return register

    def end(self, hours: float) -> Register:
        """Delete everything that its members have, and begin another class with a fresh code."""
        with self._lock():
            register = self._begin_anew("", hours, self._held().limits)
            self._write(register)
        return register

    def join(self, secret: str) -> Member:
        """Give a browser a workspace.

        Parameters
        ----------
        secret
            What only this browser knows from now on; it is not kept.

        Raises
        ------
        ConfigError
            All seats are taken.
        """
        with self._lock():
            register = self._held()
            taken = self.members()
            if len(taken) >= register.limits.seats:
                raise ConfigError(
                    f"All {register.limits.seats} seats of this class are taken.",
                    hint="Whoever holds the class can start scapp with more (SCAPP_CLASS_SEATS).",
                )
            member = Member(id=member_id(secret), number=1 + max((each.number for each in taken), default=0))
            folder = self.folder / register.id / member.id
            folder.mkdir()
            files.write_json(folder / _MEMBER, member.model_dump(mode="json"))
        return member

    def known(self, secret: str) -> str | None:
        """Id of the member whose browser knows a secret; None where nobody's does."""
        id = member_id(secret)
        return id if self.workspace(id) is not None else None

    def workspace(self, id: str) -> Path | None:
        """A member's workspace; None for who is not, or no longer, a member."""
        register = self.register
        if register is None or register.ends <= time.time() or not _ID.fullmatch(id):
            return None
        folder = self.folder / register.id / id
        return folder if (folder / _MEMBER).exists() else None

    def member(self, id: str) -> Member | None:
        """A member by its id; None for who is not, or no longer, a member."""
        folder = self.workspace(id)
        try:
            return None if folder is None else Member.model_validate(files.read_json(folder / _MEMBER))
        except FileNotFoundError:
            return None

    def members(self) -> list[Member]:
        """Who has joined, in order."""
        register = self.register
        if register is None:
            return []
        found = (self.member(path.parent.name) for path in (self.folder / register.id).glob(f"*/{_MEMBER}"))
        return sorted((member for member in found if member is not None), key=lambda member: member.number)

    def workspaces(self) -> list[Path]:
        """Those of all members, in order."""
        found = (self.workspace(member.id) for member in self.members())
        return [folder for folder in found if folder is not None]

    def show(self, shown: Shown | None) -> None:
        """Show one member's work to everybody, or nothing."""
        with self._lock():
            self._write(self._held().model_copy(update={"shown": shown}))

    def tidy(self) -> None:
        """Delete what a class that has ended has left, such as a folder that somebody was writing to at that moment."""
        with self._lock():
            register = self.register
            for path in self.folder.iterdir():
                if path.is_dir() and (register is None or path.name != register.id):
                    shutil.rmtree(path, ignore_errors=True)

    def _held(self) -> Register:
        register = self.register
        if register is None:
            raise DataError("No class is held.", hint="Start scapp for a class: scapp app --class.")
        return register

    def _begin_anew(self, code: str, hours: float, limits: Limits) -> Register:
        """Members are gone with the file that names their class; their folders follow."""
        self._file.unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
        register = Register(
            id=secrets.token_hex(8), code=code or _fresh_code(), ends=time.time() + 3600 * hours, limits=limits
        )
        (self.folder / register.id).mkdir()
        return register

    def _write(self, register: Register) -> None:
        files.write_json(self._file, register.model_dump(mode="json"))

    def _lock(self) -> FileLock:
        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / "class.lock", timeout=30)


def class_of(workspace: Path) -> Classroom | None:
    """The class to which a workspace belongs as a member's; None for any other."""
    if not (workspace / _MEMBER).exists():
        return None
    return Classroom(workspace.parent.parent.parent)


def plain(code: str) -> str:
    """A code as it is compared: in small letters, without what separates its parts."""
    return "".join(character for character in code.lower() if character.isalnum())


def is_code(given: str, code: str) -> bool:
    """Whether somebody knows a code, however it was typed; compared in constant time."""
    return secrets.compare_digest(plain(given).encode(), plain(code).encode())


def _fresh_code() -> str:
    """Six characters in two parts, about nine hundred million."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(3)) for _ in range(2))


def member_id(secret: str) -> str:
    """Id of whose browser knows a secret: a folder's name says nothing of what opens it."""
    return hashlib.sha256(secret.encode()).hexdigest()[:32]
