"""Makes a temporary folder, and removes it when the process that asked for it ends, however it ends.

Run as a script by a bare interpreter (``python -I -S janitor.py FOLDER SECONDS``): only another process can clean up
after one that is killed without a chance. SIGINT, SIGTERM and SIGHUP do not end it.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import tempfile
import time

GOODBYE = b"done"  # last words of a user who has ended all that could write; the mere end of input says it was killed
REMOVE_S = 30.0  # how long to try, while what is being ended may still write
LOOK_S = 0.05


def keep(below: str, watch_s: float) -> None:
    """Make a folder in the folder ``below``, and remove it when standard input ends.

    Without a GOODBYE this goes on for ``watch_s`` seconds, since somebody who has not ended yet can make it again.
    Tells on standard output ``=PATH`` or ``!WHY NOT``, with a null byte at the end.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    try:
        # Made here and not by the user, who could be killed before anyone knows of the folder.
        folder = tempfile.mkdtemp(prefix="orchestrator-verify-", dir=below)
    except OSError as error:
        os.write(1, os.fsencode(f"!{error}\0"))
        return
    try:
        os.write(1, os.fsencode(f"={folder}\0"))
        said = sys.stdin.buffer.read()
    except BrokenPipeError:  # killed already
        said = b""
    if said != GOODBYE:
        until = time.monotonic() + watch_s
        while time.monotonic() < until:
            remove_folder(folder, 0.0)
            time.sleep(LOOK_S)
    remove_folder(folder, REMOVE_S)


def remove_folder(folder: str, seconds: float) -> str:
    """Empty when the folder is gone, else why it could not be removed in so many seconds.

    Modes of folders do not matter, nor how deep they are; links are removed and not followed. It is tried again
    while there is time, because a process that is just being ended may still write.
    """
    until = time.monotonic() + seconds
    while os.path.lexists(folder):
        problem = _remove(folder)
        if problem is None:
            break
        if time.monotonic() >= until:
            return str(problem)
        time.sleep(LOOK_S)
    return ""


def _remove(top: str) -> OSError | None:
    """Remove all that can be removed; the last thing that was in the way.

    Folders are moved up to ``top`` before they are emptied, so that no path gets too long for the system.
    """
    problem = None
    numbers = itertools.count(time.monotonic_ns())
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            os.chmod(folder, 0o700)
            with os.scandir(folder) as found:
                entries = list(found)
        except OSError as error:
            problem = error
            continue
        for entry in entries:
            try:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                    continue
                place = entry.path
                if folder != top:
                    os.chmod(place, 0o700)  # moving a folder changes what it says of its parent
                    place = os.path.join(top, f".{next(numbers)}")
                    os.rename(entry.path, place)
                folders.append(place)
            except OSError as error:
                problem = error
        if folder != top:
            problem = _remove_empty(folder) or problem
    return _remove_empty(top) or problem


def _remove_empty(folder: str) -> OSError | None:
    try:
        os.rmdir(folder)
    except OSError as error:
        return error
    return None


if __name__ == "__main__":
    keep(sys.argv[1], float(sys.argv[2]))
