//! A throw-away PostgreSQL server: real, empty, on a socket of its own, gone when it is dropped.
//!
//! The server refuses to run as root, so a root test hands it to the user `postgres`. `fsync` is off: these tests stop
//! processes, not machines.

#![expect(clippy::disallowed_methods, reason = "tests start servers and look for them on PATH")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot have its server has failed")]
#![expect(dead_code, reason = "each test binary needs a part of it")]

use std::cell::Cell;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::TempDir;

/// A running server.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: Cell<u16>,
}

impl Cluster {
    /// Makes a cluster and starts it. The superuser is `postgres`, trusted over the socket.
    pub fn start() -> Self {
        // A socket's path has to be shorter than 108 bytes, so it does not go where `TMPDIR` may point.
        let folder = tempfile::Builder::new().prefix("rbpg").tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let cluster = Self { folder, programs: programs(), port: Cell::new(5432) };
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(cluster.folder.path()));
        }
        let data = cluster.data();
        let init = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D"];
        run(cluster.server_program("initdb").args(init).arg(&data));
        cluster.configure("listen_addresses = ''\nfsync = off\nautovacuum = off\n");
        cluster.configure(&format!("unix_socket_directories = '{}'\n", cluster.socket_folder().display()));
        cluster.boot();
        cluster
    }

    /// Adds lines to `postgresql.conf`; they count from the next start or reload on.
    pub fn configure(&self, lines: &str) {
        let file = self.data().join("postgresql.conf");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text + lines).unwrap();
    }

    /// Asks that user for a password from now on.
    pub fn use_passwords_for(&self, user: &str) {
        let file = self.data().join("pg_hba.conf");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("local all {user} scram-sha-256\n{text}")).unwrap();
        run(self.server_program("pg_ctl").arg("-D").arg(self.data()).arg("reload"));
    }

    /// From now on it also listens on 127.0.0.1, with TLS and a certificate for `localhost`. Gives the port, and the
    /// file with the certificate of the authority that signed it.
    pub fn listen_with_tls(&self) -> (u16, PathBuf) {
        self.stop_immediate();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        self.port.set(port);
        let folder = self.folder.path();
        let authority = authority(folder, "ca");
        let (key, request, certificate) =
            (folder.join("data/server.key"), folder.join("server.csr"), folder.join("data/server.crt"));
        run(openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost")
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&request));
        let extensions = folder.join("extensions");
        std::fs::write(&extensions, "subjectAltName = DNS:localhost\n").unwrap();
        run(openssl("x509 -req -days 2 -CAcreateserial")
            .arg("-in")
            .arg(&request)
            .arg("-CA")
            .arg(&authority)
            .arg("-CAkey")
            .arg(folder.join("ca.key"))
            .arg("-extfile")
            .arg(&extensions)
            .arg("-out")
            .arg(&certificate));
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(&key).arg(&certificate));
        }
        self.configure(&format!("listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\n"));
        self.boot();
        (port, authority)
    }

    /// Starts the server again after [`Cluster::stop_immediate`].
    pub fn boot(&self) {
        let log = self.folder.path().join("log");
        run(self.server_program("pg_ctl").arg("-D").arg(self.data()).args(["-w", "start", "-l"]).arg(log));
    }

    /// Stops the server as if its machine had failed.
    pub fn stop_immediate(&self) {
        run(self.server_program("pg_ctl").arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]));
    }

    /// Makes an empty database and gives it.
    pub fn database(&self, name: &str) -> Database<'_> {
        let postgres = Database { cluster: self, name: "postgres".to_owned() };
        postgres.psql(&format!("create database \"{name}\""));
        Database { cluster: self, name: name.to_owned() }
    }

    /// A database that is there already.
    pub fn known(&self, name: &str) -> Database<'_> {
        Database { cluster: self, name: name.to_owned() }
    }

    /// Makes a copy of a database and gives it. Nobody may be connected to the one that is copied.
    pub fn copy(&self, name: &str, template: &str) -> Database<'_> {
        let postgres = Database { cluster: self, name: "postgres".to_owned() };
        postgres.psql(&format!("create database \"{name}\" template \"{template}\""));
        Database { cluster: self, name: name.to_owned() }
    }

    /// Where its files are.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The value of `host`.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    fn server_program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/").env_remove("PGDATA");
        command
    }

    fn client_program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        let port = self.port.get().to_string();
        command.arg("-h").arg(self.socket_folder()).args(["-U", "postgres", "-p", &port]).current_dir("/");
        for variable in ["PGSERVICE", "PGOPTIONS", "PGHOST", "PGPORT", "PGUSER", "PGDATABASE"] {
            command.env_remove(variable);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = self.server_program("pg_ctl");
        stop.arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]).stdout(Stdio::null()).stderr(Stdio::null());
        // It may have been stopped by the test.
        let _ = stop.status();
    }
}

