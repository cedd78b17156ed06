"""Checks the page of kvm-server in headless Chromium.

Keys, clicks and turns of the wheel are made by the browser's driver; what arrived is read from the virtual
target's own text and from screenshots; pictures and recordings are judged by ffmpeg. Every check says what
it saw. Started by `.ci/browser/run`.
"""

import argparse
import os
import re
import sys
import tempfile
import time
import traceback

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

    def __init__(self, program, screenshot):
        self.program = program
        self.screenshot = screenshot
        self.server = Server(program)
        try:
            self.browser = Browser(*WINDOW)
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

    def reload(self):
        self.browser.open(self.server.base + "/")
        self.await_data("live", "true")
        self.await_data("control", "yours", "#kvm")


@check
def nothing_without_token(kvm):
    """without a session nothing is served"""
    paths = ["/", "/page.js", "/snapshot.jpg", "/state", "/target/text", "/stream", "/?token=guess"]
    seen = {path: kvm.server.get(path, cookie=False)[0] for path in paths}
    return expect(set(seen.values()) == {401}, seen)


@check
def loads(kvm):
    """the page loads by the printed link, and is live"""
    kvm.browser.open(kvm.server.link)
    kvm.await_data("live", "true")
    kvm.await_data("control", "yours", "#kvm")
    kvm.server.cookie = kvm.browser.cookies()
    address = kvm.browser.run("return location.href")
    expect("token" not in address, f"the token stays in the address {address}")
    return f"{address}, {kvm.browser.text('#status')}, {kvm.browser.text('#format')}"


@check
def picture_moves(kvm):
    """the picture is not blank, and a key brings a newer one"""
    before = int(kvm.data("sequence"))
    colours = kvm.picture().colours()
    kvm.focus()
    kvm.browser.press("ArrowDown")
    seen = wait_until(lambda: int(kvm.data("sequence")) > before)
    kvm.await_text("> Start desktop")
    kvm.browser.press("ArrowUp")
    kvm.await_text("> Start console")
    return expect(seen and colours > 8, f"sequence {before} to {kvm.data('sequence')}, {colours} colours")


@check
def typing(kvm):
    """typed keys appear on the target's screen, in its text and in the picture"""
    kvm.console()
    kvm.settle()
    row = kvm.server.target().split("\n").index(PROMPT)
    before = kvm.picture()
    line = "echo Hello, World! (2 + 2) ~= 'four'"
    kvm.browser.type(line)
    kvm.await_text(PROMPT + line)
    kvm.settle()
    box = before.changed(kvm.picture())
    expect(box, "the picture shows nothing of what was typed")
    # JPEG spreads a change over its blocks of 16 pixels.
    left, right = len(PROMPT) * CHARACTER[0], (len(PROMPT) + len(line) + 1) * CHARACTER[0]
    inside = left - 16 <= box[0] <= left + 8 and right - 24 <= box[2] <= right + 16
    inside = inside and row * 16 - 16 <= box[1] and box[3] <= row * 16 + 32
    expect(inside, f"the picture changed within {box}, not around {(left, row * 16, right, row * 16 + 16)}")
    kvm.browser.press("Enter")
    kvm.await_text("\nHello, World!")
    return f"{line!r}; the picture changed within {box}"


@check
def letters(kvm):
    """letters can be read: an H has two strokes and a bar, an L a stroke and a foot"""
    kvm.console()
    row = kvm.server.target().split("\n").index(PROMPT)
    kvm.browser.type("HLH")
    kvm.await_text(PROMPT + "HLH")
    kvm.settle()
    picture = kvm.picture()
    shapes = []
    for column in range(len(PROMPT), len(PROMPT) + 3):
        at = [(column * CHARACTER[0] + x, row * CHARACTER[1]) for x in range(CHARACTER[0])]
        ink = [sum(max(picture.pixel(x, y + line)) > 110 for line in range(CHARACTER[1])) for x, y in at]
        shapes.append(ink)
    for ink in (shapes[0], shapes[2]):
        middle = min(ink[2:5])
        expect(max(ink[:4]) >= 8 and max(ink[4:]) >= 8 and 1 <= middle <= 3, f"ink by column {shapes}")
    foot = shapes[1][4:7]
    expect(max(shapes[1][:4]) >= 8 and 1 <= max(foot) <= 3, f"ink by column {shapes}")
    return f"ink by column {shapes}"


