"""hub.py - moves bytes between a machine's serial ports and whoever listens.

One thread, one selector. A Channel is one serial port of the machine: every
byte that comes out goes to a log, to the peers that are connected now, and to
an optional watcher; what peers send goes in, paced, because an emulated UART
has 16 bytes of FIFO and no flow control. Nobody who is slow holds up the
machine: what a peer does not read is kept for it.
"""
import os
import selectors
import socket
import threading
import time

CHUNK = 65536
PEER_LIMIT = 64 << 20       # bytes kept for a peer that does not read


class Channel:
    """One serial port. Fields are the hub's once add_channel() was called."""

    def __init__(self, name, fd, log_path, pace=1, watch=None):
        self.name = name
        self.fd = fd                # the machine's end: pty master or socket
        self.log = open(log_path, "wb", buffering=0)
        # Bytes a millisecond into the machine: faster than 115,200 baud would
        # be lost, as the UART has 16 bytes of FIFO and no flow control.
        self.pace = pace
        self.watch = watch          # called with each piece that comes out
        self.peers = {}             # fd -> bytearray that waits to be sent
        self.pending = bytearray()  # waits to go into the machine
        self.next_send = 0.0


class Hub:
    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._wake_r, self._wake_w = os.pipe()
        os.set_blocking(self._wake_r, False)
        os.set_blocking(self._wake_w, False)
        self._selector.register(self._wake_r, selectors.EVENT_READ,
                                ("wake", None, None))
        self._channels = []
        self._listeners = []
        self._inbox = []
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True,
                                        name="serial-hub")

    # -- called by anybody -------------------------------------------------

    def start(self):
        self._thread.start()

    def add_channel(self, channel):
        os.set_blocking(channel.fd, False)
        self._post(("channel", channel, None))

    def add_peer(self, channel, fd, replay=b""):
        """Connect @fd (a socket, or a tty) to @channel."""
        os.set_blocking(fd, False)
        self._post(("peer", channel, (fd, bytes(replay))))

    def listen(self, channel, path):
        """Accept peers of @channel on a unix socket."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.bind(path)
        os.chmod(path, 0o600)
        s.listen(4)
        s.setblocking(False)
        self._post(("listen", channel, (s, path)))

    def send(self, channel, data):
        """Type @data into the machine."""
        self._post(("send", channel, bytes(data)))

    def stop(self):
        """Drain what the machine still said, close everything, end."""
        with self._lock:
            self._stop = True
        self._wake()
        self._thread.join(timeout=5)

    # -- the hub's thread --------------------------------------------------

    def _post(self, item):
        with self._lock:
            self._inbox.append(item)
        self._wake()

    def _wake(self):
        try:
            os.write(self._wake_w, b"x")
        except (BlockingIOError, OSError):
            pass

    def _run(self):
        while True:
            with self._lock:
                inbox, self._inbox = self._inbox, []
                stop = self._stop
            for kind, channel, arg in inbox:
                self._take(kind, channel, arg)
            if stop:
                break
            busy = any(c.pending for c in self._channels)
            for key, events in self._selector.select(0.001 if busy else 1.0):
                self._event(key, events)
            for c in self._channels:
                self._feed(c)
        self._close()

    def _take(self, kind, channel, arg):
        if kind == "channel":
            self._channels.append(channel)
            self._selector.register(channel.fd, selectors.EVENT_READ,
                                    ("machine", channel, None))
        elif kind == "peer":
            fd, replay = arg
            channel.peers[fd] = bytearray(replay)
            self._selector.register(fd, selectors.EVENT_READ,
                                    ("peer", channel, None))
            self._flush(channel, fd)
        elif kind == "listen":
            sock, path = arg
            self._listeners.append((sock, path))
            self._selector.register(sock, selectors.EVENT_READ,
                                    ("listener", channel, sock))
        elif kind == "send":
            channel.pending += arg

    def _event(self, key, events):
        what, channel, arg = key.data
        if what == "wake":
            try:
                os.read(self._wake_r, 4096)
            except BlockingIOError:
                pass
        elif what == "machine":
            self._from_machine(channel)
        elif what == "listener":
            conn, _ = arg.accept()
            conn.setblocking(False)
            self._take("peer", channel, (conn.detach(), b""))
        elif what == "peer":
            if events & selectors.EVENT_WRITE:
                self._flush(channel, key.fd)
            if events & selectors.EVENT_READ and key.fd in channel.peers:
                self._from_peer(channel, key.fd)

    def _from_machine(self, channel):
        try:
            data = os.read(channel.fd, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""      # EIO: nobody has the pty's other end open
        if not data:
            return False
        channel.log.write(data)
        if channel.watch:
            channel.watch(data)
        for fd in list(channel.peers):
            waiting = channel.peers[fd]
            if len(waiting) < PEER_LIMIT:
                waiting += data
            self._flush(channel, fd)
        return True

    def _from_peer(self, channel, fd):
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(channel, fd)
            return
        channel.pending += data

    def _feed(self, channel):
        now = time.monotonic()
        if not channel.pending or now < channel.next_send:
            return
        try:
            n = os.write(channel.fd, channel.pending[:channel.pace])
        except BlockingIOError:
            n = 0
        except OSError:
            channel.pending.clear()
            return
        del channel.pending[:n]
        channel.next_send = now + 0.001

    def _flush(self, channel, fd):
        waiting = channel.peers.get(fd)
        if waiting is None:
            return
        try:
            while waiting:
                n = os.write(fd, waiting[:CHUNK])
                del waiting[:n]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(channel, fd)
            return
        mask = selectors.EVENT_READ
        if waiting:
            mask |= selectors.EVENT_WRITE
        try:
            self._selector.modify(fd, mask, ("peer", channel, None))
        except KeyError:
            pass

    def _drop(self, channel, fd):
        if channel.peers.pop(fd, None) is None:
            return      # dropped already, by the other direction
        try:
            self._selector.unregister(fd)
        except KeyError:
            pass
        os.close(fd)

    def _close(self):
        for c in self._channels:
            for _ in range(1000):
                before = c.log.tell()
                if not self._from_machine(c) or c.log.tell() == before:
                    break
            for fd in list(c.peers):
                os.set_blocking(fd, False)
                self._flush(c, fd)
                if fd in c.peers:
                    self._drop(c, fd)
            try:
                self._selector.unregister(c.fd)
            except KeyError:
                pass
            os.close(c.fd)
            c.log.close()
        for sock, path in self._listeners:
            sock.close()
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
