"""gtk-vnc: what its widget shows, and what is typed on it."""

import subprocess
import sys

from frames import same
from screen import Screen
from server import Server


def check(judge):
    """its widget shows the last frame, by its own choice of lossless encodings; keys arrive"""
    for name, frames in judge.sequences.items():
        with Screen() as screen, Server(judge.server, *frames.options()) as server:
            seconds = frames.count / frames.rate + 2
            seen = watch(screen, server, "--after", str(seconds))
        same(seen, frames.last(), f"gtk-vnc's picture of {name}")
        print(f"    {name}: the widget shows the last frame", flush=True)
    with Screen() as screen, Server(judge.server) as server:
        server.await_target("> Start console")
        watch(screen, server, "--after", "1", "--type", "\r", "echo gtk\r")
        server.await_target("\ngtk\n")
    print("    keys arrive", flush=True)


def watch(screen, server, *options):
    # The system's own, which has the bindings.
    command = ["/usr/bin/python3", "-B", f"{sys.path[0]}/gtk_vnc_client.py", str(server.port), *options]
    done = subprocess.run(command, env=screen.environment(), capture_output=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode())
    return done.stdout