@check
def repeat(kvm):
    """a key that is held is pressed once; the target repeats by itself"""
    kvm.console()
    for again in (False, True, True, True):
        kvm.devtools_key("keyDown", "KeyZ", "z", 90, autoRepeat=again, text="z")
    kvm.devtools_key("keyUp", "KeyZ", "z", 90)
    kvm.browser.type("!")
    kvm.await_text(PROMPT + "z!")
    return "one z"


@check
def paste(kvm):
    """a pasted text is typed, and one with foreign characters is refused with the reason"""
    kvm.console()
    text = 'echo "pasted: {[(<|>)]}" ; \\ ^ & * 0123456789'
    kvm.browser.click("#paste-open")
    kvm.browser.fill("#paste-text", text)
    expect(kvm.browser.text("#paste-count") == f"{len(text)} characters", kvm.browser.text("#paste-count"))
    kvm.browser.click("#paste-type")
    kvm.await_text(PROMPT + text, seconds=15)
    kvm.browser.click("#paste-open")
    kvm.browser.fill("#paste-text", "na\u00efve")
    warning = kvm.browser.text("#paste-count")
    kvm.browser.click("#paste-type")
    reason = wait_until(lambda: kvm.browser.text("#toasts"))
    expect("\u00ef" in warning and reason, f"warned {warning!r}, refused {reason!r}")
    expect("nave" not in kvm.server.target(), "a part of the refused text was typed")
    return f"{len(text)} characters; {warning!r}; {reason!r}"


@check
def paste_stops(kvm):
    """typing shows how far it is, and stops"""
    kvm.console()
    lines = 5900
    kvm.browser.click("#paste-open")
    # The virtual target is so quick that only the page itself can press the button in time.
    kvm.browser.run(
        """
        const typing = document.querySelector('#typing');
        new MutationObserver((_, observer) => {
            if (typing.hidden) return;
            observer.disconnect();
            typing.dataset.shown = document.querySelector('#typing-text').textContent;
            document.querySelector('#typing-stop').click();
        }).observe(typing, { attributes: true, subtree: true, childList: true });
        const text = document.querySelector('#paste-text');
        text.value = [...Array(arguments[0]).keys()].join('\\n');
        text.dispatchEvent(new Event('input'));
        """,
        lines,
    )
    kvm.browser.click("#paste-type")
    shown = wait_until(lambda: kvm.data("shown", "#typing"))
    expect(shown, "no progress is shown")
    expect(wait_until(lambda: not kvm.browser.visible("#typing")), "it goes on after it was stopped")
    time.sleep(0.3)
    typed = kvm.server.target().rsplit(PROMPT, 2)[1].split("\n")[0]
    time.sleep(0.5)
    later = kvm.server.target().rsplit(PROMPT, 2)[1].split("\n")[0]
    return expect(typed == later and 0 < int(typed) < lines - 2, f"{shown!r}; came to line {typed} of {lines}")


@check
def lights(kvm):
    """the target's Caps Lock shows, and goes out again"""
    kvm.focus()
    seen = []
    for expected in ("true", "false"):
        kvm.devtools_key("rawKeyDown", "CapsLock", "CapsLock", 20)
        kvm.devtools_key("keyUp", "CapsLock", "CapsLock", 20)
        kvm.await_data("on", expected, "#led-caps")
        seen.append(kvm.browser.run("return document.querySelector('#led-caps').getAttribute('aria-label')"))
    return ", ".join(seen)


