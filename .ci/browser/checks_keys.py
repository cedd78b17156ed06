"""Keys, pasted texts and lights."""

import time

from kvm import CHARACTER, PROMPT, check, expect
from webdriver import wait_until


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
