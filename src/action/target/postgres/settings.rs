//! What libpq would connect with: the connection string, then its service, then the environment, then defaults.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, LoadBalanceHosts, SslMode, SslNegotiation, TargetSessionAttrs};

use super::conninfo::{self, ConninfoError, Options};
use super::passfile::{self, Found, Key};
use super::service;
use crate::action::target::Environment;
use crate::model::call::Connection;

/// How long the first answer of a server may take when nobody says otherwise.
const CONNECT_TIMEOUT: &str = "10";

/// Where servers put their sockets when nobody says otherwise.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// Options of libpq with the environment variables that stand for them.
const VARIABLES: [(&str, &str); 17] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGOPTIONS", "options"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGLOADBALANCEHOSTS", "load_balance_hosts"),
];

/// Options that this file and `tls` read, and `Config` does not have.
const READ_ELSEWHERE: [&str; 5] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "passfile"];

/// Options that change nothing here: our own name and encoding are used, and GSS is never spoken.
const WITHOUT_EFFECT: [&str; 7] = [
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "sslsni",
    "sslcompression",
    "krbsrvname",
    "gsslib",
];

/// Why a connection cannot even be tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The connection string.
    #[error(transparent)]
    Conninfo(#[from] ConninfoError),
    /// No such service.
    #[error("no service [{service}] in {looked}; add one there, or name the file in PGSERVICEFILE")]
    NoService {
        /// Its name.
        service: String,
        /// The files that were looked at.
        looked: String,
    },
    /// A line of a service file.
    #[error("{file}, line {line}: wanted `option=value`, and not `service`")]
    ServiceSyntax {
        /// Which file.
        file: String,
        /// From 1.
        line: usize,
    },
    /// A value that an option does not take.
    #[error("`{option}` cannot be {value:?}; wanted: {wanted}")]
    Value {
        /// The option.
        option: &'static str,
        /// What it was given.
        value: String,
        /// What it takes.
        wanted: &'static str,
    },
    /// An option that would change how safe the connection is, and that nothing here honours.
    #[error("the connection option `{0}` is not supported; leave it out")]
    Unsupported(String),
    /// Certificates that cannot be used.
    #[error("{file}: {reason}")]
    Certificate {
        /// The file, or what stands for it.
        file: String,
        /// Why.
        reason: String,
    },
}

/// The six modes of libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No TLS.
    Disable,
    /// TLS where the server offers it, unverified. `allow` and `prefer` are both this.
    Prefer,
    /// TLS, unverified.
    Require,
    /// TLS with a certificate of a known authority.
    VerifyCa,
    /// The same, and the certificate has to name the host.
    VerifyFull,
}

/// Everything that a connection needs. Its `Display` says where to and as whom, never the password.
#[derive(Clone)]
pub struct Settings {
    /// For `tokio_postgres`, without an application name.
    pub config: Config,
    /// What TLS has to prove.
    pub mode: Mode,
    /// Certificates of the authorities that are believed; `None` are those of the system.
    pub root_certificates: Option<PathBuf>,
    /// The client's own certificate and its key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// What a person should know when the connection fails.
    pub warnings: Vec<String>,
    options: Options,
}

impl Settings {
    /// How long opening may take in all; `None` is for ever.
    #[must_use]
    pub fn limit(&self) -> Option<Duration> {
        let hosts = u32::try_from(self.config.get_hosts().len().max(1)).unwrap_or(1);
        self.config.get_connect_timeout().map(|one| *one * hosts)
    }

    /// A command line that tries the same by hand.
    #[must_use]
    pub fn psql(&self) -> String {
        let shown = ["host", "port", "dbname", "user", "sslmode"];
        let pairs = shown.iter().filter_map(|name| self.options.get_key_value(*name));
        let pairs = pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
        format!("psql '{pairs}'")
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let option = |name| self.options.get(name).map_or("", String::as_str);
        write!(
            formatter,
            "cannot connect to {} port {}, database {}, as {}",
            option("host"),
            option("port"),
            option("dbname"),
            option("user")
        )
    }
}