@check
def key_row(kvm):
    """the row of keys: a modifier for the next key, one that is held, and Ctrl+Alt+Del"""
    kvm.console()
    kvm.browser.click("#keys-toggle")
    shift = "#keys [data-code=ShiftLeft]"
    kvm.browser.click(shift)
    kvm.browser.type("ab")
    kvm.await_text(PROMPT + "Ab")
    kvm.browser.click(shift)
    kvm.browser.click(shift)
    expect(kvm.data("hold", shift) == "locked", f"hold is {kvm.data('hold', shift)!r}")
    kvm.browser.type("cd")
    kvm.browser.click(shift)
    kvm.browser.type("e")
    kvm.await_text(PROMPT + "AbCDe")
    focused = kvm.browser.run("return document.activeElement.id")
    expect(focused == "picture", f"the focus went to {focused!r}")
    kvm.browser.click("#keys [data-keys='ControlLeft AltLeft Delete']")
    kvm.await_text("> Start console")
    kvm.browser.click("#keys-toggle")
    return "AbCDe, then the firmware's menu"


@check
def pointing(kvm):
    """the pointer reaches exactly the pixel it is on, and the corners"""
    kvm.desktop()
    seen = []
    for x, y in [(640, 360), (1, 1), (0, 0), (1279, 0), (1279, 719), (0, 719), (333, 555)]:
        kvm.browser.pointer(("move", *kvm.place(x, y)))
        seen.append(kvm.await_text(f"pointer {x},{y}\n").strip())
    return ", ".join(seen)


@check
def clicking(kvm):
    """a click hits a button of the target, and shows in the picture"""
    kvm.desktop()
    found = re.search(r'button "Clicked 0" at (\d+),(\d+)', kvm.server.target())
    x, y = int(found[1]) + 20, int(found[2]) + 12
    kvm.browser.pointer(("move", *kvm.place(x, y)))
    kvm.settle()
    before = kvm.picture()
    kvm.browser.pointer(("down",), ("up",), ("down",), ("up",), ("down", 2), ("up", 2))
    kvm.await_text('button "Clicked 2"')
    kvm.settle()
    box = before.changed(kvm.picture())
    expect(box and box[2] - box[0] <= 64 and box[3] - box[1] <= 48, f"the picture changed within {box}")
    return f"Clicked 2; the picture changed within {box}"


@check
def dragging(kvm):
    """a drag moves the box by what the pointer moved, goes on past the picture's edge, and ends there"""
    kvm.desktop()
    found = re.search(r"box at (\d+),(\d+)", kvm.server.target())
    x, y = int(found[1]), int(found[2])
    start = ("move", *kvm.place(x + 10, y + 10))
    # Off the edge, over the toolbar.
    beyond = ("move", kvm.place(x, 0)[0], 10)
    kvm.browser.pointer(start, ("down",), ("move", *kvm.place(x + 210, y + 310)), beyond, ("up",))
    kvm.await_text(f"box at {x - 10},-10\n")
    kvm.browser.pointer(("move", *kvm.place(x + 5, 20)), ("down",), ("move", *kvm.place(x + 215, y + 330)), ("up",))
    kvm.await_text(f"box at {x + 200},{y + 300}\n")
    return f"from {x},{y} to {x - 10},-10 beyond the edge, and back to {x + 200},{y + 300}"


@check
def turning(kvm):
    """the wheel turns in notches, upwards and sideways, and fractions of a notch add up"""
    kvm.desktop()
    x, y = kvm.place(700, 500)
    kvm.browser.wheel(x, y, 0, -100)
    kvm.await_text("wheel 1,0")
    for _ in range(3):
        kvm.browser.wheel(x, y, 0, 100)
    kvm.await_text("wheel -2,0")
    kvm.browser.wheel(x, y, 100, 0)
    kvm.await_text("wheel -2,1")
    for _ in range(10):
        kvm.browser.run(
            "document.querySelector('#picture').dispatchEvent(new WheelEvent('wheel', { deltaY: -25, cancelable: true }))"
        )
    kvm.await_text("wheel 0,1")
    return "1, then 3 back, 1 to the right, 10 quarters up make 2"


