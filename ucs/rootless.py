"""PostgreSQL refuses to run as root: start it as an ordinary user when we are root (containers, CI).

The user is `nobody`, made by no one. Folders that this user can't pass (a private home with the
installation in it) stay as they are: the process gets the one capability that lets it pass instead.
"""

import os
import pwd
import shutil
import signal
import stat
from pathlib import Path

from ucs import child
from ucs.datafolder import StartError

USER = "nobody"


def command(program: list[str], signal_number: int, *needed: Path) -> list[str]:
    """The command line of `program` for an ordinary user, bound to the life of this process.

    `needed` are the paths the program must reach. Raises StartError when root can't become another user.
    """
    if os.geteuid() != 0:
        return child.command(program, signal_number)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise StartError("PostgreSQL doesn't run as root: start the product as an ordinary user.")
    user = pwd.getpwnam(USER)
    become = [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    become += ["--pdeathsig", signal.Signals(signal_number).name.removeprefix("SIG")]
    if not all(reachable(path) for path in needed):
        become += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return child.command([*become, "--", *program], signal_number)


def give(folder: Path) -> None:
    """Make the ordinary user the owner of a folder of ours."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER)
        os.chown(folder, user.pw_uid, user.pw_gid)


def reachable(path: Path) -> bool:
    """Whether everybody may pass all folders above a path."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)
