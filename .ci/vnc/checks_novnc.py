"""noVNC in Chromium: what its canvas shows, and what is typed and clicked on it."""

import base64
import os
import re
import sys
import time

from bridge import Bridge
from frames import of_rgba
from server import Server

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "browser"))
from webdriver import Browser, wait_until  # noqa: E402

# Numbers of encodings that noVNC may name to the server; without those of quality, all that comes is exact.
COPY_RECT, TIGHT, ZRLE, RAW = 1, 7, 16, 0
LOSSLESS = {"Tight without JPEG": [COPY_RECT, TIGHT], "ZRLE": [COPY_RECT, ZRLE], "Raw": [RAW]}


def check(judge):
    """its canvas shows the last frame, by each encoding and as it is; keys, pointer, buttons and wheel arrive"""
    with Browser(1400, 900) as browser, Bridge(judge.novnc) as bridge:
        for name, frames in judge.sequences.items():
            if frames.width > 1280:
                continue
            for encoding, numbers in {**LOSSLESS, "all it takes": []}.items():
                # Raw knows no kinds of pictures.
                if encoding == "Raw" and name != "scroll":
                    continue
                with Server(judge.server, *frames.options()) as server:
                    connect(browser, bridge, server, numbers)
                    await_picture(browser, frames.last(), f"{name} by {encoding}")
                print(f"    {name} by {encoding}: the canvas shows the last frame", flush=True)
        with Server(judge.server) as server:
            connect(browser, bridge, server)
            type_and_point(browser, server)
        complaints = [line["message"] for line in browser.console() if line["level"] == "SEVERE"]
        # The server ends before the page does, each time, and the browser has no icon to show.
        complaints = [line for line in complaints if "WebSocket" not in line and "favicon" not in line]
        if complaints:
            raise RuntimeError(f"the browser's console says: {complaints}")
    print("    keys, pointer, buttons and wheel arrive", flush=True)


def connect(browser, bridge, server, numbers=()):
    """Opens the page, which connects to a server by these encodings, or by all."""
    bridge.port_of_server = server.port
    browser.open(f"{bridge.address}/?encodings={','.join(map(str, numbers))}")
    if not wait_until(lambda: browser.run("return window.isConnected"), seconds=20):
        raise RuntimeError(f"noVNC does not connect; the console says: {browser.console()}")


def await_picture(browser, wanted, what, seconds=20):
    """Waits until the canvas shows this."""
    end = time.monotonic() + seconds
    while (seen := of_rgba(base64.b64decode(browser.run("return picture()")))) != wanted:
        if time.monotonic() > end:
            different = sum(seen[at : at + 4] != wanted[at : at + 4] for at in range(0, len(wanted), 4))
            raise RuntimeError(f"{what}: {different} pixels differ, lengths {len(seen)} and {len(wanted)}")
        time.sleep(0.2)


def type_and_point(browser, server):
    """Drives the virtual target from its menu to a button on its desktop."""
    browser.run("rfb.focus()")
    server.await_target("> Start console")
    browser.press("Enter")
    server.await_target("target:~$")
    browser.type("echo From-noVNC_9")
    server.await_target("echo From-noVNC_9")
    browser.press("Enter")
    server.await_target("\nFrom-noVNC_9\n")
    browser.type("desktop")
    browser.press("Enter")
    server.await_target("Desktop\n")
    # The canvas may begin in the middle of a pixel; the first whole one is the first of the screen.
    left, top = browser.run("const { left, top } = canvas().getBoundingClientRect(); return [left, top].map(Math.ceil)")
    browser.pointer(("move", left + 640, top + 360))
    server.await_target("pointer 640,360\n")
    x, y = map(int, re.search(r'button "Clicked 0" at (\d+),(\d+)', server.target()).groups())
    browser.pointer(("move", left + x + 20, top + y + 12), ("down",), ("up",))
    server.await_target('button "Clicked 1"')
    browser.wheel(left + 640, top + 360, 0, 200)
    if not wait_until(lambda: re.search(r"^wheel -[1-9]\d*,0$", server.target(), re.MULTILINE), seconds=10):
        raise RuntimeError(f"the wheel does not arrive; there stands:\n{server.target()}")
