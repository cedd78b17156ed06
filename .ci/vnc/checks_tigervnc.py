"""TigerVNC's viewer: what its window shows, and what is typed and clicked in it."""

import contextlib
import functools
import os
import re
import subprocess
import tempfile
import time

from screen import Screen
from server import Server

LOSSLESS = {
    "Tight without JPEG": ["-PreferredEncoding=Tight", "-NoJPEG"],
    "ZRLE": ["-PreferredEncoding=ZRLE"],
    "Raw": ["-PreferredEncoding=Raw"],
}


@contextlib.contextmanager
def viewer(screen, server, *options, security=("-SecurityTypes=None",), environment=()):
    """The running viewer."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["xtigervncviewer", "-AutoSelect=0", "-RemoteResize=0", *security, *options]
            + [f"localhost::{server.port}"],
            env={**screen.environment(), **dict(environment)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        except RuntimeError as error:
            log.seek(0)
            said = log.read().decode(errors="replace").strip()
            raise RuntimeError(f"{error}; the viewer ({process.poll()}) said: {said}") from error
        finally:
            process.terminate()
            process.wait(timeout=10)


def check(judge):
    """its window shows the last frame; keys, pointer, buttons and wheel arrive; what it holds comes up"""
    for name, frames in judge.sequences.items():
        if frames.width > 1280:
            continue
        for encoding, options in LOSSLESS.items():
            with Screen() as screen, Server(judge.server, *frames.options()) as server:
                with viewer(screen, server, *options):
                    window = screen.await_window(frames.width, frames.height)
                    screen.await_picture(window, frames.last(), f"{name} by {encoding}")
            print(f"    {name} by {encoding}: the window shows the last frame", flush=True)
    with Screen() as screen, Server(judge.server, "--virtual-size", "800x600") as server:
        with viewer(screen, server, "-PreferredEncoding=ZRLE"):
            window = screen.await_window(800, 600)
            type_and_point(screen, server, window)
            # Gone with a key down: it comes up, and a capital is typed no more.
            screen.run("xdotool", "keydown", "shift")
            time.sleep(0.3)
        with viewer(screen, server, "-PreferredEncoding=ZRLE"):
            window = screen.await_window(800, 600)
            focus(screen, window)
            screen.run("xdotool", "keyup", "shift")
            screen.run("xdotool", "type", "--delay", "40", "lower")
            server.await_target("lower")
    print("    keys, pointer, buttons and wheel arrive; the next viewer types in lower case", flush=True)
    come_in(judge)


def come_in(judge):
    """With a certificate, a name and a password, and with the password of VNC authentication; not with wrong ones."""
    path = functools.partial(os.path.join, judge.folder)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost", "-keyout", path("key.pem"), "-out", path("certificate.pem")],
        check=True,
        capture_output=True,
    )
    private(path("users"), b"ada:secret\n")
    private(path("password"), b"secret\n")
    tls = ["--certificate", path("certificate.pem"), "--key", path("key.pem"), "--users", path("users")]
    x509 = ["-SecurityTypes=X509Plain", "-X509CA=" + path("certificate.pem")]
    for password, is_right in [("secret", True), ("wrong", False)]:
        environment = {"VNC_USERNAME": "ada", "VNC_PASSWORD": password}
        is_in = comes_in(judge, tls, x509, environment)
        if is_in != is_right:
            raise RuntimeError(f"in with {password!r} through TLS: {is_in}")
        offered = ["--vnc-password", path("password")]
        is_in = comes_in(judge, offered, ["-SecurityTypes=VncAuth"], {"VNC_PASSWORD": password})
        if is_in != is_right:
            raise RuntimeError(f"in with {password!r} by VNC authentication: {is_in}")
    print("    through TLS and by VNC authentication the right password lets in, and no other", flush=True)


def comes_in(judge, offered, wanted, environment):
    with Screen() as screen, Server(judge.server, "--virtual-size", "640x400", security=offered) as server:
        with viewer(screen, server, "-AlertOnFatalError=0", security=wanted, environment=environment):
            try:
                screen.await_window(640, 400, seconds=8)
                return True
            except RuntimeError:
                return False


def private(path, content):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def focus(screen, window):
    """There is no window manager to do it."""
    screen.run("xdotool", "mousemove", "--window", window, "5", "5")
    screen.run("xdotool", "windowfocus", "--sync", window)
    time.sleep(0.5)


def move(screen, window, x, y):
    """The viewer overlooks a jump, so the pointer takes the last step to its place as a mouse would."""
    step = -1 if x == 0 or y == 0 else 1
    screen.run("xdotool", "mousemove", "--window", window, str(x - step), str(y - step))
    time.sleep(0.2)
    screen.run("xdotool", "mousemove_relative", "--", str(step), str(step))


def type_and_point(screen, server, window):
    server.await_target("> Start console")
    focus(screen, window)
    screen.run("xdotool", "key", "Return")
    text = "echo Hello, World! {}[]~\\|;:'\"<>?/@#$%^&*()_+-="
    time.sleep(0.3)
    screen.run("xdotool", "type", "--delay", "40", text)
    server.await_target(text)
    screen.run("xdotool", "key", "--delay", "40", "Return", "d", "e", "s", "k", "t", "o", "p", "Return")
    server.await_target("Desktop\n")
    for x, y in [(0, 0), (799, 599), (333, 444), (640, 0)]:
        move(screen, window, x, y)
        server.await_target(f"pointer {x},{y}\n")
    x, y = map(int, re.search(r'button "Clicked 0" at (\d+),(\d+)', server.target()).groups())
    move(screen, window, x + 20, y + 12)
    screen.run("xdotool", "click", "1")
    server.await_target('button "Clicked 1"')
    screen.run("xdotool", "click", "4", "click", "4", "click", "5")
    server.await_target("wheel 1,0")
