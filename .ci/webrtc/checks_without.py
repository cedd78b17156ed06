"""A server without WebRTC; after it no other check sees the first server, whose session ends with it."""

from kvm import check, expect
from server import Server


@check
def without(kvm):
    """a server that was not asked for it has none, and the page says so and goes on"""
    # Its cookie takes the place of the other's, whose port is another: cookies know nothing of ports.
    server = Server(kvm.program)
    try:
        kvm.browser.open(server.link)
        kvm.await_data("live", "true")
        kvm.browser.open(server.base + "/?codec=webrtc")
        kvm.await_data("live", "true")
        codec, words = kvm.data("codec"), kvm.browser.text("#toasts")
        expect(codec == "Rectangles" and "webrtc" in words, f"{codec}, {words!r}")
    finally:
        server.kill()
    return f"{words!r}, {codec}"
