"""An X screen without a monitor, for viewers that have windows."""

import os
import struct
import subprocess
import time

from frames import without_fill


class Screen:
    """Xvfb with 24 bits; a context manager."""

    def __init__(self, width=1400, height=900):
        reading, writing = os.pipe()
        self._process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=[writing],
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        with os.fdopen(reading) as answer:
            self.display = f":{answer.readline().strip()}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()

    def environment(self):
        return {**os.environ, "DISPLAY": self.display}

    def run(self, *command):
        return subprocess.run(command, env=self.environment(), check=True, capture_output=True).stdout

    def await_window(self, width, height, seconds=20):
        """The window that has this size."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = subprocess.run(
                ["xdotool", "search", "--onlyvisible", "--name", ".*"], env=self.environment(), capture_output=True
            )
            for window in found.stdout.split():
                shape = subprocess.run(
                    ["xdotool", "getwindowgeometry", "--shell", window], env=self.environment(), capture_output=True
                ).stdout.decode()
                if f"WIDTH={width}\nHEIGHT={height}\n" in shape:
                    return window.decode()
            time.sleep(0.1)
        raise RuntimeError(f"no window of {width}x{height} comes")

    def picture(self, window):
        """The pixels of a window, as frames have them."""
        dump = self.run("xwd", "-silent", "-id", window)
        header = struct.unpack(">25I", dump[:100])
        header_size, width, height = header[0], header[4], header[5]
        bits, stride, colours = header[11], header[12], header[19]
        if bits != 32 or header[7] != 0:
            raise RuntimeError(f"pictures of {bits} bits and byte order {header[7]} are not known here")
        pixels = dump[header_size + colours * 12 :]
        return without_fill(b"".join(pixels[row * stride :][: width * 4] for row in range(height)))

    def await_picture(self, window, wanted, what, seconds=20):
        """Waits until a window shows this."""
        end = time.monotonic() + seconds
        while (seen := self.picture(window)) != wanted:
            if time.monotonic() > end:
                different = sum(seen[at : at + 4] != wanted[at : at + 4] for at in range(0, len(wanted), 4))
                raise RuntimeError(f"{what}: {different} pixels differ")
            time.sleep(0.1)
