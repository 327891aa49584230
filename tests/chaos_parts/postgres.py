"""A throw-away PostgreSQL server for runs with SQL steps. What its tables hold is the witness of these steps."""
import os, shutil, subprocess, tempfile
from pathlib import Path


def programs():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    return found[-1].parent if found else Path(shutil.which("initdb")).parent


class Server:
    def __init__(self):
        self.programs = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="rbpg", dir="/tmp"))
        self.folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.call("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D", self.data())
        with open(self.data() / "postgresql.conf", "a") as settings:
            settings.write(f"listen_addresses = ''\nfsync = off\nautovacuum = off\nunix_socket_directories = '{self.folder}'\n")
        self.call("pg_ctl", "-D", self.data(), "-w", "start", "-l", self.folder / "log")

    def data(self):
        return self.folder / "data"

    def call(self, program, *arguments):
        command = [self.programs / program, *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", *command]
        subprocess.run(command, cwd="/", check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        self.call("pg_ctl", "-D", self.data(), "-m", "immediate", "stop")
        shutil.rmtree(self.folder)


class Table:
    """The effects of one run, in a table of its own."""

    def __init__(self, server, seed):
        self.server, self.name = server, f"effects_{seed}"
        self.connection = f"host={server.folder} user=postgres dbname=postgres"
        self.ask(f"create table {self.name} (step text)")

    def ask(self, text):
        command = [self.server.programs / "psql", "-X", "-q", "-A", "-t", "-h", self.server.folder, "-U", "postgres", "-c", text]
        return subprocess.run(command, cwd="/", check=True, capture_output=True, text=True).stdout.split()

    def count(self, step):
        return int(self.ask(f"select count(*) from {self.name} where step = '{step}'")[0])

    def counts(self):
        rows = self.ask(f"select step || '=' || count(*) from {self.name} group by step")
        return {name: int(count) for name, count in (row.split("=") for row in rows)}

    def wait_until_over(self, session):
        """Until no session of that name is left: what it did stands then."""
        while self.ask(f"select count(*) from pg_stat_activity where application_name = '{session}'") != ["0"]:
            pass

    def end_sessions(self):
        """Ends every session of the program, at whatever point it is, also those of other runs."""
        self.ask("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'runbook%'")

    def drop(self):
        self.ask(f"drop table {self.name}")
