"""A window with gtk-vnc's widget, which types texts and then writes its picture to the standard output."""

import argparse
import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("GtkVnc", "2.0")
from gi.repository import GLib, Gtk, GtkVnc  # noqa: E402 (the versions have to be said first)

from frames import of_rgb  # noqa: E402

options = argparse.ArgumentParser()
options.add_argument("port")
options.add_argument("--after", type=float, default=1)
options.add_argument("--type", nargs="*", default=[])
options = options.parse_args()

display = GtkVnc.Display()
display.set_lossy_encoding(False)
display.set_scaling(False)
window = Gtk.Window()
window.add(display)
window.show_all()


def begin(_):
    GLib.timeout_add(int(options.after * 1000), type_next, list("".join(options.type)))


def type_next(left):
    if left:
        key = left.pop(0)
        display.send_keys([{"\r": 0xFF0D}.get(key, ord(key))])
        GLib.timeout_add(60, type_next, left)
    else:
        GLib.timeout_add(500, finish)
    return False


def finish():
    pixels = display.get_pixbuf()
    stride, row = pixels.get_rowstride(), pixels.get_width() * 3
    data = pixels.get_pixels()
    rgb = b"".join(data[at * stride :][:row] for at in range(pixels.get_height()))
    sys.stdout.buffer.write(of_rgb(rgb))
    Gtk.main_quit()
    return False


def fail(*_):
    sys.exit("the connection broke")


display.connect("vnc-initialized", begin)
display.connect("vnc-disconnected", fail)
display.open_host("127.0.0.1", options.port)
Gtk.main()
