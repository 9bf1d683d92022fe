"""Hosts, each a real systemd with a network card of its own, and the room that they stand in.

Processes that are started here end with the process that started them, whatever becomes of it, and take their
namespaces, mounts and network cards with them.
"""

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

from tests.e2e import cloud
from tests.e2e.waiting import until

HERE = Path(__file__).parent
TOP = HERE.parent.parent
PATIENCE = 30  # seconds
CLEAN = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8")
"""Nothing of this machine's variables reaches a host."""
LASTING = ("setpriv", "--pdeathsig", "KILL")
"""Ends with the thread that starts it."""


class Room:
    """The network, the pretend AWS on it, and the disks of the hosts."""

    def __init__(self, directory):
        directory.mkdir()
        self.directory = directory
        self.hosts = []
        self._process = subprocess.Popen(
            [
                *(*LASTING, "unshare", "--net", "--mount", "--propagation", "private"),
                *(sys.executable, "-m", "tests.e2e.cloud", str(directory)),
            ],
            cwd=TOP,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout.readline() == "ready\n", "the pretend AWS did not start"
        self._sweep()

    def ask(self, name, *arguments):
        """Let the pretend AWS do something."""
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def enter(self, *command, mounts=False):
        """The command line that runs a command in this room's network, or where its disks are."""
        return ["nsenter", f"--target={self._process.pid}", "--mount" if mounts else "--net", "--", *command]

    def run(self, *command, mounts=False):
        """Run a command in this room."""
        return subprocess.run(
            self.enter(*command, mounts=mounts), check=True, capture_output=True, text=True, timeout=PATIENCE
        ).stdout

    def host(self, name):
        """Add a host, which is not booted yet."""
        self.hosts.append(Host(self, name, number=len(self.hosts) + 1))
        return self.hosts[-1]

    def close(self):
        """End everything."""
        for host in self.hosts:
            host.kill()
        self.run("bash", "-c", f"rmdir {self.directory}/cgroup/{self.cgroup} || :", mounts=True)
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def _sweep(self):
        """Remove the control groups that earlier runs left, which were killed: all else of theirs ended with them."""
        for name in self.run("ls", str(self.directory / "cgroup"), mounts=True).split():
            owner = name.removeprefix("leaderd-e2e-")
            if owner != name and not Path(f"/proc/{owner}").exists():
                left = self.directory / "cgroup" / name
                self.run("find", str(left), "-depth", "-type", "d", "-exec", "rmdir", "{}", ";", mounts=True)

    @property
    def cgroup(self):
        """The name of the control group that those of the hosts are in."""
        return f"leaderd-e2e-{self._process.pid}"


class Host:
    """One instance: boots, runs commands, loses its cable, dies and boots again with the same disk."""

    def __init__(self, room, name, number):
        self.name = name
        self.address = f"10.77.0.{10 + number}"
        self.id = room.ask("launch", self.address)
        self.witnessed = Path(f"{room.directory}.{name}")
        """What the witness saw, in all boots."""
        self._room = room
        self._disk = room.directory / name
        self._cgroup = room.directory / "cgroup" / room.cgroup / name
        self._cable = f"cable{number}"
        self._process = None
        self._witness = None
        self._pid = 0

    # Its life

    def boot(self, *, run_survives=False):
        """Boot, and come back when systemd has started all there is to start.

        Args:
            run_survives: leave /run/leaderd as the last boot left it, which a reboot should not.
        """
        self._prepare(run_survives=run_survives)
        self._process = subprocess.Popen(
            [
                *(*LASTING, *self._room.enter("bash", str(HERE / "boot.sh"), mounts=True)),
                *(str(self._disk), self.name, str(self._cgroup)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout.readline() == "unshared\n", "the host has no namespaces"
        self._pid = int(Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text())
        self._plug_in()
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        until(lambda: self.ok("systemctl", "is-system-running"), PATIENCE, f"{self.name} has booted")
        self._witness = subprocess.Popen(
            [
                *(*LASTING, "nsenter", f"--target={self._pid}", "--net", "--"),
                *(sys.executable, str(HERE / "witness.py"), str(self.witnessed)),
            ]
        )

    def kill(self):
        """End at once, as a terminated instance ends; its disk stays. Ends the processes that `boot` started."""
        if self._process is None:
            return
        self._witness.kill()
        self._witness.wait()
        if self._process.poll() is None:
            os.kill(self._pid, signal.SIGKILL)  # its PID 1: the kernel ends all others in there with it
            self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        until(self._forget_groups, PATIENCE, f"the processes of {self.name} have ended")
        self._process = None

    def reboot(self, *, run_survives=False):
        """Lose power, and boot again."""
        self.kill()
        self.boot(run_survives=run_survives)

    def unplug(self):
        """Pull the network cable."""
        self._room.run("ip", "link", "set", self._cable, "down")

    def plug(self):
        """Plug the network cable in again."""
        self._room.run("ip", "link", "set", self._cable, "up")

    @property
    def alive(self):
        """Whether it runs."""
        return self._process is not None

    # What can be done in it

    def run(self, *command, check=True, timeout=PATIENCE, text=None):
        """Run a command as root, with `text` as its standard input."""
        done = subprocess.run(
            ["nsenter", f"--target={self._pid}", "--all", "--root", "--wd", "--", *CLEAN, *command],
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
            input=text or "",
        )
        assert not (check and done.returncode), (
            f"{command} on {self.name}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def ok(self, *command):
        """Whether a command succeeds."""
        return self.run(*command, check=False).returncode == 0

    def says(self, *command):
        """What a command prints."""
        return self.run(*command).stdout.strip()

    def write(self, path, text, mode=0o644):
        """Write a file."""
        self.run("install", "-D", f"--mode={mode:o}", "/dev/stdin", path, text=text)

    def copy(self, directory, path):
        """Copy what is in a directory of this machine, which is not to be seen in here, to a path."""
        packed = subprocess.run(["tar", "-C", str(directory), "-c", "."], check=True, capture_output=True).stdout
        self.run("mkdir", "-p", path)
        subprocess.run(
            ["nsenter", f"--target={self._pid}", "--all", "--root", "--wd", "--", "tar", "-C", path, "-x"],
            check=True,
            input=packed,
        )

    def leads(self):
        """Whether the daemon says yes, as curl sees it."""
        return self.ok("curl", "-fsm", "2", "-o", "/dev/null", "http://127.0.0.1:5323/leader")

    def status(self):
        """The body of /status; empty when nobody answers."""
        answer = self.run("curl", "-sm", "2", "http://127.0.0.1:5323/status", check=False).stdout
        return json.loads(answer or "{}")

    def property(self, name, unit="leaderd"):
        """What systemd says of a unit."""
        return self.says("systemctl", "show", "--value", f"--property={name}", unit)

    def log(self, event):
        """The lines of the daemon's log with this event, those of earlier boots included."""
        lines = self.says("journalctl", "--unit=leaderd", "--output=cat", "--no-pager").splitlines()
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in parsed if line.get("event") == event]

    def read_disk(self, path):
        """What a file holds, also after the host has died; empty when there is none."""
        return self._room.run("bash", "-c", f"cat {self._disk}/upper{path} 2>/dev/null || :", mounts=True)

    # How it is made

    def _prepare(self, *, run_survives):
        keep = "! -name leaderd" if run_survives else ""
        self._room.run(
            "bash",
            "-euc",
            f"""
            mkdir -p {self._disk}/{{upper,work,root,run}} {self._cgroup}
            echo {uuid.uuid4()} >{self._disk}/boot_id
            find {self._disk}/run -mindepth 1 -maxdepth 1 {keep} -exec rm -rf {{}} +
            """,
            mounts=True,
        )

    def _plug_in(self):
        room, inside = self._room, ["nsenter", f"--target={self._pid}", "--net", "--", "ip"]
        room.run("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", str(self._pid))
        room.run("ip", "link", "set", self._cable, "master", "br0", "up")
        for words in (
            "link set lo up",
            f"address add {self.address}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {cloud.GATEWAY}",
        ):
            subprocess.run([*inside, *words.split()], check=True, timeout=PATIENCE)

    def _forget_groups(self):
        """Remove the control groups. That fails for as long as a process of the host is left."""
        self._room.run(
            "bash", "-c", f"find {self._cgroup} -depth -type d -exec rmdir {{}} + 2>/dev/null || :", mounts=True
        )
        return not self._room.run("bash", "-c", f"ls -d {self._cgroup} 2>/dev/null || :", mounts=True)
