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
        message="Reading this file took longer than an import may (SCAPP_IMPORT_MINUTES), and was ended.",
        hint="If the file is sound, save it as .h5ad, which is read fastest, or let the limit be raised.",
        resumable=False,
    )
