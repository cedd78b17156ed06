"""Chromium as the peer, on a line that loses nothing."""

import statistics
import time

import shown
from kvm import PROMPT, check, expect, take_control
from webdriver import wait_until


@check
def connects(kvm):
    """asked for WebRTC, the page gets it, and shows what the server has"""
    kvm.browser.open(kvm.server.base + "/?codec=webrtc")
    kvm.await_data("codec", "WebRTC", seconds=15)
    kvm.await_data("live", "true")
    take_control(kvm)
    expect(kvm.browser.visible("#video"), "the video is not to be seen")
    db, _ = shown.await_like(kvm)
    return f"{db:.1f} dB"


@check
def like(kvm):
    """text, a scroll and the desktop arrive, and look like what the server has"""
    seen = []

    def look(what):
        db, took = shown.await_like(kvm)
        seen.append(f"{what} {db:.1f} dB")

    kvm.console()
    kvm.browser.type("help")
    kvm.browser.press("Enter")
    look("text")
    kvm.browser.type("fill")
    kvm.browser.press("Enter")
    kvm.browser.press("Enter")
    look("scrolled")
    kvm.desktop()
    kvm.browser.type("Like this")
    start = ("move", *kvm.place(380, 90))
    kvm.browser.pointer(start, ("down",), ("move", *kvm.place(500, 200)), ("move", *kvm.place(760, 330)), ("up",))
    look("dragged")
    return ", ".join(seen)


@check
def hands(kvm):
    """keys, pointer and texts go by the data channel and by nothing else, and arrive in order"""
    kvm.browser.run("watched.socketInput = watched.channelInput = 0")
    kvm.console()
    kvm.browser.type("By the Channel 123")
    kvm.await_text(PROMPT + "By the Channel 123")
    kvm.desktop()
    kvm.browser.pointer(("move", *kvm.place(333, 222)))
    kvm.await_text("pointer 333,222\n")
    ways = kvm.browser.run("return [watched.socketInput, watched.channelInput]")
    return expect(ways[0] == 0 and ways[1] > 40, f"{ways[0]} by the socket, {ways[1]} by the channel")


@check
def delay(kvm):
    """pictures are shown soon after their capture, and the peer knows when that was"""
    kvm.console()
    shown.frames(kvm)
    kvm.browser.type("one after the other and so on", pause_ms=60)
    kvm.settle()
    seen = shown.frames(kvm)
    expect(len(seen) >= 12, f"{len(seen)} pictures")
    delays = sorted((at - captured) * 1000 for at, captured in seen)
    jitter = shown.stats(kvm)
    buffered = 1000 * jitter["jitterBufferDelay"] / max(1, jitter["jitterBufferEmittedCount"])
    words = f"{len(seen)} pictures, from capture to display median {statistics.median(delays):.0f} ms, worst {delays[-1]:.0f} ms; mean in Chromium's buffer {buffered:.0f} ms"
    return expect(-20 < delays[0] and statistics.median(delays) < 150, words)


@check
def rests(kvm):
    """a screen that rests is shown as it is, and sends no pictures"""
    kvm.settle()
    before = shown.stats(kvm)
    time.sleep(3)
    after = shown.stats(kvm)
    pictures = after["framesDecoded"] - before["framesDecoded"]
    rate = (after["bytesReceived"] - before["bytesReceived"]) / 3
    db, _ = shown.await_like(kvm)
    return expect(pictures == 0, f"{pictures} pictures, {rate:.0f} bytes/s of media, {db:.1f} dB")


@check
def leaves(kvm):
    """who leaves is gone from the viewers, and a newcomer starts at once"""
    before = wait_until(lambda: kvm.server.state()["viewers"] == 1)
    kvm.browser.open(kvm.server.base + "/?codec=mjpeg")
    kvm.await_data("live", "true")
    start = time.monotonic()
    kvm.browser.open(kvm.server.base + "/?codec=webrtc")
    kvm.await_data("codec", "WebRTC", seconds=15)
    took = time.monotonic() - start
    viewers = wait_until(lambda: kvm.server.state()["viewers"] == 1, seconds=20)
    take_control(kvm)
    db, _ = shown.await_like(kvm)
    return expect(before and viewers, f"{kvm.server.state()['viewers']} viewers; opened within {took * 1000:.0f} ms, {db:.1f} dB")


@check
def unable(kvm):
    """a browser without WebRTC gets H.264, and its keys arrive"""
    added = kvm.browser.devtools("Page.addScriptToEvaluateOnNewDocument", source="window.RTCPeerConnection = undefined;")
    try:
        kvm.browser.open(kvm.server.base + "/?codec=webrtc")
        kvm.await_data("codec", "H.264", seconds=10)
        take_control(kvm)
        kvm.console()
        kvm.browser.type("otherwise")
        kvm.await_text(PROMPT + "otherwise")
    finally:
        kvm.browser.devtools("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])
    return kvm.data("codec")