@check
def relative(kvm):
    """relative motion with the pointer locked"""
    if kvm.browser.run("return document.querySelector('#link-mouse').dataset.state") == "absent":
        return "the server has no relative mouse: left out"
    kvm.desktop()
    x, y = kvm.place(640, 360)
    kvm.browser.pointer(("move", x, y))
    kvm.await_text("pointer 640,360")
    kvm.browser.click("#pointer-mode")
    expect(wait_until(lambda: kvm.browser.run("return document.pointerLockElement !== null")), "the pointer is not locked")
    kvm.browser.pointer(("move", x, y))
    time.sleep(0.3)
    left, top = (int(part) for part in re.search(r"pointer (\d+),(\d+)", kvm.server.target()).groups())
    kvm.browser.pointer(("move", x + 40, y - 25))
    seen = kvm.await_text(f"pointer {left + 40},{top - 25}\n")
    # The person would press Esc, which the driver cannot do on the browser's behalf.
    kvm.browser.run("document.exitPointerLock()")
    kvm.browser.click("#pointer-mode")
    return f"from {left},{top}, 40 right and 25 up: {seen.strip()}"


@check
def quirks_of_windows(kvm):
    """AltGr of Windows, told as Ctrl and AltGr, arrives as AltGr"""
    with_platform(kvm, "Windows", "Win32")
    try:
        kvm.console()
        kvm.devtools_key("rawKeyDown", "ControlLeft", "Control", 17, 2, location=1)
        kvm.devtools_key("rawKeyDown", "AltRight", "AltGraph", 18, 3, location=2)
        kvm.devtools_key("keyDown", "KeyQ", "@", 81, 3)
        kvm.devtools_key("keyUp", "KeyQ", "@", 81, 3)
        kvm.devtools_key("keyUp", "ControlLeft", "Control", 17, 1, location=1)
        kvm.devtools_key("keyUp", "AltRight", "AltGraph", 18, 0, location=2)
        # The target takes no character with Ctrl down: a q shows that none was.
        kvm.await_text(PROMPT + "q")
        # A Ctrl by itself, though held back for a moment, still works.
        kvm.devtools_key("rawKeyDown", "ControlLeft", "Control", 17, 2, location=1)
        kvm.devtools_key("keyDown", "KeyC", "c", 67, 2)
        kvm.devtools_key("keyUp", "KeyC", "c", 67, 2)
        kvm.devtools_key("keyUp", "ControlLeft", "Control", 17, 0, location=1)
        kvm.await_text("q^C")
    finally:
        with_platform(kvm, "Linux", "Linux x86_64")
    return "q, then Ctrl+C"


@check
def quirks_of_macos(kvm):
    """a key pressed with Command, of which macOS tells no release, is not stuck"""
    with_platform(kvm, "macOS", "MacIntel")
    try:
        kvm.console()
        for _ in range(2):
            kvm.devtools_key("rawKeyDown", "MetaLeft", "Meta", 91, 4, location=1)
            kvm.devtools_key("keyDown", "KeyV", "v", 86, 4)
            kvm.devtools_key("keyUp", "MetaLeft", "Meta", 91, 0, location=1)
        kvm.await_text(PROMPT + "vv")
    finally:
        with_platform(kvm, "Linux", "Linux x86_64")
    return "v twice"


def with_platform(kvm, name, platform):
    """Makes the page believe in another system; it looks when it loads."""
    agent = kvm.browser.run("return navigator.userAgent")
    metadata = {"platform": name, "platformVersion": "", "architecture": "", "model": "", "mobile": False}
    kvm.browser.devtools("Emulation.setUserAgentOverride", userAgent=agent, platform=platform, userAgentMetadata=metadata)
    kvm.reload()


@check
def focus_leaves(kvm):
    """a key held while the focus leaves the picture is let go"""
    kvm.console()
    kvm.browser.keys(("down", "Shift"))
    kvm.browser.type("a")
    kvm.browser.click("#paste-open")
    kvm.browser.run("document.querySelector('#paste').close()")
    kvm.browser.release_actions()
    kvm.focus()
    # Typed without anything that would tell the page of modifiers anew.
    kvm.devtools_key("keyDown", "KeyB", "b", 66, 8)
    kvm.devtools_key("keyUp", "KeyB", "b", 66, 8)
    kvm.await_text(PROMPT + "Ab")
    return "Ab"


