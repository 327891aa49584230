"""Processes of a run, by handles that stay their own when a number is given to another."""
import os, signal, time


class Handle:
    def __init__(self, pid, descriptor):
        self.pid, self.descriptor = pid, descriptor

    @staticmethod
    def open(pid):
        return Handle(pid, os.pidfd_open(pid))

    def send(self, number):
        try:
            signal.pidfd_send_signal(self.descriptor, number)
        except ProcessLookupError:
            pass

    def __del__(self):
        os.close(self.descriptor)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def is_supervisor(pid, program):
    command = read(f"/proc/{pid}/cmdline").split(b"\0")
    return len(command) > 1 and command[1] == b"__supervise" and os.path.basename(command[0]) == os.path.basename(program).encode()


def supervisors(executor, program):
    """Handles on the supervisors that this executor started and that are there."""
    found = []
    try:
        threads = os.listdir(f"/proc/{executor}/task")
    except (FileNotFoundError, ProcessLookupError):
        return found
    for thread in threads:
        for pid in map(int, read(f"/proc/{executor}/task/{thread}/children").split()):
            try:
                handle = Handle.open(pid)
            except (ProcessLookupError, OSError):
                continue
            # Looked at once the handle is held: it is this one that is struck.
            if is_supervisor(pid, program):
                found.append(handle)
    return found


def is_member(pid, session):
    fields = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return len(fields) > 3 and int(fields[3]) == session and fields[0] not in (b"Z", b"X")


def members(session):
    """Processes of a session that have not ended."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and is_member(name, session)]


def handles(session):
    """Handles on the processes of a session, its leader left out."""
    found = []
    for pid in members(session):
        try:
            handle = Handle.open(pid)
        except (ProcessLookupError, OSError):
            continue
        if pid != session and is_member(pid, session):
            found.append(handle)
    return found


def wait_until_over(session, patience, program=None):
    """Whether nothing is left of a session within so many seconds; with a program, only its supervisor counts."""
    limit = time.monotonic() + patience
    while time.monotonic() < limit:
        if program and not is_supervisor(session, program):
            return True
        if not program and not members(session):
            return True
        time.sleep(0.005)
    return False


def is_there(pid):
    return read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[:1] not in ([], [b"Z"], [b"X"])


def holders(state):
    """Processes that have a lock below that folder open."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            files = [os.readlink(f"/proc/{name}/fd/{fd}") for fd in os.listdir(f"/proc/{name}/fd")]
        except OSError:
            continue
        if any(file.startswith(f"{state}/") and file.endswith(("lock", "guard")) for file in files):
            found.append(int(name))
    return found
