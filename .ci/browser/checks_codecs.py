"""The ways pictures come: exact rectangles, JPEG, H.264, MJPEG; what happens to broken ones; and how long a key takes."""

import contextlib
import os
import re

import media
from kvm import PROMPT, check, expect, take_control
from webdriver import wait_until

# What decoded pictures reach on a screen that stands still, colours in half the resolution included.
CLOSE_DB = 38
# Counts what goes into the browser's decoders and what comes out.
COUNT = """
    window.chunksIn = window.picturesOut = 0;
    const Decoder = VideoDecoder;
    window.VideoDecoder = class extends Decoder {
        constructor({ output, error }) {
            super({ error, output(frame) { window.picturesOut += 1; output(frame); } });
        }
        decode(chunk) {
            window.chunksIn += 1;
            super.decode(chunk);
        }
    };
"""
# The first payload of rectangles after `spoil()` is changed in the middle of it.
SPOIL = """
    let spoils = false;
    window.spoil = () => { spoils = true; };
    const take = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage').set;
    Object.defineProperty(WebSocket.prototype, 'onmessage', { set(handler) {
        take.call(this, (event) => {
            if (spoils && event.data.byteLength > 100) {
                spoils = false;
                const bytes = new Uint8Array(event.data);
                bytes.fill(0xaa, 40, 60);
            }
            handler(event);
        });
    } });
"""


@check
def exact(kvm):
    """rectangles are exact: the canvas is the server's own snapshot, pixel by pixel"""
    seen = []

    def look(what):
        seen.append(f"{what} {kvm.await_exact() * 1000:.0f} ms")

    expect(kvm.data("codec") == "Rectangles", f"the pictures come as {kvm.data('codec')}")
    kvm.restart()
    look("menu")
    kvm.console()
    kvm.browser.type("help")
    kvm.browser.press("Enter")
    look("text")
    kvm.browser.type("fill")
    kvm.browser.press("Enter")
    kvm.browser.press("Enter")
    look("scrolled")
    kvm.desktop()
    look("desktop")
    kvm.browser.type("Exactly this")
    start = ("move", *kvm.place(380, 90))
    kvm.browser.pointer(start, ("down",), ("move", *kvm.place(500, 200)), ("move", *kvm.place(760, 330)), ("up",))
    look("dragged")
    return ", ".join(seen)


@check
def newcomer(kvm):
    """whoever comes later sees the same, exactly, and who was there before goes on"""
    first = kvm.browser.window
    second = kvm.browser.new_window()
    kvm.browser.switch_to(second)
    try:
        kvm.browser.open(kvm.server.base + "/")
        kvm.await_data("live", "true")
        took = kvm.await_exact()
    finally:
        kvm.browser.close_window()
        kvm.browser.switch_to(first)
    kvm.console()
    kvm.browser.type("still here")
    kvm.await_text(PROMPT + "still here")
    return f"{took * 1000:.0f} ms, and then {kvm.await_exact() * 1000:.0f} ms"


@check
def spoiled(kvm):
    """a packet that was changed on its way is noticed, and the picture is exact again"""
    with script(kvm, SPOIL):
        kvm.reload()
        kvm.desktop()
        kvm.await_exact()
        kvm.browser.run("window.spoil()")
        kvm.browser.pointer(("move", *kvm.place(380, 90)), ("down",), ("move", *kvm.place(500, 250)), ("up",))
        words = wait_until(lambda: "could not be painted" in kvm.browser.text("#toasts") and kvm.browser.text("#toasts"))
        expect(words, "nothing was said of it")
        took = kvm.await_exact()
        codec = kvm.data("codec")
    kvm.reload()
    return expect(codec == "Rectangles", f"{words!r}, exact after {took * 1000:.0f} ms, as {codec}")


@check
def as_jpeg(kvm):
    """asked for JPEG, the page gets JPEG"""
    with asked(kvm, "jpeg"):
        kvm.await_data("codec", "JPEG")
        seen = written(kvm, "jpeg")
    return seen


@check
def as_h264(kvm):
    """asked for H.264, the page gets H.264, and the canvas is close to the server's own snapshot"""
    seen = []
    with asked(kvm, "h264"):
        kvm.await_data("codec", "H.264")
        seen.append(written(kvm, "h264"))
        seen.append(f"console {close_to_the_source(kvm):.1f} dB")
        kvm.browser.type("fill")
        kvm.browser.press("Enter")
        kvm.browser.press("Enter")
        kvm.await_text(PROMPT)
        seen.append(f"scrolled {close_to_the_source(kvm):.1f} dB")
        kvm.desktop()
        start = ("move", *kvm.place(380, 90))
        kvm.browser.pointer(start, ("down",), ("move", *kvm.place(500, 200)), ("move", *kvm.place(760, 330)), ("up",))
        seen.append(f"dragged {close_to_the_source(kvm):.1f} dB")
    return ", ".join(seen)


@check
def h264_at_once(kvm):
    """every picture of H.264 comes out of the browser's decoder without another one going in"""
    with script(kvm, COUNT), asked(kvm, "h264"):
        kvm.await_data("codec", "H.264")
        kvm.console()
        for word in ["each ", "of ", "these"]:
            kvm.browser.type(word, pause_ms=30)
            kvm.settle()
            counts = kvm.browser.run("return [window.chunksIn, window.picturesOut]")
            expect(counts[0] == counts[1] > 0, f"{counts[0]} went in, {counts[1]} came out")
    return f"{counts[0]} in, {counts[1]} out"


