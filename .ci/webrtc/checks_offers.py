"""Who may offer what, and how it is answered."""

import subprocess
import tempfile

from kvm import check, expect

SDP = "application/sdp"


def post(server, body, kind=SDP, cookie=True, origin=True):
    headers = {"Content-Type": kind}
    if cookie:
        headers["Cookie"] = server.cookie
    if origin:
        headers["Origin"] = server.base
    return server.ask("POST", "/whep", body, headers)


@check
def offers(kvm):
    """offers from elsewhere, of strangers, too long, of another kind or senseless are refused"""
    kvm.browser.open(kvm.server.link)
    kvm.server.cookie = kvm.browser.cookies()
    cases = {
        "no session": (post(kvm.server, b"v=0\r\n", cookie=False), 401),
        "another origin": (post(kvm.server, b"v=0\r\n", origin=False), 403),
        "JSON": (post(kvm.server, b"{}", kind="application/json"), 415),
        "nothing": (post(kvm.server, b""), 400),
        "noise": (post(kvm.server, bytes(range(32, 120)) * 20), 400),
        "not UTF-8": (post(kvm.server, b"v=0\r\n\xff\xfe"), 400),
        "70 KB": (post(kvm.server, b"v=0\r\n" + b"a=x\r\n" * 14_000), 413),
        "a stranger's name": (kvm.server.ask("DELETE", "/whep/0000", None, {"Cookie": kvm.server.cookie, "Origin": kvm.server.base}), 404),
    }
    for name, ((status, body, _), expected) in cases.items():
        expect(status == expected, f"{name}: {status} {body[:200]!r}")
    return ", ".join(f"{name} {expected}" for name, (_, expected) in cases.items())


@check
def not_granted(kvm):
    """a manifest that does not allow the socket keeps the server from starting"""
    plain = subprocess.run([kvm.program, "--print-manifest", "--listen=127.0.0.1:0"], capture_output=True, text=True, check=True).stdout
    expect("udp:" not in plain, plain)
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as manifest:
        manifest.write(plain)
        manifest.flush()
        command = [kvm.program, "--listen=127.0.0.1:0", "--webrtc=127.0.0.1:0", f"--manifest={manifest.name}"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    expect(ended.returncode == 2 and "udp:127.0.0.1:0" in ended.stderr, f"{ended.returncode} {ended.stderr!r}")
    return ended.stderr.strip()
