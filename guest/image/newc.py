"""newc.py - write a cpio archive in the kernel's "newc" format.

No root and no cpio needed: owners, modes and device nodes are just numbers in
the headers. The same input gives the same bytes.
"""
import stat


class Archive:
    def __init__(self, out):
        self.out = out
        self.ino = 0
        self.size = 0

    def _write(self, data):
        self.out.write(data)
        self.size += len(data)

    def _pad(self):
        self._write(b"\0" * (-self.size % 4))

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self.ino += 1
        raw = name.encode() + b"\0"
        fields = [
            self.ino, mode, 0, 0, 1, 0, len(data), 0, 0,
            rdev[0], rdev[1], len(raw), 0,
        ]
        self._write(b"070701" + b"".join(b"%08X" % f for f in fields))
        self._write(raw)
        self._pad()
        self._write(data)
        self._pad()

    def directory(self, name, mode=0o755):
        self._entry(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644):
        self._entry(name, stat.S_IFREG | mode, data)

    def symlink(self, name, target):
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def char_device(self, name, major, minor, mode=0o600):
        self._entry(name, stat.S_IFCHR | mode, rdev=(major, minor))

    def close(self):
        self._entry("TRAILER!!!", 0)
        self._write(b"\0" * (-self.size % 512))
