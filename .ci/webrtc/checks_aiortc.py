"""aiortc, which shares no code with Chromium or with str0m, as the peer."""

import asyncio
import json
import os
import subprocess
import tempfile

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription

import shown
from checks_offers import post
from kvm import check, expect


@check
def aiortc(kvm):
    """aiortc gets the pictures too, hears that it only watches, and leaves"""
    kvm.browser.open(kvm.server.base + "/?codec=mjpeg")
    kvm.await_data("live", "true")
    kvm.desktop()
    db, pictures, heard = asyncio.run(asyncio.wait_for(watch(kvm), 30))
    expect("watching only" in heard, heard)
    return expect(db >= shown.ENOUGH_DB, f"{pictures} pictures, {db:.1f} dB; {heard!r}")


# The relay is on this machine's own address, which aiortc leaves out.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


async def watch(kvm):
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
    status, answer, headers = await asyncio.to_thread(post, kvm, connection.localDescription.sdp.encode())
    expect(status == 201, f"{status} {answer[:300]!r}")
    await connection.setRemoteDescription(RTCSessionDescription(answer.decode(), "answer"))
    pictures, db = 0, 0.0
    refusal = await heard.get()
    while db < shown.ENOUGH_DB and pictures < 200:
        frame = await came.get()
        pictures += 1
        status, png = await asyncio.to_thread(kvm.server.get, "/snapshot.png")
        expect(status == 200, status)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "frame.png")
            await asyncio.to_thread(write, frame, path)
            with open(path, "rb") as file:
                db = shown.likeness(png, file.read())
    connection.reading.cancel()
    await connection.close()
    gone = {"Cookie": kvm.server.cookie, "Origin": kvm.server.base}
    status, _, _ = await asyncio.to_thread(kvm.server.ask, "DELETE", headers["Location"], None, gone)
    expect(status in (200, 404), status)
    return db, pictures, json.loads(refusal)["reason"]


def write(frame, path):
    """Writes a decoded picture as a PNG, its colours turned by ffmpeg as the stream says: Rec. 709, limited."""
    planes = b"".join(bytes(plane) for plane in without_padding(frame))
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{frame.width}x{frame.height}", "-i", "pipe:"]
    command += ["-vf", "scale=in_color_matrix=bt709:in_range=tv:out_range=pc", "-pix_fmt", "rgb24", "-y", path]
    subprocess.run(command, input=planes, check=True)


def without_padding(frame):
    """The rows of the planes, without what stands between them."""
    for plane in frame.planes:
        memory = bytes(plane)
        for row in range(plane.height):
            yield memory[row * plane.line_size : row * plane.line_size + plane.width]
