"""Pointer, buttons and wheel."""

import re
import time

from kvm import check, expect
from webdriver import wait_until


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
