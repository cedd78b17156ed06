"""What a peer shows, and how much it is like what the server has."""

import base64
import os
import re
import subprocess
import tempfile
import time

from kvm import expect

# Coded text stands at 36 to 50 dB here: colour at half the resolution costs most.
ENOUGH_DB = 32.0


def likeness(one, other):
    """The PSNR of two encoded pictures in dB, as ffmpeg has it for RGB; infinite for equal ones."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("one.png", "other.png")]
        for path, encoded in zip(paths, (one, other)):
            with open(path, "wb") as file:
                file.write(encoded)
        command = ["ffmpeg", "-hide_banner", "-i", paths[0], "-i", paths[1], "-lavfi", "[0]format=rgb24[a];[1]format=rgb24[b];[a][b]psnr", "-f", "null", "-"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = re.search(r"average:(inf|[\d.]+)", said)
    if not found:
        raise RuntimeError(f"ffmpeg tells no PSNR: {said[-400:]}")
    return float(found[1])


def video(kvm):
    """What the page's video shows, as a PNG."""
    url = kvm.browser.run("return window.watched.shown()")
    return base64.b64decode(url.split(",", 1)[1])


def await_like(kvm, seconds=3):
    """Waits until the video shows what the server has; gives the PSNR and how long that took."""
    start = time.monotonic()
    best = 0.0
    while time.monotonic() - start < seconds:
        status, png = kvm.server.get("/snapshot.png")
        expect(status == 200, f"/snapshot.png answered {status}")
        took = time.monotonic() - start
        best = max(best, seen := likeness(png, video(kvm)))
        if seen >= ENOUGH_DB:
            return seen, took
    return expect(False, f"after {seconds} s the video is no more like it than {best:.1f} dB; {counted(kvm)}")


def stats(kvm):
    """What Chromium counts of the video."""
    return kvm.browser.run("return window.watched.stats()")


def counted(kvm, before=None):
    """What Chromium counted, in words; since then, if that is given."""
    now = stats(kvm)
    names = ("framesReceived", "framesDecoded", "keyFramesDecoded", "framesDropped", "packetsLost", "nackCount", "pliCount", "freezeCount")
    return ", ".join(f"{name} {now.get(name, 0) - (before or {}).get(name, 0)}" for name in names)


def frames(kvm):
    """Of each picture shown since the last time: when it was shown and when captured, in seconds of the monotonic clock."""
    offset = time.time() - time.monotonic()
    shown = kvm.browser.run("return window.watched.frames.splice(0)")
    now = time.monotonic()
    return [(at / 1000 - offset, _unwrapped(rtp, now)) for _, rtp, at, _ in shown if rtp is not None]


def _unwrapped(rtp, now):
    """A time of RTP's clock of 90 kHz as seconds before now."""
    ticks = int(now * 90_000)
    return (ticks - ((ticks - rtp) & 0xFFFFFFFF)) / 90_000