@check
def way_out(kvm):
    """Ctrl, Alt and Shift leave the picture for the toolbar"""
    kvm.focus()
    keys = ["Control", "Alt", "Shift"]
    kvm.browser.keys(*[("down", key) for key in keys], *[("up", key) for key in keys])
    seen = kvm.browser.run("return document.activeElement.id")
    return expect(seen == "keys-toggle", f"the focus is on {seen!r}")


@check
def no_signal(kvm):
    """a lost signal is shown with its reason, greyed, and a key brings it back"""
    kvm.console()
    kvm.browser.type("sleep")
    kvm.browser.press("Enter")
    kvm.await_data("kind", "no-signal", "#overlay")
    kvm.await_data("live", "false")
    words = [kvm.browser.text(f"#overlay-{part}") for part in ("title", "reason", "advice")]
    expect(all(words) and kvm.browser.visible("#overlay"), f"the overlay says {words}")
    kvm.browser.press("Shift")
    kvm.await_data("live", "true")
    expect(not kvm.browser.visible("#overlay"), "the overlay stays")
    return words


@check
def size_changes(kvm):
    """another resolution is followed, and a click there lands where it was made"""
    seen = []
    for width, height in [(1024, 768), (1920, 1080), (1280, 720)]:
        kvm.console()
        kvm.browser.type(f"mode {width}x{height}")
        kvm.browser.press("Enter")
        size = "const p = document.querySelector('#picture'); return [p.width, p.height]"
        expect(wait_until(lambda: kvm.browser.run(size) == [width, height]), f"canvas {kvm.browser.run(size)}")
        kvm.desktop()
        # The same place twice would be no motion.
        kvm.browser.pointer(("move", *kvm.place(20, 20)), ("move", *kvm.place(width - 1, height - 1)))
        kvm.await_text(f"pointer {width - 1},{height - 1}\n")
        seen.append(kvm.browser.text("#format"))
    return ", ".join(seen)


@check
def snapshots(kvm):
    """snapshots: JPEG from the server, PNG from the page"""
    kvm.console()
    status, jpeg = kvm.server.get("/snapshot.jpg")
    expect(status == 200 and media.size(jpeg) == (1280, 720), f"status {status}, {len(jpeg)} bytes")
    kvm.browser.click("#snapshot-open")
    kvm.browser.click("#snapshot-png")
    name = wait_until(lambda: next((name for name in os.listdir(kvm.browser.downloads) if name.endswith(".png")), None))
    expect(name, "no PNG was saved")
    with open(os.path.join(kvm.browser.downloads, name), "rb") as file:
        size = media.size(file.read())
    return expect(size == (1280, 720), f"JPEG of {len(jpeg)} bytes; {name} of {size}")


