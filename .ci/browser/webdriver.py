"""A headless Chromium, driven over WebDriver's HTTP protocol (https://www.w3.org/TR/webdriver2/)."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
]

# Code points that WebDriver gives to keys that write nothing (17.4.2, "Keyboard actions").
KEYS = {
    "Enter": "\ue007",
    "Shift": "\ue008",
    "Control": "\ue009",
    "Alt": "\ue00a",
    "Escape": "\ue00c",
    "ArrowUp": "\ue013",
    "ArrowDown": "\ue015",
    "Delete": "\ue017",
}


# Whatever proxy the surroundings name, the driver is on this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# What a US keyboard writes with Shift, and the key that writes it.
SHIFTED = dict(zip('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./"))


class WebDriverError(Exception):
    """A command that the driver refused, or a browser that did not start."""


class Browser:
    """One browser of its own profile; windows share their cookies."""

    def __init__(self, width=1440, height=900, flags=()):
        self._profile = tempfile.mkdtemp(prefix="kvm-browser-")
        self.downloads = tempfile.mkdtemp(prefix="kvm-downloads-")
        self._driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._session = None
        try:
            self._base = f"http://127.0.0.1:{self._port()}"
            options = {
                "binary": shutil.which("chromium"),
                "args": [*FLAGS, *flags, f"--window-size={width},{height}", f"--user-data-dir={self._profile}"],
                "prefs": {"download.default_directory": self.downloads},
            }
            capabilities = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            answer = self._request("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
            self._session = answer["sessionId"]
        except Exception:
            self.close()
            raise

    def close(self):
        """Ends the browser and the driver, and removes the profile."""
        if self._session:
            try:
                self._request("DELETE", f"/session/{self._session}")
            except (WebDriverError, OSError):
                pass  # A browser that is gone already has nothing to be ended.
        self._driver.terminate()
        self._driver.wait()
        for folder in (self._profile, self.downloads):
            shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def open(self, url):
        self._command("POST", "/url", {"url": url})

    def new_window(self, kind="window"):
        """Opens another window and gives its handle; the current one stays the same."""
        return self._command("POST", "/window/new", {"type": kind})["handle"]

    @property
    def window(self):
        return self._command("GET", "/window")

    def switch_to(self, handle):
        self._command("POST", "/window", {"handle": handle})

    def close_window(self):
        self._command("DELETE", "/window")

    def resize(self, width, height):
        self._command("POST", "/window/rect", {"width": width, "height": height})

    def run(self, script, *arguments):
        """Runs the body of a function in the page and gives what it returns; awaits a promise."""
        return self._command("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        return self._command("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self._command("POST", f"/element/{self.find(selector)}/click", {})

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def fill(self, selector, text):
        self._command("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def data(self, selector, name):
        return self.run("return document.querySelector(arguments[0]).dataset[arguments[1]]", selector, name)

    def visible(self, selector):
        return self.run("return document.querySelector(arguments[0]).checkVisibility()", selector)

    def screenshot(self, selector=None):
        """A PNG of the window, or of one element."""
        path = f"/element/{self.find(selector)}/screenshot" if selector else "/screenshot"
        return base64.b64decode(self._command("GET", path))

    def cookies(self):
        """The cookies of the page as a header line."""
        return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in self._command("GET", "/cookie"))

    def console(self):
        """What the console has been told since the last time it was asked."""
        return self._command("POST", "/se/log", {"type": "browser"})

    def devtools(self, command, **parameters):
        """Sends a command of the DevTools protocol."""
        return self._command("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def keys(self, *steps):
        """Plays `(verb, key)` steps, the verb being `down` or `up`, on whatever has the focus."""
        actions = [{"type": f"key{verb.title()}", "value": KEYS.get(key, key)} for verb, key in steps]
        self._act({"type": "key", "id": "keyboard", "actions": actions})

    def type(self, text, pause_ms=15):
        """Types each character by itself, as fingers do on a US keyboard."""
        actions = []
        for character in text:
            plain = SHIFTED.get(character, character.lower())
            stroke = [{"type": "keyDown", "value": plain}, {"type": "keyUp", "value": plain}]
            if plain != character:
                shift = KEYS["Shift"]
                stroke = [{"type": "keyDown", "value": shift}, *stroke, {"type": "keyUp", "value": shift}]
            actions += [*stroke, {"type": "pause", "duration": pause_ms}]
        self._act({"type": "key", "id": "keyboard", "actions": actions})

    def press(self, key):
        self.keys(("down", key), ("up", key))

    def pointer(self, *steps):
        """Plays `("move", x, y)`, `("down", button)`, `("up", button)` steps; places in CSS pixels of the window."""
        actions = []
        for verb, *rest in steps:
            if verb == "move":
                actions.append({"type": "pointerMove", "x": round(rest[0]), "y": round(rest[1]), "duration": 60})
            else:
                actions.append({"type": f"pointer{verb.title()}", "button": rest[0] if rest else 0})
                actions.append({"type": "pause", "duration": 60})
        self._act({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions})

    def wheel(self, x, y, delta_x, delta_y):
        action = {"type": "scroll", "x": round(x), "y": round(y), "deltaX": delta_x, "deltaY": delta_y}
        self._act({"type": "wheel", "id": "wheel", "actions": [action]})

    def release_actions(self):
        """Lets go of all keys and buttons that actions hold."""
        self._command("DELETE", "/actions")

    def _act(self, source):
        self._command("POST", "/actions", {"actions": [source]})

    def _command(self, method, path, body=None):
        return self._request(method, f"/session/{self._session}{path}", body)

    def _request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with DIRECT.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise WebDriverError(f"{method} {path}: {value['error']}: {value['message'].splitlines()[0]}") from error

    def _port(self):
        for line in self._driver.stdout:
            if "successfully on port" in line:
                return int(line.rstrip(".\n").rsplit(" ", 1)[1])
        raise WebDriverError("chromedriver did not say its port")


def wait_until(check, seconds=5, pause=0.05):
    """Asks `check` until it gives something true, and gives that; the last answer when time is up."""
    end = time.monotonic() + seconds
    while True:
        answer = check()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(pause)
