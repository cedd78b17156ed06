"""Frames to replay: raw, 32 bits a pixel, blue in the lowest byte."""

import os
import subprocess


class Frames:
    """A file of frames, and what is needed to replay it."""

    def __init__(self, path, width, height, rate=20):
        self.path, self.width, self.height, self.rate = path, width, height, rate
        self.count = os.path.getsize(path) // (width * height * 4)

    def options(self):
        """The server's options for them."""
        size = f"{self.width}x{self.height}:XR24"
        return "--replay", self.path, "--replay-format", size, "--replay-rate", str(self.rate)

    def last(self):
        """The last frame, with zeros for what fills pixels up."""
        length = self.width * self.height * 4
        with open(self.path, "rb") as file:
            file.seek((self.count - 1) * length)
            return without_fill(file.read(length))


def make(folder, name, source, width=640, height=400, seconds=2, rate=20):
    """Frames that ffmpeg draws."""
    path = os.path.join(folder, f"{name}.raw")
    graph = source.format(size=f"size={width}x{height}:rate={rate}")
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", graph, "-t", str(seconds), "-pix_fmt", "bgr0"]
        + ["-f", "rawvideo", path],
        check=True,
    )
    return Frames(path, width, height, rate)


def without_fill(pixels):
    """The same pixels with zeros for the bytes that fill them up."""
    pixels = bytearray(pixels)
    pixels[3::4] = bytes(len(pixels) // 4)
    return bytes(pixels)


def of_rgb(rgb):
    """Pixels of three bytes, red first, as frames have them."""
    pixels = bytearray(len(rgb) // 3 * 4)
    pixels[0::4], pixels[1::4], pixels[2::4] = rgb[2::3], rgb[1::3], rgb[0::3]
    return bytes(pixels)


def same(seen, wanted, what):
    """Complains unless two pictures are the same, pixel by pixel."""
    if seen != wanted:
        different = sum(seen[at : at + 4] != wanted[at : at + 4] for at in range(0, min(len(seen), len(wanted)), 4))
        raise RuntimeError(f"{what}: {different} pixels differ, lengths {len(seen)} and {len(wanted)}")


def of_rgba(rgba):
    """Pixels of four bytes, red first, as frames have them."""
    pixels = bytearray(len(rgba))
    pixels[0::4], pixels[1::4], pixels[2::4] = rgba[2::4], rgba[1::4], rgba[0::4]
    return bytes(pixels)