@check
def recording(kvm):
    """a recording downloads, ffprobe counts its pictures, and cut at 60 % it still plays"""
    kvm.console()
    kvm.browser.click("#record")
    expect(wait_until(lambda: pressed(kvm, "#record")), "the button does not say that it records")
    kvm.focus()
    kvm.browser.type("echo this is being recorded, key by key, while it is typed", pause_ms=60)
    kvm.browser.press("Enter")
    kvm.browser.type("help")
    kvm.browser.press("Enter")
    time.sleep(1.5)
    kvm.browser.click("#record")
    expect(wait_until(lambda: not pressed(kvm, "#record")), "the button says that it goes on recording")
    link = wait_until(lambda: kvm.browser.run("return document.querySelector('#recordings a')?.getAttribute('href')"))
    expect(link, "no recording is listed")
    status, file = kvm.server.get(link)
    expect(status == 200, f"{link} answered {status}")
    with tempfile.TemporaryDirectory(prefix="kvm-recording-") as folder:
        whole, cut = os.path.join(folder, "whole.mp4"), os.path.join(folder, "cut.mp4")
        with open(whole, "wb") as out:
            out.write(file)
        with open(cut, "wb") as out:
            out.write(file[: len(file) * 6 // 10])
        (frames, codec), of_cut = media.frames(whole), media.decodes(cut)
    seen = f"{link}: {len(file)} bytes, {frames} pictures of {codec}; cut: {of_cut}"
    return expect(frames > 10 and 0 < of_cut < frames, seen)


def pressed(kvm, selector):
    return kvm.browser.run("return document.querySelector(arguments[0]).getAttribute('aria-pressed')", selector) == "true"


@check
def panels(kvm):
    """statistics and capabilities are filled in"""
    kvm.focus()
    kvm.browser.press("ArrowUp")
    time.sleep(1.2)
    captured = wait_until(lambda: re.match(r"[1-9]", kvm.browser.text("#stat-captured")) and kvm.browser.text("#stat-captured"))
    expect(captured, f"captured {kvm.browser.text('#stat-captured')!r}")
    age = float(kvm.browser.text("#stat-age"))
    expect(0 < age < 1000, f"an age of {age} ms")
    capabilities = kvm.browser.run("return [...document.querySelectorAll('#capabilities h3')].map((one) => one.firstChild.textContent)")
    expect("network-listen" in capabilities, capabilities)
    words = kvm.browser.text("#capabilities")
    return f"captured {captured}, age {age} ms, capabilities {', '.join(capabilities)} ({len(words)} characters of reasons)"


@check
def two_viewers(kvm):
    """a second viewer only watches, and takes control when it wants"""
    kvm.console()
    first = kvm.browser.window
    second = kvm.browser.new_window()
    try:
        kvm.browser.switch_to(second)
        kvm.browser.open(kvm.server.base + "/")
        kvm.await_data("live", "true")
        kvm.await_data("control", "held", "#kvm")
        expect(kvm.browser.visible("#banner"), "no banner says that it is view-only")
        words = kvm.browser.text("#banner-text")
        kvm.focus()
        kvm.browser.type("ghost")
        time.sleep(0.4)
        expect("ghost" not in kvm.server.target(), "a viewer without control typed")
        kvm.browser.click("#take-control")
        kvm.await_data("control", "yours", "#kvm")
        kvm.browser.type("mine")
        kvm.await_text(PROMPT + "mine")
        kvm.browser.switch_to(first)
        kvm.await_data("control", "held", "#kvm")
        viewers = kvm.browser.text("#viewers")
        kvm.browser.switch_to(second)
    finally:
        kvm.browser.switch_to(second)
        kvm.browser.close_window()
        kvm.browser.switch_to(first)
    take_control(kvm)
    return f"{words!r}, {viewers} viewers"


@check
def closing_lets_go(kvm):
    """closing a window with a key down lets go of it"""
    kvm.console()
    first = kvm.browser.window
    second = kvm.browser.new_window()
    kvm.browser.switch_to(second)
    kvm.browser.open(kvm.server.base + "/")
    kvm.await_data("control", "held", "#kvm")
    kvm.browser.click("#take-control")
    kvm.await_data("control", "yours", "#kvm")
    kvm.focus()
    kvm.browser.keys(("down", "Shift"))
    kvm.browser.type("a")
    kvm.await_text(PROMPT + "A")
    kvm.browser.close_window()
    kvm.browser.switch_to(first)
    take_control(kvm)
    kvm.focus()
    kvm.browser.type("b")
    kvm.await_text(PROMPT + "Ab")
    return "A, and after closing b"


def take_control(kvm):
    if kvm.data("control", "#kvm") != "yours":
        kvm.browser.click("#take-control")
    kvm.await_data("control", "yours", "#kvm")


@check
def narrow(kvm):
    """at 800 pixels nothing of the toolbar is cut off, and the panel lies over the picture"""
    kvm.browser.resize(800, 700)
    try:
        time.sleep(0.3)
        right = kvm.browser.run("return Math.max(...[...document.querySelectorAll('.bar button')].map((b) => b.getBoundingClientRect().right))")
        inner = kvm.browser.run("return [innerWidth, document.documentElement.scrollWidth]")
        canvas = kvm.browser.run("return document.querySelector('#picture').getBoundingClientRect().width")
        expect(right <= inner[0] and inner[1] == inner[0], f"buttons to {right} in a window of {inner}")
    finally:
        kvm.browser.resize(*WINDOW)
    return f"buttons to {right:.0f} of {inner[0]}, picture {canvas:.0f} wide"


@check
def full_screen(kvm):
    """full screen gives the picture all the room"""
    kvm.browser.click("#full-screen")
    expect(wait_until(lambda: kvm.browser.run("return document.fullscreenElement?.id") == "kvm"), "no full screen")
    time.sleep(0.3)
    heights = kvm.browser.run("return [document.querySelector('#stage').clientHeight, innerHeight]")
    kvm.browser.run("return document.exitFullscreen()")
    expect(wait_until(lambda: kvm.browser.run("return document.fullscreenElement === null")), "it stays full screen")
    expect(wait_until(lambda: not pressed(kvm, "#full-screen")), "the button says that it stays full screen")
    return expect(heights[0] == heights[1], f"the stage has {heights[0]} of {heights[1]} pixels")


@check
def console_is_clean(kvm):
    """no error was written to the browser's console"""
    errors = [entry["message"] for entry in kvm.browser.console() if entry["level"] == "SEVERE"]
    return expect(not errors, errors or "none")


@check
def silence(kvm):
    """a server that hangs is noticed, and the picture comes back with it"""
    kvm.server.freeze()
    try:
        kvm.await_data("kind", "silent", "#overlay", seconds=8)
        kvm.await_data("live", "false")
        age = kvm.browser.text("#overlay-age")
    finally:
        kvm.server.thaw()
    kvm.await_data("live", "true", seconds=15)
    take_control(kvm)
    return age


@check
def connection_lost(kvm):
    """a server that dies is told, with the age of the picture; one that is new asks for its link"""
    kvm.server.kill()
    kvm.await_data("kind", "lost", "#overlay")
    kvm.await_data("live", "false")
    time.sleep(2.2)
    words = [kvm.browser.text(f"#overlay-{part}") for part in ("title", "age")]
    found = re.search(r"(\d+) s old", words[1])
    expect(found and int(found[1]) >= 2, words)
    kvm.server = Server(kvm.program, kvm.server.port)
    kvm.await_data("kind", "ended", "#overlay", seconds=20)
    words.append(kvm.browser.text("#overlay-title"))
    kvm.browser.open(kvm.server.link)
    kvm.await_data("live", "true")
    kvm.server.cookie = kvm.browser.cookies()
    return words


def picture_for_the_readme(kvm):
    """Saves the page as the README shows it."""
    kvm.desktop()
    kvm.browser.type("Hello from the browser")
    start = ("move", *kvm.place(380, 90))
    kvm.browser.pointer(start, ("down",), ("move", *kvm.place(760, 330)), ("up",))
    kvm.browser.pointer(("move", *kvm.place(90, 80)), ("down",), ("up",), ("down",), ("up",))
    kvm.browser.wheel(*kvm.place(90, 80), 0, -100)
    kvm.browser.run("document.querySelector('#keys').hidden && document.querySelector('#keys-toggle').click()")
    kvm.focus()
    # Hints have gone by then; the statistics are those of the typing, and the pointer ends on the button.
    time.sleep(4)
    kvm.browser.type("!!!", pause_ms=400)
    kvm.settle()
    with open(kvm.screenshot, "wb") as file:
        file.write(kvm.browser.screenshot())


def run(kvm, word):
    failed = 0
    for function in CHECKS:
        # What the others stand on is always done.
        if word and function is not loads and word not in function.__name__:
            continue
        try:
            seen = function(kvm)
        except Failed as failure:
            failed += 1
            print(f"FAIL {function.__doc__}: {failure}", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {function.__doc__}: {traceback.format_exc().strip()}", flush=True)
        else:
            print(f"PASS {function.__doc__}: {seen}", flush=True)
        if failed and function is loads:
            break
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="the kvm-server to start")
    parser.add_argument("--screenshot", help="saves the page's picture there")
    parser.add_argument("--only", help="does only the checks whose names have this word")
    options = parser.parse_args()
    kvm = Kvm(os.path.abspath(options.server), options.screenshot)
    try:
        failed = run(kvm, options.only)
        if options.screenshot:
            picture_for_the_readme(kvm)
    finally:
        kvm.close()
    print(f"{failed} of the checks failed" if failed else "all checks passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
