"""stage.py - what the scenes of a demo stand on.

A Stage is a running machine, bhk on its COM2, and the text that a person
reads: what is done (with the command, to be repeated by hand), what is seen,
and whether that was expected. Each check is kept for --json.

Nothing sleeps for a fixed time: what takes time is waited for in the machine's
own time, because an emulator may be ten times slower than the clock on the
wall.
"""
import contextlib
import json
import re
import socket
import subprocess
import time

SAY_EVERY_S = 2         # a wait that takes longer says so
ASK_EVERY_S = 0.25
COMMAND_S = 120
WIDTH = 100             # what commands print is cut there


class Missed(Exception):
    """What was expected did not come."""


class Stage:
    def __init__(self, machine, bhk, out):
        self.machine, self._bhk, self._out = machine, bhk, out
        self.scenes = []

    # -- what a person reads -------------------------------------------------

    def say(self, text=""):
        print(text, file=self._out, flush=True)

    def tell(self, text):
        self.say("  " + text)

    def show(self, text, limit=None):
        lines = text.rstrip().splitlines()
        for line in lines[:limit]:
            self.say("    | " + (line if len(line) <= WIDTH else
                                 line[:WIDTH - 3] + "..."))
        if limit and len(lines) > limit:
            self.say("    | ... (%d more lines)" % (len(lines) - limit))

    @contextlib.contextmanager
    def scene(self, name, title):
        """One scene; its checks and its time go to the results."""
        self.scenes.append({"name": name, "title": title, "ok": False,
                            "seconds": 0, "checks": [], "seen": {}})
        self.say("\n== %d. %s ==\n" % (len(self.scenes), title))
        start = time.monotonic()
        try:
            yield self.scenes[-1]["seen"]
            self.scenes[-1]["ok"] = all(c["ok"] for c in
                                        self.scenes[-1]["checks"])
        finally:
            self.scenes[-1]["seconds"] = round(time.monotonic() - start, 1)

    def check(self, what, ok, seen=""):
        self.scenes[-1]["checks"].append(
            {"what": what, "ok": bool(ok), "seen": str(seen)})
        self.say("  %s %s%s" % ("[ok]" if ok else "[NOT SO]", what,
                                ": %s" % seen if seen != "" else ""))

    # -- bhk -----------------------------------------------------------------

    def bhk(self, *words, timeout=COMMAND_S):
        return subprocess.run(
            [self._bhk, "--connect", self.machine.com2_socket, "--timeout",
             str(timeout), *words], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=timeout * 2, check=False)

    def ask(self, *words):
        """The result of a command that changes nothing, quietly."""
        done = self.bhk(*words, "--json")
        if done.returncode != 0:
            raise Missed("bhk %s: %s%s" % (" ".join(words), done.stdout,
                                           done.stderr))
        return json.loads(done.stdout)

    def do(self, *words, limit=None, may_fail=False):
        """A command as the operator would type it, with what it says."""
        typed = " ".join('"%s"' % w if re.search(r"[ ;>&]", w) else w
                         for w in words)
        self.say("  $ bhk " + typed)
        done = self.bhk(*words)
        self.show(done.stdout + done.stderr, limit)
        if done.returncode != 0 and not may_fail:
            raise Missed("bhk %s ended with %d" % (typed, done.returncode))
        return done

    def call(self, method, **params):
        """A method that bhk has no command for (docs/protocol.md)."""
        text = json.dumps({"jsonrpc": "2.0", "id": method, "method": method,
                           "params": params})
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(COMMAND_S)
            line.connect(self.machine.com2_socket)
            line.sendall(text.encode() + b"\n")
            with contextlib.suppress(TimeoutError), \
                    line.makefile() as replies:
                for reply in map(json.loads, replies):
                    if reply.get("id") == method and "result" in reply:
                        return reply["result"]
        raise Missed("no answer to %s" % method)

    # -- waiting -------------------------------------------------------------

    def until(self, what, look, seconds=600):
        """Ask until look() is true; its value. Says that it waits."""
        start = said = time.monotonic()
        while True:
            value = look()
            if value:
                return value
            now = time.monotonic()
            if not self.machine.is_running():
                raise Missed("the machine ended")
            if now - start > seconds:
                raise Missed("%s: not within %d s" % (what, seconds))
            if now - said > SAY_EVERY_S:
                said = now
                self.tell("... %s (%.0f s)" % (what, now - start))
            time.sleep(ASK_EVERY_S)

    def uptime(self):
        """Seconds of the machine."""
        return self.ask("version")["uptime_us"] / 1e6

    def let_run(self, seconds, what):
        """Wait so many seconds of the machine; how many they were."""
        start = self.uptime()
        return self.until(what, lambda: max(
            0, self.uptime() - start - seconds)) + seconds

    # -- figures -------------------------------------------------------------

    def partition(self, name):
        """Its row of ps, or None. Containers are under "containers"."""
        listed = self.ask("ps")
        row = next((p for p in listed["partitions"] if p["name"] == name),
                   None)
        if row:
            row["containers"] = {c["id"]: c for c in listed["containers"]
                                 if c["partition"] == name}
        return row

    def partition_row(self, name):
        """The same without its containers: its agent is not asked."""
        listed = self.call("partition.list")["partitions"]
        return next((p for p in listed if p["name"] == name), None)

    def cpu_use(self, names, seconds, what):
        """What each used over some seconds: percent of a CPU, throttlings."""
        def look():
            stats = {n: self.ask("stats", n)["cpu.stat"] for n in names}
            return self.uptime() * 1e6, stats
        start, before = look()
        self.let_run(seconds, what)
        end, after = look()
        return {n: {"cpu": 100 * (after[n]["usage_usec"] -
                                  before[n]["usage_usec"]) / (end - start),
                    "throttled": after[n]["nr_throttled"] -
                    before[n]["nr_throttled"]} for n in names}

    # -- COM1: the machine's own prompt ----------------------------------------

    def at_prompt(self, command, pattern, seconds=60):
        """Type a command on COM1; the text from there to @pattern."""
        with open(self.machine.com1_log, "rb") as f:
            f.seek(0, 2)
            self.machine.send(command + "\r")
            text = b""

            def look():
                nonlocal text
                text += f.read()
                return re.search(pattern, clean(text.decode(
                    errors="replace")), re.S)

            return self.until("the prompt answers", look, seconds).group()


def clean(text):
    """Text of a terminal without its escapes."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")
