"""Progress on a terminal: one line on stderr, with the time that is left."""

import sys
import time


def clock(seconds):
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    return f"{minutes}:{seconds:02d}"


class Progress:
    """show(done, of, text): done and of in any unit. Silent where stderr is no terminal, or when quiet."""

    def __init__(self, title, quiet=False):
        self.title, self.shown = title, sys.stderr.isatty() and not quiet
        self.start = self.last = time.monotonic()

    def show(self, done, of, text=""):
        now = time.monotonic()
        if not self.shown or (now - self.last < 0.2 and done < of):
            return
        self.last = now
        left = (now - self.start) * (of - done) / max(done, 1e-9)
        sys.stderr.write(f"\r\033[K{self.title} {100 * done / max(of, 1):.0f} %, {clock(left)} left  {text}"[:150])
        sys.stderr.flush()

    def finish(self):
        if self.shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
