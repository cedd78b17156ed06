"""libvncclient: every picture it ever has is one of the frames, pixel for pixel."""

import subprocess

from server import Server

LOSSLESS = ["raw", "copyrect raw", "tight copyrect raw", "tight raw", "zrle copyrect raw", "zrle raw"]


def check(judge):
    """each lossless encoding, over each sequence"""
    for name, frames in judge.sequences.items():
        sizes = {}
        for encodings in LOSSLESS:
            with Server(judge.server, *frames.options()) as server:
                done = subprocess.run(
                    [judge.client, str(server.port), encodings, frames.path, str(frames.width), str(frames.height)],
                    capture_output=True,
                    text=True,
                    timeout=200,
                )
            if done.returncode != 0:
                raise RuntimeError(f"{name} by {encodings}: {done.stdout}{done.stderr}")
            print(f"    {name} by {encodings}: {done.stdout.strip()}", flush=True)
            sizes[encodings] = int(done.stdout.split()[-2])
        if name == "scroll" and sizes["copyrect raw"] * 2 > sizes["raw"]:
            raise RuntimeError(f"what scrolls is not copied: {sizes}")
