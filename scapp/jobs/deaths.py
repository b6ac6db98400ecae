"""What a process that ended without an answer died of."""

import signal

from scapp.workspace.runs.run import Failure

CRASHES = (-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGFPE, -signal.SIGILL)


def death(returncode: int, step: str) -> Failure:
    """What a dead process's exit code says.

    Parameters
    ----------
    returncode
        As ``subprocess`` gives it: minus the signal for a process that one ended.
    step
        What it was doing.
    """
    if step == "import" and returncode in CRASHES:
        # carrying on would read the same bytes again
        return Failure(
            message=f"This file is damaged: the program that read it crashed (signal {-returncode}).",
            hint="Copy or download the file again, compare its size with the original, and import it once more.",
            resumable=False,
        )
    if step == "import" and returncode == -signal.SIGXCPU:
        return too_slow()
    if returncode == -signal.SIGKILL:
        return Failure(
            message="The worker was killed (signal 9). The usual cause is that the computer ran out of memory.",
            hint=(
                "Close other programs or use fewer genes or cells, then click 'Resume' to go on from the last"
                " checkpoint."
            ),
        )
    how = f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
    return Failure(
        message=f"The worker ended unexpectedly ({how}).", hint="Look at the log below, then click 'Resume'."
    )


def too_slow() -> Failure:
    """Reading a file took longer than an import may."""
    return Failure(
        message="Reading this file made no progress for longer than a sound file of its size needs, and was ended.",
        hint=(
            "It is damaged, or on a very slow disk: copy or download it again. What is large is read fastest as .h5ad;"
            " SCAPP_IMPORT_MINUTES allows more time."
        ),
        resumable=False,
    )


def took_too_long(minutes: float) -> Failure:
    """A run of a class took longer than its browsers may."""
    return Failure(
        message=f"This run was ended after {minutes:g} minutes, the most that a run of this class may take.",
        hint="Use fewer cells or epochs; what was reached by then can be resumed from its last checkpoint.",
    )
