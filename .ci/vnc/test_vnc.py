"""Checks the VNC server by viewers that other people wrote; `.ci/vnc/run` starts this."""

import argparse
import importlib
import tempfile
import traceback

from frames import Frames, make

VIEWERS = ["libvncclient", "tigervnc", "vncdotool", "gtk_vnc", "novnc"]
# Things that move over a still ground, a page that scrolls, and a picture that changes all over.
SEQUENCES = {
    "moving": "testsrc2={size}",
    "scroll": "smptehdbars={size},noise=alls=40:allf=u,trim=end_frame=1,loop=-1:1,scroll=vertical=0.02",
    "photo": "mandelbrot={size}",
}


class Judge:
    """What the checks work with."""

    def __init__(self, options, folder):
        self.server, self.client = options.server, options.client
        self.vncdotool, self.novnc = options.vncdotool, options.novnc
        self.folder = folder
        self.sequences = {name: make(folder, name, source) for name, source in SEQUENCES.items()}
        for given in options.frames:
            path, size = given.rsplit(":", 1)
            width, height = map(int, size.split("x"))
            self.sequences[path.rsplit("/", 1)[-1]] = Frames(path, width, height)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--server", required=True)
    options.add_argument("--client", required=True)
    options.add_argument("--vncdotool", required=True)
    options.add_argument("--novnc", required=True)
    options.add_argument("--only", choices=VIEWERS, action="append")
    options.add_argument("--frames", action="append", default=[], metavar="FILE:WIDTHxHEIGHT")
    options = options.parse_args()
    failed = []
    with tempfile.TemporaryDirectory(prefix="kvm-frames-") as folder:
        judge = Judge(options, folder)
        for viewer in options.only or VIEWERS:
            check = importlib.import_module(f"checks_{viewer}").check
            print(f"{viewer}: {check.__doc__}", flush=True)
            try:
                check(judge)
            except Exception:
                traceback.print_exc()
                failed.append(viewer)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")
    print("all viewers are content")


main()
