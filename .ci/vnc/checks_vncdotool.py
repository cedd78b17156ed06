"""vncdotool: what it captures, and what it types and clicks."""

import os
import re
import subprocess

from frames import of_rgb, same
from server import Server

TO_RAW = "import sys, PIL.Image as i; sys.stdout.buffer.write(i.open(sys.argv[1]).convert('RGB').tobytes())"


def check(judge):
    """a capture is the last frame; keys, pointer and buttons arrive"""
    python = os.path.join(judge.vncdotool, "bin", "python")
    program = os.path.join(judge.vncdotool, "bin", "vncdo")

    def vncdo(server, *commands):
        subprocess.run([program, "--delay=40", "-s", f"127.0.0.1::{server.port}", *commands], check=True, timeout=60)

    capture = os.path.join(judge.folder, "capture.png")
    for name, frames in judge.sequences.items():
        with Server(judge.server, *frames.options()) as server:
            seconds = frames.count / frames.rate + 1
            vncdo(server, "pause", str(seconds), "capture", capture)
        rgb = subprocess.run([python, "-c", TO_RAW, capture], check=True, capture_output=True).stdout
        same(of_rgb(rgb), frames.last(), f"a capture of {name}")
        print(f"    {name}: the capture is the last frame", flush=True)
    with Server(judge.server) as server:
        server.await_target("> Start console")
        vncdo(server, "key", "enter", "pause", "0.3", "type", "echo from-vncdotool", "key", "enter")
        server.await_target("\nfrom-vncdotool\n")
        vncdo(server, "type", "desktop", "key", "enter")
        server.await_target("Desktop\n")
        vncdo(server, "move", "1279", "719")
        server.await_target("pointer 1279,719\n")
        x, y = map(int, re.search(r'button "Clicked 0" at (\d+),(\d+)', server.target()).groups())
        vncdo(server, "move", str(x + 20), str(y + 12), "click", "1")
        server.await_target('button "Clicked 1"')
    print("    keys, pointer and buttons arrive", flush=True)
