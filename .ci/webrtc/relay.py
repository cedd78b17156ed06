"""A line that delays and loses: a relay for datagrams between peers and a server."""

import heapq
import itertools
import random
import select
import socket
import threading
import time


class Relay:
    """Passes datagrams on between whoever sends to `port` and the server at `server_port`.

    Each way takes `delay` seconds. Of what goes to the peers a share of `loss` is lost, and all of it during a burst.
    """

    def __init__(self):
        self._public = _bound()
        self.port = self._public.getsockname()[1]
        self.server_port = _free_port()
        self.delay = 0.0
        self.loss = 0.0
        self.passed = self.lost = 0
        self._random = random.Random(7)
        self._burst_until = 0.0
        self._ways = {}  # from a peer's address to the socket that stands for it
        self._peers = {}  # the other way round
        self._on_the_way, self._order = [], itertools.count()
        self._ended = False
        threading.Thread(target=self._run, daemon=True).start()

    def burst(self, seconds):
        """Loses all that goes to the peers from now on; gives the moment of `time.monotonic` at which that ends."""
        self._burst_until = time.monotonic() + seconds
        return self._burst_until

    def close(self):
        self._ended = True

    def _run(self):
        while not self._ended:
            now = time.monotonic()
            while self._on_the_way and self._on_the_way[0][0] <= now:
                _, _, sender, to, datagram = heapq.heappop(self._on_the_way)
                sender.sendto(datagram, to)
            wait = self._on_the_way[0][0] - now if self._on_the_way else 0.2
            for readable in select.select([self._public, *self._peers], [], [], min(wait, 0.2))[0]:
                self._take(readable)

    def _take(self, readable):
        try:
            datagram, sender = readable.recvfrom(4096)
        except OSError:
            return  # Nobody listens at the other end: it was lost.
        due = time.monotonic() + self.delay
        if readable is self._public:
            if sender not in self._ways:
                self._ways[sender] = way = _bound()
                self._peers[way] = sender
            self._put(due, self._ways[sender], ("127.0.0.1", self.server_port), datagram)
            return
        if time.monotonic() < self._burst_until or self._random.random() < self.loss:
            self.lost += 1
            return
        self.passed += 1
        self._put(due, self._public, self._peers[readable], datagram)

    def _put(self, due, sender, to, datagram):
        heapq.heappush(self._on_the_way, (due, next(self._order), sender, to, datagram))


def _bound():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.bind(("127.0.0.1", 0))
    return made


def _free_port():
    with _bound() as made:
        return made.getsockname()[1]
