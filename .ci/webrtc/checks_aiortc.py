"""aiortc, which shares no code with Chromium or with str0m, as the peer."""

import asyncio
import json
import subprocess

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription

import shown
from checks_offers import post
from kvm import check, expect
from server import Server


@check
def aiortc(kvm):
    """aiortc gets the pictures too, hears that it only watches, and leaves"""
    # Its buffer holds 128 packets, which a key picture of a large screen is more than.
    server = Server(kvm.program, options=["--webrtc=127.0.0.1:0", "--virtual-size=640x360"])
    try:
        kvm.browser.open(server.link)
        server.cookie = kvm.browser.cookies()
        kvm.await_data("control", "yours", "#kvm")
        kvm.focus()
        db, pictures, heard = asyncio.run(asyncio.wait_for(watch(kvm, server), 40))
    finally:
        server.kill()
    expect("watching only" in heard, heard)
    return expect(db >= shown.ENOUGH_DB, f"{pictures} pictures, {db:.1f} dB; {heard!r}")


# The relay is on this machine's own address, which aiortc leaves out.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


async def watch(kvm, server):
    """Gives how like the server's the newest picture is, how many came, and what was said."""
    connection = RTCPeerConnection()
    came, heard = asyncio.Queue(), asyncio.Queue()
    connection.addTransceiver("video", direction="recvonly")
    channel = connection.createDataChannel("input")
    channel.on("open", lambda: channel.send(json.dumps({"type": "key", "code": "KeyA", "down": True})))
    channel.on("message", heard.put_nowait)

    @connection.on("track")
    def take(track):
        async def read():
            while True:
                came.put_nowait(await track.recv())

        connection.reading = asyncio.ensure_future(read())

    await connection.setLocalDescription(await connection.createOffer())
    status, answer, headers = await asyncio.to_thread(post, server, connection.localDescription.sdp.encode())
    expect(status == 201, f"{status} {answer[:300]!r}")
    await connection.setRemoteDescription(RTCSessionDescription(answer.decode(), "answer"))
    refusal = await heard.get()
    # aiortc hands a picture out when the next one begins, so there have to be several.
    snapshots = []
    for key in ("ArrowDown", "ArrowUp", "ArrowDown", "ArrowUp"):
        await asyncio.to_thread(kvm.browser.press, key)
        await asyncio.sleep(0.5)
        status, png = await asyncio.to_thread(server.get, "/snapshot.png")
        expect(status == 200, status)
        snapshots.append(png)
    pictures, db = 0, 0.0
    while not came.empty():
        png = await asyncio.to_thread(encoded, came.get_nowait())
        pictures += 1
        db = max([db, *(shown.likeness(snapshot, png) for snapshot in snapshots)])
    connection.reading.cancel()
    await connection.close()
    gone = {"Cookie": server.cookie, "Origin": server.base}
    status, _, _ = await asyncio.to_thread(server.ask, "DELETE", headers["Location"], None, gone)
    expect(status in (200, 404), status)
    return db, pictures, json.loads(refusal)["reason"]


def encoded(frame):
    """A decoded picture as a PNG, its colours turned by ffmpeg as the stream says: Rec. 709, limited."""
    planes = b"".join(bytes(plane) for plane in without_padding(frame))
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{frame.width}x{frame.height}", "-i", "pipe:"]
    command += ["-vf", "scale=in_color_matrix=bt709:in_range=tv:out_range=pc,format=rgb24", "-f", "image2pipe", "-c:v", "png", "pipe:"]
    return subprocess.run(command, input=planes, capture_output=True, check=True).stdout


def without_padding(frame):
    """The rows of the planes, without what stands between them."""
    for plane in frame.planes:
        memory = bytes(plane)
        for row in range(plane.height):
            yield memory[row * plane.line_size : row * plane.line_size + plane.width]
