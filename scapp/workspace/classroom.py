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
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, Field, ValidationError

from scapp.core import files
from scapp.core.errors import ConfigError, DataError, count

FOLDER = "class"
_MEMBER = "member.json"
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what looks alike on a wall: i, l, o, 0, 1."""
SHORTEST_CODE, LONGEST_CODE = 6, 40
"""Letters and digits."""
UNUSED_SECONDS = 60.0
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
        That a run may take before it is ended; resumed, it may take them again.
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
                hint="Restore it from a backup. Without it the class is over, and its browsers' files are deleted.",
            ) from error

    @property
    def held(self) -> Register | None:
        """The class that is held and whose time is not up; None where there is none."""
        register = self.register
        return register if register is not None and register.ends > time.time() else None

    def begin(self, code: str, hours: float, limits: Limits) -> Register:
        """Go on with the class that is held, or begin another; what an ended one has left is deleted.

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
            The code is too short or too long, or a class with another code is held and somebody has joined it.
        DataError
            The file that says which class is held is damaged.
        """
        if code and not SHORTEST_CODE <= len(plain(code)) <= LONGEST_CODE:
            raise ConfigError(
                f"The code '{code[:LONGEST_CODE]}' has {len(plain(code))} letters and digits.",
                hint=f"Give one of {SHORTEST_CODE} to {LONGEST_CODE} (SCAPP_CLASS_CODE, --class).",
            )
        with self._lock():
            register = self.held
            if register is not None and code and not is_code(code, register.code):
                if n_joined := len(self._folders(register)):
                    raise ConfigError(
                        f"A class with the code {register.code} is held, and {count(n_joined, 'browser')} joined it.",
                        hint="Go on with it (no code, or this one), end it on its board, or choose another workspace.",
                    )
                register = None
            if register is None:
                self._delete_folders(None)
                code = code or _fresh_code()
                register = Register(id=secrets.token_hex(8), code=code, ends=time.time() + 3600 * hours, limits=limits)
                (self.folder / register.id).mkdir()
            register = register.model_copy(update={"limits": limits})
            self._write(register)
        return register

    def close(self) -> list[Path]:
        """End the class: from now on nobody is a member. The folders that were theirs, which ``tidy`` deletes."""
        with self._lock():
            register = self.register
            self._file.unlink(missing_ok=True)
            return list(self._folders(register).values()) if register is not None else []

    @property
    def is_over(self) -> bool:
        """Whether a class has ended by its time, and what it left is still there."""
        return self.register is not None and self.held is None

    def join(self, secret: str) -> Member:
        """Give a browser a workspace.

        Parameters
        ----------
        secret
            What only this browser knows from now on; it is not kept.

        Raises
        ------
        ConfigError
            All seats are taken by browsers that have opened a page.
        DataError
            No class is held.
        """
        with self._lock():
            register = self._held_or_refuse()
            taken = self._folders(register)
            if len(taken) >= register.limits.seats:
                taken = self._without_unused(taken)
            if len(taken) >= register.limits.seats:
                raise ConfigError(
                    f"All {register.limits.seats} seats of this class are taken.",
                    hint="Whoever holds the class can start scapp with more (SCAPP_CLASS_SEATS).",
                )
            number = 1 + max((each.number for each in self._read(taken)), default=0)
            member = Member(id=member_id(secret), number=number)
            folder = self.folder / register.id / member.id
            folder.mkdir()
            files.write_json(folder / _MEMBER, member.model_dump(mode="json"))
        return member

    def known(self, secret: str) -> str | None:
        """Id of the member whose browser knows a secret; None where nobody's does."""
        id = member_id(secret)
        return id if self.workspace(id) is not None else None

    def workspace(self, id: str) -> Path | None:
        """A member's workspace; None for who is not, or no longer, a member.

        Raises
        ------
        DataError
            The file that says which class is held is damaged; so for all that follow.
        """
        register = self.held
        if register is None or not _ID.fullmatch(id):
            return None
        folder = self.folder / register.id / id
        return folder if (folder / _MEMBER).exists() else None

    def member(self, id: str) -> Member | None:
        """A member by its id; None for who is not, or no longer, a member."""
        folder = self.workspace(id)
        return next(self._read({id: folder}), None) if folder is not None else None

    def members(self) -> list[Member]:
        """Who has joined, in order; one whose record is damaged is left out."""
        register = self.held
        folders = self._folders(register) if register is not None else {}
        return sorted(self._read(folders), key=lambda member: member.number)

    def workspaces(self) -> list[Path]:
        """Those of all members."""
        register = self.held
        return list(self._folders(register).values()) if register is not None else []

    def show(self, shown: Shown | None) -> None:
        """Show one member's work to everybody, or nothing."""
        with self._lock():
            self._write(self._held_or_refuse().model_copy(update={"shown": shown}))

    def tidy(self) -> None:
        """Delete what classes that have ended have left, such as a folder that somebody was writing to."""
        if self.folder.exists():
            with self._lock():
                self._delete_folders(self.register)

    def _held_or_refuse(self) -> Register:
        register = self.held
        if register is None:
            raise DataError("No class is held any more.", hint="Ask whoever holds it for the next one.")
        return register

    def _folders(self, register: Register) -> dict[str, Path]:
        """Id of each browser that has joined -> its workspace."""
        found = sorted((self.folder / register.id).glob(f"*/{_MEMBER}"))
        return {path.parent.name: path.parent for path in found}

    def _read(self, folders: dict[str, Path]) -> Iterator[Member]:
        for folder in folders.values():
            try:
                yield Member.model_validate(files.read_json(folder / _MEMBER))
            except FileNotFoundError:
                pass  # the class was ended a moment ago
            except ValueError as error:
                logger.warning("the record of a member in '%s' is damaged: %s", folder, error)

    def _without_unused(self, folders: dict[str, Path]) -> dict[str, Path]:
        """Free the seats of browsers that joined a while ago and never opened a page; who is left."""
        kept = {}
        for id, folder in folders.items():
            record = folder / _MEMBER
            if list(folder.iterdir()) == [record] and time.time() - record.stat().st_mtime > UNUSED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                kept[id] = folder
        return kept

    def _delete_folders(self, register: Register | None) -> None:
        """Those of all classes but one."""
        for path in self.folder.iterdir():
            if path.is_dir() and (register is None or path.name != register.id):
                shutil.rmtree(path, ignore_errors=True)

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


def limits_of(workspace: Path) -> Limits | None:
    """What a workspace may use; None where that is not limited: for all but a member's."""
    classroom = class_of(workspace)
    register = classroom.register if classroom is not None else None
    return register.limits if register is not None else None


def plain(code: str) -> str:
    """A code as it is compared: in small letters, without what separates its parts."""
    return "".join(character for character in unicodedata.normalize("NFKC", code).lower() if character.isalnum())


def is_code(given: str, code: str) -> bool:
    """Whether somebody knows a code, however it was typed; compared in constant time."""
    return secrets.compare_digest(plain(given).encode(), plain(code).encode())


def _fresh_code() -> str:
    """Six characters in two parts, about nine hundred million."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(3)) for _ in range(2))


def member_id(secret: str) -> str:
    """Id of whose browser knows a secret: a folder's name says nothing of what opens it."""
    return hashlib.sha256(secret.encode()).hexdigest()[:32]
