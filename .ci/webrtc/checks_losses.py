"""Chromium as the peer, on a line that delays and loses."""

import contextlib
import time

import shown
from kvm import PROMPT, check, expect, take_control
from webdriver import wait_until

# Each way.
DELAY = 0.025
# What a picture may take to be whole again.
RECOVERS_WITHIN = 0.300
RECOVERS_AT_THE_LATEST = 1.0
BURST = 0.150
# The same screen comes by other pictures each time, and so is not quite the same.
DRIFT_DB = 1.5
BURSTS = 12

# Moves the pointer on, in a circle.
CIRCLE = """() => {
    const picture = document.querySelector('#picture'), box = picture.getBoundingClientRect();
    const angle = performance.now() / 300;
    const place = { clientX: box.left + box.width * (0.5 + 0.2 * Math.cos(angle)), clientY: box.top + box.height * (0.5 + 0.2 * Math.sin(angle)) };
    picture.dispatchEvent(new PointerEvent('pointermove', { ...place, bubbles: true, pointerType: 'mouse', isPrimary: true }));
}"""


@contextlib.contextmanager
def line(kvm, delay, loss):
    """The page anew, on a line of this kind."""
    kvm.relay.delay, kvm.relay.loss = delay, loss
    try:
        kvm.browser.open(kvm.server.base + "/?codec=webrtc")
        kvm.await_data("codec", "WebRTC", seconds=20)
        kvm.await_data("live", "true")
        take_control(kvm)
        # Hands wait for their own way to open.
        expect(wait_until(lambda: not kvm.browser.run("return document.querySelector('[data-needs-control]').disabled")), "no way for hands")
        yield
    finally:
        kvm.relay.delay = kvm.relay.loss = 0.0


@check
def lossy(kvm):
    """with 3 % lost and 25 ms each way, pictures are as on a line that loses nothing, again and again: nothing drifts"""
    with line(kvm, DELAY, 0.0):
        clean = likenesses(kvm)
    with line(kvm, DELAY, 0.03):
        before, lost = shown.stats(kvm), kvm.relay.lost
        seen = [likenesses(kvm) for _ in range(3)]
        words = shown.counted(kvm, before)
        lost = kvm.relay.lost - lost
    worst = max(one - another for turn in seen for one, another in zip(clean, turn))
    words = f"{clean} dB, with losses {seen}; {words}; {lost} datagrams lost"
    return expect(lost > 10 and worst < DRIFT_DB, words)


def recovers(took):
    """Whether it took no longer than it may in three of four cases, and in none, on a machine with other work, for long."""
    return sorted(took)[3 * len(took) // 4 - 1] <= RECOVERS_WITHIN and max(took) <= RECOVERS_AT_THE_LATEST


def likenesses(kvm):
    """How like the server's a few screens are in the end."""
    seen = []
    kvm.console()
    kvm.browser.type("fill")
    kvm.browser.press("Enter")
    # What is typed comes by a way that loses, too.
    expect(wait_until(lambda: kvm.server.target().count("\n") > 20), kvm.server.target())
    kvm.settle()
    seen.append(round(shown.await_like(kvm)[0], 1))
    kvm.desktop()
    start = ("move", *kvm.place(380, 90))
    kvm.browser.pointer(start, ("down",), ("move", *kvm.place(500, 200)), ("move", *kvm.place(600, 330)), ("up",))
    kvm.settle()
    seen.append(round(shown.await_like(kvm)[0], 1))
    return seen


@check
def bursts_while_it_moves(kvm):
    """after a burst that loses everything, what moves is shown as it was when the burst ended within 300 ms"""
    took = []
    with line(kvm, DELAY, 0.0):
        kvm.desktop()
        before = shown.stats(kvm)
        kvm.browser.run(f"window.circling = setInterval({CIRCLE}, 20)")
        time.sleep(0.5)
        for _ in range(BURSTS):
            shown.frames(kvm)
            end = kvm.relay.burst(BURST)
            time.sleep(BURST + 0.7)
            seen = shown.frames(kvm)
            # The screen as it was when the burst ended, or as it was later.
            newest = max((captured for _, captured in seen if captured <= end), default=end)
            took.append(min((at - end for at, captured in seen if captured >= newest), default=float("inf")))
        words = shown.counted(kvm, before)
        kvm.browser.run("clearInterval(window.circling)")
        kvm.settle()
        db, _ = shown.await_like(kvm)
    words = f"{' '.join(f'{1000 * one:.0f}' for one in took)} ms after {1000 * BURST:.0f} ms of nothing; then {db:.1f} dB; {words}"
    return expect(recovers(took), words)


@check
def bursts_at_the_end(kvm):
    """a picture whose end is lost, with nothing after it, is shown within 300 ms after the burst"""
    took = []
    with line(kvm, DELAY, 0.0):
        kvm.console()
        before = shown.stats(kvm)
        typed = PROMPT
        for number in range(BURSTS):
            kvm.settle()
            shown.frames(kvm)
            end = kvm.relay.burst(BURST)
            start = time.monotonic()
            character = chr(ord("a") + number)
            kvm.browser.type(character, pause_ms=0)
            typed += character
            kvm.await_text(typed)
            time.sleep(max(0.0, end - time.monotonic()) + 0.7)
            whole = [at for at, captured in shown.frames(kvm) if captured >= start]
            took.append((whole[-1] - end) if whole else float("inf"))
        words = shown.counted(kvm, before)
        db, _ = shown.await_like(kvm)
    words = f"{' '.join(f'{1000 * one:.0f}' for one in took)} ms; then {db:.1f} dB; {words}"
    return expect(recovers(took), words)


@check
def outage(kvm):
    """after two seconds of nothing the same connection goes on, and what was typed meanwhile is there"""
    with line(kvm, DELAY, 0.0):
        kvm.console()
        connections = kvm.browser.run("return watched.connections.length")
        end = kvm.relay.burst(2.0)
        kvm.browser.type("meanwhile")
        time.sleep(max(0.0, end - time.monotonic()))
        start = time.monotonic()
        kvm.await_text(PROMPT + "meanwhile", seconds=10)
        db, took = shown.await_like(kvm, seconds=10)
        words = shown.counted(kvm)
        same = kvm.browser.run("return watched.connections.length") == connections
        took = time.monotonic() - start
    return expect(same, f"{took * 1000:.0f} ms after it, {db:.1f} dB; {words}")
