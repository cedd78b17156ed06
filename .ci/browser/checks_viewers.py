"""Several viewers, and servers that hang, die or are new."""

import re
import time

from kvm import PROMPT, check, expect, take_control
from server import Server


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