/// Puts together what a target's connection string means in this environment.
///
/// # Errors
///
/// [`SettingsError`] where libpq would refuse it, or where an option is not supported here.
pub fn resolve(environment: &Environment, connection: &Connection) -> Result<Settings, SettingsError> {
    let mut options = gather(environment, connection)?;
    let mut warnings = Vec::new();
    if !options.contains_key("password")
        && let Some(file) = passfile_path(environment, &options)
    {
        match passfile::look_up(&file, key(&options)) {
            Found::Password(password) => drop(options.insert("password".to_owned(), password)),
            Found::Ignored(warning) => warnings.push(warning),
            Found::Nothing => {}
        }
    }
    let mode = mode(&options)?;
    let root_certificates = root_certificates(environment, &options, mode);
    let client_certificate = options.get("sslcert").zip(options.get("sslkey"));
    Ok(Settings {
        config: config(&options, mode)?,
        // As in libpq: whoever names the authorities wants them to be asked.
        mode: if mode == Mode::Require && root_certificates.is_some() { Mode::VerifyCa } else { mode },
        root_certificates,
        client_certificate: client_certificate.map(|(own, key)| (own.into(), key.into())),
        warnings,
        options,
    })
}

fn gather(environment: &Environment, connection: &Connection) -> Result<Options, SettingsError> {
    let mut options = conninfo::parse(&connection.string.0)?;
    if let Some(service) = options.remove("service").or_else(|| environment.get("PGSERVICE").cloned()) {
        for (name, value) in service::read(environment, &service)? {
            options.entry(name).or_insert(value);
        }
    }
    for (variable, option) in VARIABLES {
        if let Some(value) = environment.get(variable).filter(|value| !value.is_empty()) {
            options.entry(option.to_owned()).or_insert_with(|| value.clone());
        }
    }
    if let Some(password) = &connection.password {
        options.insert("password".to_owned(), password.0.clone());
    }
    if let Some(database) = &connection.database {
        options.insert("dbname".to_owned(), database.clone());
    }
    defaults(environment, &mut options);
    Ok(options)
}

fn defaults(environment: &Environment, options: &mut Options) {
    let mut set = |name: &str, value: String| {
        options.entry(name.to_owned()).or_insert(value);
    };
    set("port", "5432".to_owned());
    set("sslmode", "prefer".to_owned());
    set("connect_timeout", CONNECT_TIMEOUT.to_owned());
    set("user", user(environment));
    let user = options["user"].clone();
    options.entry("dbname".to_owned()).or_insert(user);
    if !options.contains_key("host") {
        let host = options.get("hostaddr").cloned().unwrap_or_else(|| default_host(&options["port"]));
        options.insert("host".to_owned(), host);
    }
}

/// The name of the user that the program runs as, as libpq takes it.
fn user(environment: &Environment) -> String {
    let id = rustix::process::geteuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let own =
        accounts.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.get(2) == Some(&&*id));
    own.map_or_else(|| environment.get("USER").cloned().unwrap_or_default(), |fields| fields[0].to_owned())
}

fn default_host(port: &str) -> String {
    let folder = SOCKET_FOLDERS.iter().find(|folder| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists());
    folder.map_or_else(|| "localhost".to_owned(), |folder| (*folder).to_owned())
}

fn passfile_path(environment: &Environment, options: &Options) -> Option<PathBuf> {
    let named = options.get("passfile").map(PathBuf::from);
    named.or_else(|| environment.get("HOME").map(|home| Path::new(home).join(".pgpass")))
}

fn key(options: &Options) -> Key<'_> {
    let first = |name| options.get(name).and_then(|value| value.split(',').next()).unwrap_or_default();
    let host = first("host");
    Key {
        host: if SOCKET_FOLDERS.contains(&host) { "localhost" } else { host },
        port: first("port"),
        database: first("dbname"),
        user: first("user"),
    }
}

