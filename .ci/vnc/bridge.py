"""What a browser needs to reach a VNC server: the page with noVNC, and a WebSocket that ends at the server's port."""

import base64
import contextlib
import hashlib
import http.server
import os
import socket
import struct
import threading

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "novnc.html")
# RFC 6455, section 1.3.
ACCEPT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT_AND_BINARY, CLOSE, PING, PONG = (0, 1, 2), 8, 9, 10


class Bridge:
    """Serves noVNC from a folder; a context manager. `port_of_server` is where the next WebSocket leads."""

    def __init__(self, novnc):
        bridge = self
        self.port_of_server = None

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path == "/vnc":
                    self.close_connection = True
                    self.upgrade()
                elif self.path.startswith("/novnc/"):
                    inside = os.path.normpath(self.path.removeprefix("/novnc/"))
                    self.give(os.path.join(novnc, inside) if not inside.startswith(("..", "/")) else None)
                else:
                    self.give(PAGE if self.path.split("?")[0] == "/" else None)

            def give(self, path):
                if path is None or not os.path.isfile(path):
                    return self.send_error(404)
                with open(path, "rb") as file:
                    contents = file.read()
                self.send_response(200)
                self.send_header("Content-Type", "text/javascript" if path.endswith(".js") else "text/html")
                self.send_header("Content-Length", str(len(contents)))
                self.end_headers()
                self.wfile.write(contents)

            def upgrade(self):
                key = self.headers["Sec-WebSocket-Key"] + ACCEPT
                self.send_response(101)
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
                self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
                self.end_headers()
                with socket.create_connection(("127.0.0.1", bridge.port_of_server)) as server:
                    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    back = threading.Thread(target=pump_to_browser, args=(server, self.connection), daemon=True)
                    back.start()
                    with contextlib.suppress(OSError, EOFError):
                        pump_to_server(self.rfile, self.connection, server)
                    with contextlib.suppress(OSError):
                        server.shutdown(socket.SHUT_RDWR)
                    back.join(timeout=5)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def pump_to_browser(server, browser):
    """Wraps what the server says, until either has gone."""
    with contextlib.suppress(OSError):
        while contents := server.recv(1 << 16):
            browser.sendall(framed(2, contents))
        browser.sendall(framed(CLOSE, struct.pack(">H", 1000)))


def pump_to_server(browser, answers, server):
    """Unwraps what the browser says, until it closes."""
    while True:
        first, second = read(browser, 2)
        opcode, length = first & 15, second & 127
        if length >= 126:
            (length,) = struct.unpack(">H" if length == 126 else ">Q", read(browser, 2 if length == 126 else 8))
        # Browsers mask whatever they say (section 5.3).
        mask = read(browser, 4)
        contents = read(browser, length)
        contents = bytes(byte ^ mask[at & 3] for at, byte in enumerate(contents))
        if opcode in TEXT_AND_BINARY:
            server.sendall(contents)
        elif opcode == PING:
            answers.sendall(framed(PONG, contents))
        elif opcode == CLOSE:
            return


def framed(opcode, contents):
    """A whole message (section 5.2)."""
    length = len(contents)
    if length < 126:
        head = struct.pack(">BB", 0x80 | opcode, length)
    elif length < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, 126, length)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 127, length)
    return head + contents


def read(stream, count):
    contents = stream.read(count)
    if len(contents) < count:
        raise EOFError
    return contents