/// One database of a cluster.
pub struct Database<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl Database<'_> {
    /// The connection string.
    pub fn connection(&self) -> String {
        let (folder, port) = (self.cluster.socket_folder().display(), self.cluster.port.get());
        format!("host={folder} port={port} user=postgres dbname={}", self.name)
    }

    /// What psql prints for a text: unaligned, without headers.
    pub fn psql(&self, text: &str) -> String {
        let mut psql = self.cluster.client_program("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.name, "-c", text]);
        run(&mut psql).trim_end().to_owned()
    }

    /// Opens a session that stays, for transactions that somebody else holds open.
    pub fn session(&self) -> Session {
        let mut psql = self.cluster.client_program("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.name]);
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Session { child, answers }
    }

    /// Runs a file of statements.
    pub fn load(&self, file: impl AsRef<OsStr>) {
        let mut psql = self.cluster.client_program("psql");
        run(psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.name, "-f"]).arg(file));
    }

    /// The whole database as `pg_dump` writes it, without the two lines that newer ones make up anew each time, and
    /// without the program's own markers.
    pub fn dump(&self) -> String {
        let text = run(self.cluster.client_program("pg_dump").args(["-d", &self.name, "--exclude-schema=runbook*"]));
        text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")).fold(
            String::new(),
            |mut dump, line| {
                dump.push_str(line);
                dump.push('\n');
                dump
            },
        )
    }
}

/// A session of somebody else. It ends, and what it holds is given back, when it is dropped.
pub struct Session {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Session {
    /// Says something and waits until the server has carried it out.
    pub fn say(&mut self, text: &str) {
        let statements = format!("{text};\n\\echo carried out\n");
        self.child.stdin.as_mut().unwrap().write_all(statements.as_bytes()).unwrap();
        let mut line = String::new();
        while line != "carried out\n" {
            line.clear();
            assert_ne!(self.answers.read_line(&mut line).unwrap(), 0, "the session ended at {text}");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // psql ends at the end of its input.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Makes a certificate authority and gives the file of its certificate, `<name>.crt`; its key is `<name>.key`.
pub fn authority(folder: &Path, name: &str) -> PathBuf {
    let certificate = folder.join(format!("{name}.crt"));
    run(openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority")
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(&certificate));
    certificate
}

fn openssl(arguments: &str) -> Command {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' '));
    command
}

/// The newest server programs that there are.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    installed.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    folders.splice(0..0, installed);
    let complete =
        |folder: &PathBuf| ["initdb", "pg_ctl", "psql", "pg_dump"].iter().all(|name| folder.join(name).exists());
    folders.into_iter().find(complete).expect("PostgreSQL's server programs are needed: apt-get install postgresql")
}

fn version(folder: &Path) -> u32 {
    let name = folder.parent().and_then(Path::file_name).and_then(OsStr::to_str);
    name.and_then(|name| name.parse().ok()).unwrap_or_default()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn run(command: &mut Command) -> String {
    // A server that is started keeps what it inherits: nothing of it may be a pipe that somebody waits on.
    let starts = command.get_args().any(|argument| argument == "start");
    let output = if starts {
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{command:?}: {status}");
        return String::new();
    } else {
        command.output().unwrap()
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