fn mode(options: &Options) -> Result<Mode, SettingsError> {
    // As in libpq, TLS is never spoken over a socket file.
    if options["host"].split(',').all(|host| host.starts_with('/')) {
        return Ok(Mode::Disable);
    }
    match options["sslmode"].as_str() {
        "disable" => Ok(Mode::Disable),
        "allow" | "prefer" => Ok(Mode::Prefer),
        "require" => Ok(Mode::Require),
        "verify-ca" => Ok(Mode::VerifyCa),
        "verify-full" => Ok(Mode::VerifyFull),
        other => Err(SettingsError::Value {
            option: "sslmode",
            value: other.to_owned(),
            wanted: "disable, allow, prefer, require, verify-ca or verify-full",
        }),
    }
}

fn root_certificates(environment: &Environment, options: &Options, mode: Mode) -> Option<PathBuf> {
    match options.get("sslrootcert").map(String::as_str) {
        Some("system") => None,
        Some(file) => Some(PathBuf::from(file)),
        None => {
            let own = environment.get("HOME").map(|home| Path::new(home).join(".postgresql/root.crt"))?;
            (matches!(mode, Mode::VerifyCa | Mode::VerifyFull) && own.is_file()).then_some(own)
        }
    }
}

fn config(options: &Options, mode: Mode) -> Result<Config, SettingsError> {
    let mut config = Config::new();
    config.ssl_mode(match mode {
        Mode::Disable => SslMode::Disable,
        Mode::Prefer => SslMode::Prefer,
        Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
    });
    for (name, value) in options {
        apply(&mut config, name, value)?;
    }
    Ok(config)
}

fn apply(config: &mut Config, name: &str, value: &str) -> Result<(), SettingsError> {
    match name {
        "host" => {
            for host in value.split(',') {
                config.host(host);
            }
        }
        "hostaddr" => {
            for address in value.split(',') {
                config.hostaddr(parsed("hostaddr", address, "an IP address")?);
            }
        }
        "port" => {
            for port in value.split(',') {
                config.port(if port.is_empty() { 5432 } else { parsed("port", port, "a number from 1 to 65535")? });
            }
        }
        "user" => drop(config.user(value)),
        "password" => drop(config.password(value)),
        "dbname" => drop(config.dbname(value)),
        "options" => drop(config.options(value)),
        "connect_timeout" => {
            let seconds: u64 = parsed("connect_timeout", value, "a number of seconds, 0 for no limit")?;
            if seconds > 0 {
                config.connect_timeout(Duration::from_secs(seconds));
            }
        }
        "keepalives" => drop(config.keepalives(value != "0")),
        "keepalives_idle" => drop(config.keepalives_idle(seconds("keepalives_idle", value)?)),
        "keepalives_interval" => drop(config.keepalives_interval(seconds("keepalives_interval", value)?)),
        "keepalives_count" => drop(config.keepalives_retries(parsed("keepalives_count", value, "a number")?)),
        "tcp_user_timeout" => {
            let limit = parsed("tcp_user_timeout", value, "a number of milliseconds")?;
            config.tcp_user_timeout(Duration::from_millis(limit));
        }
        "sslnegotiation" | "channel_binding" | "target_session_attrs" | "load_balance_hosts" => {
            return choose(config, name, value);
        }
        other if READ_ELSEWHERE.contains(&other) || WITHOUT_EFFECT.contains(&other) => {}
        "gssencmode" if value != "require" => {}
        other => return Err(SettingsError::Unsupported(other.to_owned())),
    }
    Ok(())
}