@check
def unknown(kvm):
    """asked for a codec that the server does not have, the page says so and shows what there is"""
    if "openh264" in kvm.server.state()["codecs"]:
        return "this server has them all"
    kvm.reload("?codec=openh264")
    words = wait_until(lambda: kvm.browser.text("#toasts"))
    expect("openh264" in words and kvm.data("codec") == "Rectangles", f"{words!r}, {kvm.data('codec')}")
    kvm.reload()
    # The browser itself writes of the refusal; nothing else may stand there.
    errors = [entry["message"] for entry in kvm.browser.console() if entry["level"] == "SEVERE"]
    expect(all("codec=openh264" in error for error in errors), errors)
    return repr(words)


@check
def as_mjpeg(kvm):
    """asked for MJPEG, the browser shows it by itself, keys and pointer work, and it can be saved"""
    with asked(kvm, "mjpeg"):
        kvm.await_data("codec", "MJPEG")
        expect(kvm.browser.visible("#film"), "the image is not to be seen")
        seen = written(kvm, "mjpeg")
        kvm.desktop()
        kvm.browser.pointer(("move", *kvm.place(333, 222)))
        kvm.await_text("pointer 333,222\n")
        sizes = kvm.browser.run("return [...document.querySelectorAll('#picture, #film')].map((one) => JSON.stringify(one.getBoundingClientRect()))")
        expect(sizes[0] == sizes[1], f"canvas and image are not in one place: {sizes}")
        before = set(os.listdir(kvm.browser.downloads))
        kvm.browser.click("#snapshot-open")
        kvm.browser.click("#snapshot-png")
        new = lambda: [name for name in set(os.listdir(kvm.browser.downloads)) - before if name.endswith(".png")]
        expect(wait_until(new), "no PNG was saved")
        with open(os.path.join(kvm.browser.downloads, new()[0]), "rb") as file:
            colours = media.Picture(file.read()).colours()
    return expect(colours > 3, f"{seen}; saved with {colours} colours")


@check
def unable(kvm):
    """where rectangles do not work the page goes on with JPEG, and where that does not either, with MJPEG"""
    seen = []
    for broken, codec in [("ImageData = undefined;", "JPEG"), ("ImageData = createImageBitmap = undefined;", "MJPEG")]:
        with script(kvm, broken):
            kvm.browser.open(kvm.server.base + "/")
            # Trouble comes with pictures.
            for _ in range(40):
                if kvm.data("codec") == codec:
                    break
                kvm.focus()
                kvm.browser.type("x", pause_ms=100)
            kvm.await_data("codec", codec)
            kvm.await_data("live", "true")
            take_control(kvm)
            seen.append(written(kvm, codec.lower()))
    kvm.reload()
    return "; ".join(seen)


@check
def photons(kvm):
    """from a key to its effect is measured, shown, and counted by the server"""
    kvm.console()
    before = (kvm.server.state()["stats"]["photon"] or {"count": 0})["count"]
    kvm.browser.click("#probe")
    words = wait_until(lambda: re.search(r"median (\d+) ms, .* 20 keys", kvm.browser.text("#photon-words")), seconds=30)
    expect(words, f"it says {kvm.browser.text('#photon-words')!r}")
    expect(kvm.server.target().endswith(PROMPT + "\n") or PROMPT in kvm.server.target(), "the keys did not undo each other")
    bars = kvm.browser.run("return [...document.querySelectorAll('#photons i')].filter((one) => parseFloat(one.style.height) > 0).length")
    stats = wait_until(lambda: (found := kvm.server.state()["stats"]["photon"]) and found["count"] == before + 20 and found)
    metrics = kvm.server.get("/metrics")[1].decode()
    expect(stats and f"kvm_input_to_photon_seconds_count {before + 20}\n" in metrics, f"the server counts {stats}")
    expect(bars > 0 and abs(stats["median_us"] / 1000 - int(words[1])) < 20, f"{bars} bars, {stats}, {words[0]!r}")
    kvm.focus()
    return f"{words[0]}; the server: {stats}"


def close_to_the_source(kvm):
    """How close the canvas comes to the server's own snapshot, in decibels of luma, once it is not bettered any more."""
    kvm.settle()
    status, png = kvm.server.get("/snapshot.png")
    expect(status == 200, f"/snapshot.png answered {status}")
    closeness = media.Picture(png).luma_psnr(kvm.canvas())
    expect(closeness > CLOSE_DB, f"{closeness:.1f} dB")
    return closeness


def written(kvm, word):
    """Types a word in the console, and sees that the picture changed there."""
    kvm.console()
    row = kvm.server.target().split("\n").index(PROMPT)
    kvm.settle()
    before = kvm.picture()
    kvm.browser.type(word)
    kvm.await_text(PROMPT + word)
    kvm.settle()
    box = before.changed(kvm.picture())
    expect(box and box[1] >= row * 16 - 16 and box[3] <= row * 16 + 32, f"the picture changed within {box}")
    return f"{word} within {box}"


@contextlib.contextmanager
def asked(kvm, codec):
    """The page as it is when it is asked for a codec."""
    kvm.reload(f"?codec={codec}")
    try:
        yield
    finally:
        kvm.reload()


@contextlib.contextmanager
def script(kvm, source):
    """Runs a script in every page that is opened meanwhile, before the page's own."""
    added = kvm.browser.devtools("Page.addScriptToEvaluateOnNewDocument", source=source)
    try:
        yield
    finally:
        kvm.browser.devtools("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])
