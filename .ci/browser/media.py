"""What ffmpeg and ffprobe, which know nothing of this project, say of pictures and recordings."""

import json
import math
import subprocess


class Picture:
    """The pixels of an encoded picture."""

    def __init__(self, encoded):
        self.width, self.height = size(encoded)
        command = ["ffmpeg", "-v", "error", "-i", "pipe:", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:"]
        self._rgb = subprocess.run(command, input=encoded, capture_output=True, check=True).stdout

    def pixel(self, x, y):
        at = 3 * (y * self.width + x)
        return tuple(self._rgb[at : at + 3])

    def colours(self):
        """How many different colours there are, looking at every third pixel of every third row."""
        row = 3 * self.width
        return len({self._rgb[at : at + 3] for top in range(0, self.height, 3) for at in range(top * row, (top + 1) * row, 9)})

    def luma_psnr(self, other):
        """How close the luma (BT.709) of two pictures is, in decibels."""
        if (self.width, self.height) != (other.width, other.height):
            return 0.0
        pairs = zip(self._luma(), other._luma())
        error = sum((ours - theirs) ** 2 for ours, theirs in pairs) / (self.width * self.height)
        return 10 * math.log10(255**2 / error) if error else math.inf

    def _luma(self):
        weighted = zip(self._rgb[0::3], self._rgb[1::3], self._rgb[2::3])
        return [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in weighted]

    def changed(self, other, threshold=64):
        """The box (left, top, right, bottom) around the pixels that differ clearly, or None."""
        if (self.width, self.height) != (other.width, other.height):
            return (0, 0, self.width, self.height)
        row = 3 * self.width
        left, top, right, bottom = self.width, self.height, 0, 0
        for y in range(self.height):
            ours, theirs = self._rgb[y * row : (y + 1) * row], other._rgb[y * row : (y + 1) * row]
            if ours == theirs:
                continue
            places = [x // 3 for x in range(row) if abs(ours[x] - theirs[x]) > threshold]
            if places:
                left, right = min(left, places[0]), max(right, places[-1] + 1)
                top, bottom = min(top, y), y + 1
        return (left, top, right, bottom) if right else None


def size(encoded):
    """Width and height of an encoded picture."""
    stream = _probe(["-show_entries", "stream=width,height"], encoded)["streams"][0]
    return stream["width"], stream["height"]


def frames(path):
    """How many pictures ffprobe counts in a file by decoding it, and the name of the codec."""
    found = _probe(["-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames,codec_name"], path=path)
    stream = found["streams"][0]
    return int(stream["nb_read_frames"]), stream["codec_name"]


def decodes(path):
    """How many pictures ffmpeg decodes from a file."""
    command = ["ffmpeg", "-v", "error", "-i", path, "-f", "framemd5", "pipe:"]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return sum(1 for line in output.splitlines() if line and not line.startswith("#"))


def _probe(options, encoded=None, path="pipe:"):
    command = ["ffprobe", "-v", "error", *options, "-of", "json", path]
    return json.loads(subprocess.run(command, input=encoded, capture_output=True, check=True).stdout)
