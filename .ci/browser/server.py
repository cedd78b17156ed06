"""A kvm-server with its virtual target, started for a test."""

import json
import queue
import re
import signal
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

from webdriver import DIRECT

ADDRESS = re.compile(r"(http://127\.0\.0\.1:(\d+))/\?token=\S+")


class Server:
    """The running program; `link` spends its one-time token."""

    def __init__(self, program, port=0, options=()):
        self._folder = tempfile.TemporaryDirectory(prefix="kvm-recordings-")
        self._process = subprocess.Popen(
            [program, "--listen", f"127.0.0.1:{port}", "--recordings", self._folder.name, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines = queue.Queue()
        # Somebody has to read on, or the program would stop at a full pipe.
        threading.Thread(target=self._read, daemon=True).start()
        self.said = []
        try:
            found = self._await_address(seconds=20)
        except Exception:
            self.kill()
            raise
        self.link, self.base, self.port = found[0], found[1], int(found[2])
        self.cookie = ""

    def get(self, path, cookie=True):
        """The status and body of an answer."""
        return self.ask("GET", path, headers={"Cookie": self.cookie} if cookie else {})[:2]

    def ask(self, method, path, body=None, headers=()):
        """The status, body and headers of the answer to a request."""
        request = urllib.request.Request(self.base + path, body, dict(headers), method=method)
        try:
            with DIRECT.open(request, timeout=20) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    def target(self):
        """What stands on the virtual target's screen."""
        status, body = self.get("/target/text")
        if status != 200:
            raise RuntimeError(f"/target/text answered {status}")
        return body.decode()

    def state(self):
        """What the server says of itself."""
        return json.loads(self.get("/state")[1])

    def freeze(self):
        """Stops the program from running, without closing anything."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def kill(self):
        """Ends the program as a crash does."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _await_address(self, seconds):
        while True:
            try:
                line = self._lines.get(timeout=seconds)
            except queue.Empty:
                raise RuntimeError(f"no address within {seconds} s; it said: {''.join(self.said)!r}") from None
            if line is None:
                raise RuntimeError(f"it ended; it said: {''.join(self.said)!r}")
            self.said.append(line)
            if found := ADDRESS.search(line):
                return found