fn choose(config: &mut Config, name: &str, value: &str) -> Result<(), SettingsError> {
    let wrong = |option, wanted| SettingsError::Value { option, value: value.to_owned(), wanted };
    match (name, value) {
        ("sslnegotiation", "postgres") => config.ssl_negotiation(SslNegotiation::Postgres),
        ("sslnegotiation", "direct") => config.ssl_negotiation(SslNegotiation::Direct),
        ("sslnegotiation", _) => return Err(wrong("sslnegotiation", "postgres or direct")),
        ("channel_binding", "disable") => config.channel_binding(ChannelBinding::Disable),
        ("channel_binding", "prefer") => config.channel_binding(ChannelBinding::Prefer),
        ("channel_binding", "require") => config.channel_binding(ChannelBinding::Require),
        ("channel_binding", _) => return Err(wrong("channel_binding", "disable, prefer or require")),
        ("load_balance_hosts", "disable") => config.load_balance_hosts(LoadBalanceHosts::Disable),
        ("load_balance_hosts", "random") => config.load_balance_hosts(LoadBalanceHosts::Random),
        ("load_balance_hosts", _) => return Err(wrong("load_balance_hosts", "disable or random")),
        (_, "any") => config.target_session_attrs(TargetSessionAttrs::Any),
        (_, "read-write") => config.target_session_attrs(TargetSessionAttrs::ReadWrite),
        (_, "read-only") => config.target_session_attrs(TargetSessionAttrs::ReadOnly),
        _ => return Err(wrong("target_session_attrs", "any, read-write or read-only")),
    };
    Ok(())
}

fn seconds(option: &'static str, value: &str) -> Result<Duration, SettingsError> {
    parsed(option, value, "a number of seconds").map(Duration::from_secs)
}

fn parsed<T: std::str::FromStr>(option: &'static str, value: &str, wanted: &'static str) -> Result<T, SettingsError> {
    value.parse().map_err(|_| SettingsError::Value { option, value: value.to_owned(), wanted })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::call::Hidden;

    fn resolved(string: &str, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let string = Hidden(string.to_owned());
        resolve(&environment, &Connection { name: "t".to_owned(), string, password: None, database: None })
    }

    #[test]
    fn the_string_comes_before_the_environment_and_that_before_the_defaults() {
        let environment = [("PGHOST", "db2"), ("PGPORT", "5433"), ("PGUSER", "ben"), ("PGDATABASE", "")];
        let settings = resolved("host=db1", &environment).unwrap();
        assert_eq!(settings.to_string(), "cannot connect to db1 port 5433, database ben, as ben");
        assert_eq!(settings.limit(), Some(Duration::from_secs(10)));
        assert_eq!(resolved("host=a,b connect_timeout=3", &[]).unwrap().limit(), Some(Duration::from_secs(6)));
        assert_eq!(resolved("connect_timeout=0", &[]).unwrap().limit(), None);
    }

    #[test]
    fn no_password_is_shown() {
        let settings = resolved("host=db1 user=ana password=hunter22", &[]).unwrap();
        assert!(!format!("{settings}{}", settings.psql()).contains("hunter22"));
    }

    #[test]
    fn tls_is_never_spoken_over_a_socket_file_and_authorities_that_are_named_are_asked() {
        assert_eq!(resolved("host=/run/pg sslmode=require", &[]).unwrap().mode, Mode::Disable);
        assert_eq!(resolved("host=db1 sslmode=require", &[]).unwrap().mode, Mode::Require);
        assert_eq!(resolved("host=db1 sslmode=require sslrootcert=/ca", &[]).unwrap().mode, Mode::VerifyCa);
        assert_eq!(resolved("host=db1", &[]).unwrap().mode, Mode::Prefer);
    }

    #[test]
    fn what_is_not_honoured_is_refused_and_not_passed_over() {
        let refused = |string| resolved(string, &[]).map(|_| ()).unwrap_err().to_string();
        assert_eq!(refused("host=a sslcrl=/crl"), "the connection option `sslcrl` is not supported; leave it out");
        assert!(refused("host=a sslmode=verify").contains("verify-full"));
        assert_eq!(refused("host=a port=x"), "`port` cannot be \"x\"; wanted: a number from 1 to 65535");
        assert!(refused("host=a gssencmode=require").contains("gssencmode"));
    }
}
