"""A server with a browser that looks at it, and how a check says what it saw."""

import base64
import time

import media
from server import Server
from webdriver import Browser, wait_until

PROMPT = "target:~$ "
CHARACTER = (8, 16)
# Wide and high enough that the picture is shown pixel by pixel beside the panel.
WINDOW = (1640, 980)

CHECKS = []


class Failed(Exception):
    """A check saw something else."""


def check(function):
    """Makes a check of a function; its documentation is the name, what it returns is what it saw."""
    CHECKS.append(function)
    return function


def expect(condition, seen):
    if not condition:
        raise Failed(seen)
    return seen


class Kvm:
    """A server, and a browser that looks at it."""

    def __init__(self, program, screenshot=None, options=(), flags=()):
        self.program = program
        self.screenshot = screenshot
        self.server = Server(program, options=options)
        try:
            self.browser = Browser(*WINDOW, flags=flags)
        except Exception:
            self.server.kill()
            raise

    def close(self):
        self.browser.close()
        self.server.kill()

    def data(self, name, selector="#picture"):
        return self.browser.data(selector, name)

    def await_data(self, name, value, selector="#picture", seconds=5):
        seen = wait_until(lambda: self.data(name, selector) == value, seconds)
        expect(seen, f"{selector} {name} is {self.data(name, selector)!r} and not {value!r} after {seconds} s")

    def await_text(self, fragment, seconds=5):
        seen = wait_until(lambda: fragment in self.server.target(), seconds)
        expect(seen, f"{fragment!r} is not in {self.server.target()[-400:]!r}")
        return fragment

    def focus(self):
        self.browser.run("document.querySelector('#picture').focus()")

    def restart(self):
        """Brings the target to its first screen."""
        self.focus()
        keys = ["Control", "Alt", "Delete"]
        self.browser.keys(*[("down", key) for key in keys], *[("up", key) for key in reversed(keys)])
        self.await_text("> Start console")

    def console(self):
        self.restart()
        self.browser.press("Enter")
        self.await_text(PROMPT)

    def desktop(self):
        self.restart()
        self.browser.press("ArrowDown")
        self.browser.press("Enter")
        self.await_text("Desktop\n")

    def place(self, x, y):
        """Where in the window the middle of a target pixel is."""
        left, top, scale_x, scale_y = self.browser.run(
            "const p = document.querySelector('#picture'), r = p.getBoundingClientRect();"
            "return [r.left, r.top, r.width / p.width, r.height / p.height]"
        )
        return left + x * scale_x, top + y * scale_y

    def picture(self):
        """The picture as it is painted in the window, when no words lie over it."""
        words = "const hint = document.querySelector('#hint').dataset.shown === 'true';"
        words += "return (hint ? document.querySelector('#hint').textContent : '') + document.querySelector('#toasts').textContent"
        expect(wait_until(lambda: not self.browser.run(words), seconds=10), f"over the picture stays {self.browser.run(words)!r}")
        time.sleep(0.4)
        return media.Picture(self.browser.screenshot("#picture"))

    def canvas(self):
        """The pixels that the page's decoder painted, whatever lies over them."""
        url = self.browser.run("return document.querySelector('#picture').toDataURL('image/png')")
        return media.Picture(base64.b64decode(url.split(",", 1)[1]))

    def await_exact(self, seconds=2):
        """Waits until the canvas is what the server has, pixel by pixel, and gives how long that took."""
        start = time.monotonic()
        seen = None
        while time.monotonic() - start < seconds:
            status, png = self.server.get("/snapshot.png")
            expect(status == 200, f"/snapshot.png answered {status}")
            took = time.monotonic() - start
            seen = media.Picture(png).changed(self.canvas(), threshold=0)
            if not seen:
                return took
        expect(False, f"after {seconds} s the canvas differs within {seen}")

    def settle(self):
        """Waits until no new picture has come for a while."""
        seen = None
        while seen != (seen := self.data("painted")):
            time.sleep(0.4)

    def devtools_key(self, kind, code, key, number, modifiers=0, **more):
        self.browser.devtools(
            "Input.dispatchKeyEvent",
            type=kind,
            code=code,
            key=key,
            windowsVirtualKeyCode=number,
            modifiers=modifiers,
            **more,
        )

    def reload(self, query=""):
        self.browser.open(self.server.base + "/" + query)
        self.await_data("live", "true")
        self.await_data("control", "yours", "#kvm")


def take_control(kvm):
    if kvm.data("control", "#kvm") != "yours":
        kvm.browser.click("#take-control")
    kvm.await_data("control", "yours", "#kvm")


def pressed(kvm, selector):
    return kvm.browser.run("return document.querySelector(arguments[0]).getAttribute('aria-pressed')", selector) == "true"
