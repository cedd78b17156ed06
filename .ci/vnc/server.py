"""A vnc-server, started for a test."""

import pathlib
import queue
import re
import subprocess
import tempfile
import threading
import time

ADDRESS = re.compile(r"serving VNC on 127\.0\.0\.1:(\d+)")


class Server:
    """The running program, with its virtual target unless the options say otherwise; a context manager."""

    def __init__(self, program, *options, security=("--no-authentication",)):
        self._folder = tempfile.TemporaryDirectory(prefix="kvm-vnc-")
        self._text = pathlib.Path(self._folder.name) / "target.txt"
        if "--replay" not in options:
            options += ("--target-text", str(self._text))
        self._process = subprocess.Popen(
            [program, "--listen", "127.0.0.1:0", *security, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines = queue.Queue()
        # Somebody has to read on, or the program would stop at a full pipe.
        threading.Thread(target=self._read, daemon=True).start()
        self.said = []
        self.port = self._await_port(seconds=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            if self._process.wait(timeout=10) != 0:
                raise RuntimeError(f"the server ended with {self._process.returncode}")
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            self._folder.cleanup()

    def target(self):
        """What stands on the virtual target's screen."""
        return self._text.read_text() if self._text.exists() else ""

    def await_target(self, wanted, seconds=10):
        """Waits until this stands there."""
        end = time.monotonic() + seconds
        while wanted not in self.target():
            if time.monotonic() > end:
                raise RuntimeError(f"{wanted!r} does not come; there stands:\n{self.target()}")
            time.sleep(0.02)

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _await_port(self, seconds):
        while True:
            try:
                line = self._lines.get(timeout=seconds)
            except queue.Empty:
                raise RuntimeError(f"no address within {seconds} s; it said: {self.said}") from None
            if line is None:
                raise RuntimeError(f"it ended; it said: {self.said}")
            self.said.append(line)
            if found := ADDRESS.search(line):
                return int(found[1])
