"""The page itself, its pictures, recordings and panels."""

import base64
import os
import re
import tempfile
import time

import media
from kvm import WINDOW, check, expect, pressed
from webdriver import wait_until


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
    return expect(seen and colours > 3, f"sequence {before} to {kvm.data('sequence')}, {colours} colours")


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


# Plays a file to its end, and gives the last picture as a data URL, or what went wrong.
PLAY = """
    const video = Object.assign(document.createElement('video'), { muted: true, src: arguments[0], playbackRate: 8 });
    return new Promise((done) => {
        const wrong = (words) => done(`${words} at ${video.currentTime} s of ${video.duration}`);
        setTimeout(() => wrong('it has not ended'), 20000);
        video.onerror = () => wrong(video.error.message);
        video.onended = () => {
            const canvas = Object.assign(document.createElement('canvas'), { width: video.videoWidth, height: video.videoHeight });
            canvas.getContext('2d').drawImage(video, 0, 0);
            done(canvas.toDataURL('image/png'));
        };
        video.play().catch((error) => wrong(error.message));
    });
"""


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
    expect(frames > 10 and 0 < of_cut < frames and codec == "h264", seen)
    # The browser's own player, at the end of the recording, and what the screen shows still.
    played = kvm.browser.run(PLAY, link)
    expect(played and played.startswith("data:image/png"), f"<video> says {played!r}")
    last = media.Picture(base64.b64decode(played.split(",", 1)[1]))
    closeness = last.luma_psnr(media.Picture(kvm.server.get("/snapshot.png")[1]))
    return expect(closeness > 30 and f"{seen}; <video> ends {closeness:.1f} dB from the screen", f"<video> ends {closeness:.1f} dB from the screen")


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
