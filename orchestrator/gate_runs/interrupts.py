"""Signals that ask for an end, held back until there is time to clean up."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """A wish to end, told by one thread to others: then ``asked`` is set, and ``fd`` is readable from then on."""

    def __init__(self) -> None:
        """Nobody has asked yet; to be closed."""
        self.asked = False
        self.fd, self._write_fd = os.pipe()

    def ask(self) -> None:
        """Ask; once is enough."""
        if not self.asked:
            self.asked = True
            os.write(self._write_fd, b"\0")

    def forget_wakeup(self) -> None:
        """Nothing is forgotten: who else waits has still to be woken."""

    def close(self) -> None:
        """Nobody waits for it any more."""
        os.close(self.fd)
        os.close(self._write_fd)


class Interrupts:
    """While entered, SIGINT, SIGTERM and SIGHUP only set ``asked`` and make ``fd`` readable.

    At the end all is as it was, and KeyboardInterrupt is raised if one of them came. A signal that was ignored before
    stays ignored (nohup). Outside the main thread, where Python delivers no signals, nothing is changed. When a signal
    comes, ``stop`` is asked, at which other threads look.

    Raises:
        KeyboardInterrupt: on exit, if one of the signals came.
    """

    def __init__(self, stop: Stop | None = None) -> None:
        """Nothing is changed yet."""
        self.asked = False
        self._stop = stop
        self.fd = -1
        self._write_fd = -1
        self._old_fd = -1
        self._old: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        """Hold the signals back from now on."""
        self.fd, self._write_fd = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write_fd, False)
        if threading.current_thread() is threading.main_thread():
            self._old_fd = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
            for number in _NUMBERS:
                handler = signal.getsignal(number)
                if handler not in (signal.SIG_IGN, None):  # None: not set from Python, so it could not be put back
                    self._old[number] = handler
                    signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the handlers back, then tell of a signal that came."""
        for number, handler in self._old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # it came from getsignal
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self._old_fd)
        os.close(self.fd)
        os.close(self._write_fd)
        if self.asked:  # also if something else failed meanwhile: Git dies of the same Ctrl-C
            raise KeyboardInterrupt

    def forget_wakeup(self) -> None:
        """Empty ``fd``; whoever was woken looks at ``asked``."""
        os.read(self.fd, 4096)

    def _note(self, _number: int, _frame: object) -> None:
        self.asked = True
        if self._stop is not None:
            self._stop.ask()
