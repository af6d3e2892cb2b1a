"""Progress on stderr: on a terminal one line, with the time that is left; elsewhere a line a minute."""

import sys
import time


def clock(seconds):
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    return f"{minutes}:{seconds:02d}"


class Progress:
    """show(done, of, text): done and of in any unit. Silent when quiet."""

    def __init__(self, title, quiet=False):
        self.title, self.shown, self.terminal = title, not quiet, sys.stderr.isatty()
        self.start = self.last = time.monotonic()

    def show(self, done, of, text=""):
        now = time.monotonic()
        if not self.shown or now - self.last < (0.2 if self.terminal and done < of else 0.0 if self.terminal else 60.0):
            return
        self.last = now
        left = (now - self.start) * (of - done) / max(done, 1e-9)
        line = f"{self.title}  {text}" if done <= 0 else f"{self.title} {100 * done / max(of, 1):.0f} %, {clock(left)} left  {text}"
        sys.stderr.write(f"\r\033[K{line}"[:150] if self.terminal else line + "\n")
        sys.stderr.flush()

    def finish(self):
        if self.shown and self.terminal:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
