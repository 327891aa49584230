//! Requests, carried out by the real program against a real server, which answers byte by byte what a test wants.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/server.rs"]
mod server;

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runbook::model::digest::sha256;
use rustix::process::{Pid, Signal, kill_process};
use scenario::{Scenario, kind, step};
use serde_json::{Value, json};
use server::{Certificates, Line, Server, reply};

const NOTHING: &str = "rollback: { not_needed: a trial }, verify: { command: [\"true\"] }";

fn runbook(steps: &str) -> String {
    format!("runbook: 1\nname: trial\ndefaults: {{ timeout: 20s }}\nsteps:\n{steps}")
}

/// The last end of that step.
fn end(scenario: &Scenario, name: &str) -> Value {
    let records = scenario.records();
    let ends = ["attempt_finished", "step_refused"];
    let found = records.iter().rev().find(|record| step(record) == name && ends.contains(&kind(record)));
    found.unwrap_or_else(|| panic!("{name} has no end: {:#?}", scenario.journal())).clone()
}

fn message(scenario: &Scenario, name: &str) -> String {
    end(scenario, name)["failure"]["message"].as_str().unwrap_or_default().to_owned()
}

/// Steps that each get one answer, and go on whatever comes of it.
fn each(server: &Server, steps: &[(&str, &str)]) -> Scenario {
    let mut text = String::new();
    for (id, more) in steps {
        let url = server.url(&format!("/{id}"));
        writeln!(text, "  - {{ id: {id}, http: {{ url: \"{url}\"{more} }}, on_failure: continue }}").unwrap();
    }
    Scenario::new(&runbook(&text))
}

#[test]
fn a_request_is_sent_as_it_is_written_and_its_response_is_read_by_later_steps() {
    let server = Server::saying(reply(
        "201 Created",
        "X-Id: 7\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n",
        r#"{"id": 7, "ok": true}"#,
    ));
    let url = server.url("/things?kind=a%20b");
    let scenario = Scenario::new(&format!(
        "runbook: 1\nname: trial\ndefaults: {{ timeout: 20s }}\nparameters: {{ size: {{ type: integer, default: 3 }} }}\nsteps:
  - id: make
    http:
      url: \"{url}\"
      method: post
      headers: {{ X-Size: \"{{{{ parameters.size }}}}\", Accept: application/json }}
      json: {{ size: \"{{{{ parameters.size }}}}\", name: \"n{{{{ parameters.size }}}}\" }}
      expect: {{ status: 201, body: '\"ok\": *true', json: {{ ok: true }} }}
    outputs: {{ id: \"{{{{ json.id }}}}\", cookies: \"{{{{ headers['set-cookie'] }}}}\" }}
    {}
  - id: sure
    assert:
      - that: steps.make.outputs.id == 7 and steps.make.status == 201 and steps.make.json.ok
      - that: steps.make.headers['x-id'] == '7' and steps.make.outputs.cookies == 'a, b'
      - that: steps.make.body | length == 21
", NOTHING.replace(", verify", "\n    verify")
    ));
    scenario.exec(&[]).exits(0);
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /things?kind=a%20b HTTP/1.1");
    assert_eq!(asked.body, r#"{"size":3,"name":"n3"}"#);
    let told =
        ["host", "x-size", "accept", "content-type", "content-length", "connection", "accept-encoding", "cookie"];
    let told = told.map(|name| asked.header(name).to_owned());
    let host = format!("127.0.0.1:{}", server.port);
    assert_eq!(told, [host.as_str(), "3", "application/json", "application/json", "22", "close", "", ""]);
    let agent = format!("runbook/{} ({} make.1)", env!("CARGO_PKG_VERSION"), scenario.id());
    assert_eq!(asked.header("user-agent"), agent);
    assert_eq!(server.asked().len(), 1);
    let started = scenario.records().into_iter().find(|record| kind(record) == "attempt_started").unwrap();
    assert_eq!(started["intent"]["request"], json!({ "method": "POST", "url": url, "user_agent": agent }));
    let kept = fs::read_to_string(scenario.runs()[0].join("output/make.1.body")).unwrap();
    assert_eq!(kept, r#"{"id": 7, "ok": true}"#);
    let digest = sha256(&[kept.as_bytes()]);
    assert_eq!(end(&scenario, "make")["output"], json!({ "bytes": 21, "sha256": digest }));
}

#[test]
fn a_response_that_is_not_as_wanted_fails_the_step_and_says_in_what() {
    let server = Server::start(|asked, line| {
        let (status, body) = match asked.path() {
            "/gone" => ("404 Not Found", "no such thing\n"),
            "/none" => ("204 No Content", ""),
            _ => ("200 OK", r#"{"role": "leader", "lag": 5}"#),
        };
        line.write_all(&reply(status, "", body)).unwrap();
    });
    let scenario = each(
        &server,
        &[
            ("good", ", expect: { json: { role: leader } }"),
            ("gone", ""),
            ("none", ", expect: { status: [200, 204] }"),
            ("status", ", expect: { status: 201 }"),
            ("body", ", expect: { body: \"role.*replica\" }"),
            ("json", ", expect: { json: { lag: 0 } }"),
            ("key", ", expect: { json: { lagging: 0 } }"),
        ],
    );
    scenario.exec(&[]).exits(0);
    let said = ["good", "gone", "none", "status", "body", "json", "key"].map(|name| message(&scenario, name));
    assert_eq!(
        said,
        [
            "",
            "status 404, 2xx was wanted",
            "",
            "status 200, 201 was wanted",
            "status 200, but the body does not match `role.*replica`",
            "status 200, but in the body's JSON `lag` is 5, 0 was wanted",
            "status 200, but in the body's JSON there is no `lagging`",
        ]
    );
    let gone = end(&scenario, "gone");
    assert_eq!((&gone["failure"]["kind"], &gone["result"]["status"]), (&json!("response"), &json!(404)));
    assert_eq!(gone["failure"]["chain"], json!(["it answered: no such thing"]));
}

#[test]
fn a_look_is_followed_within_its_origin_ten_times_and_never_beyond_it() {
    let other = Server::saying(reply("200 OK", "", "{}"));
    let elsewhere = other.url("/taken");
    let server = Server::start(move |asked, line| {
        let to = |location: &str| reply("302 Found", &format!("Location: {location}\r\n"), "moved");
        let answer = match asked.path() {
            "/near" => to("/a/b"),
            "/a/b" => to("../near2?x=1#top"),
            "/near2?x=1" => reply("200 OK", "", "arrived"),
            "/loop" => to("/loop"),
            "/port" => to(&elsewhere),
            "/scheme" => to(&format!("https://{}/x", asked.header("host"))),
            "/host" => to(&format!("//localhost:{}/x", asked.header("host").rsplit(':').next().unwrap())),
            "/odd" => to("javascript:alert(1)"),
            "/wanted" => to("/near"),
            path => panic!("{path} was asked"),
        };
        line.write_all(&answer).unwrap();
    });
    let ids = ["near", "loop", "port", "scheme", "host", "odd"];
    let mut steps = ids.map(|id| (id, ", headers: { Authorization: of-mine }")).to_vec();
    steps.push(("wanted", ", expect: { status: 302 }"));
    let scenario = each(&server, &steps);
    scenario.exec(&[]).exits(0);
    let port = server.port;
    assert_eq!(end(&scenario, "near")["result"]["body"], "arrived");
    assert_eq!(end(&scenario, "wanted")["outcome"], "succeeded");
    assert_eq!(message(&scenario, "loop"), "status 302: it was redirected 10 times, and again");
    assert_eq!(server.asked().iter().filter(|asked| asked.path() == "/loop").count(), 11);
    let beyond = |to: &str| format!("status 302: it redirects to {to}, which is another origin and is not followed");
    assert_eq!(message(&scenario, "port"), beyond(&other.url("/taken")));
    assert_eq!(message(&scenario, "scheme"), beyond(&format!("https://127.0.0.1:{port}/x")));
    assert_eq!(message(&scenario, "host"), beyond(&format!("http://localhost:{port}/x")));
    assert!(
        message(&scenario, "odd").starts_with("status 302: it redirects, and `javascript:alert(1)` cannot be asked")
    );
    assert!(other.asked().is_empty(), "{:?}", other.asked());
}

#[test]
fn what_changes_is_not_followed_even_to_the_same_origin() {
    let server = Server::saying(reply("307 Temporary Redirect", "Location: /again\r\n", ""));
    let scenario = Scenario::new(&runbook(&format!(
        "  - {{ id: tell, http: {{ url: \"{}\", method: POST, body: x }}, {NOTHING} }}\n",
        server.url("/first")
    )));
    scenario.exec(&[]).exits(1);
    assert_eq!(server.asked().len(), 1);
    assert_eq!(message(&scenario, "tell"), "status 307: it redirects, and a POST is not followed");
}

/// Answers that never become whole ones.
fn broken(asked: &str, line: &mut dyn Line) {
    let bytes: &[u8] = match asked {
        "/silent" => b"",
        "/head" => b"HTTP/1.1 200 OK\r\nContent-",
        "/length" => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "/chunk" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "/garbage" => b"SSH-2.0-OpenSSH_9.2\r\n",
        "/refused" => b"HTTP/1.1 500 Oh\r\nContent-Length: 10\r\n\r\nhalf",
        "/large" => {
            let _gone = line.write_all(b"HTTP/1.1 200 OK\r\n");
            for number in 0..90 {
                let _gone = line.write_all(format!("X-{number}: {}\r\n", "x".repeat(4096)).as_bytes());
            }
            b"\r\n"
        }
        path => panic!("{path} was asked"),
    };
    let _gone = line.write_all(bytes);
}

#[test]
fn an_answer_that_breaks_off_is_unknown_where_something_may_have_changed_and_a_failure_where_not() {
    let whole = [
        ("silent", "no answer came to what was sent: the server closed the connection"),
        ("head", "no answer came to what was sent: the server closed the connection"),
        ("length", "it answered 200, and the answer broke off"),
        ("chunk", "it answered 200, and the answer broke off"),
        ("garbage", "no answer came to what was sent: what came cannot be read as HTTP/1.1"),
        ("large", "no answer came to what was sent: what came cannot be read as HTTP/1.1 with at most 65536 bytes"),
    ];
    let server = Server::start(|asked, line| broken(asked.path(), line));
    let looks = each(&server, &whole.map(|(id, _)| (id, "")));
    looks.exec(&[]).exits(0);
    for (id, said) in whole {
        let ended = end(&looks, id);
        assert_eq!((&ended["outcome"], &ended["failure"]["kind"]), (&json!("failed"), &json!("connection")), "{id}");
        assert!(message(&looks, id).contains(said), "{id}: {}", message(&looks, id));
        let url = server.url(&format!("/{id}"));
        let tells = format!("  - {{ id: tell, http: {{ url: \"{url}\", method: PUT, body: x }}, {NOTHING} }}\n");
        let scenario = Scenario::new(&runbook(&tells));
        let before = server.asked().len();
        scenario.exec(&[]).exits(7);
        assert_eq!(server.asked().len(), before + 1, "{id} was sent more than once");
        assert_eq!(scenario.steps(), ["tell unknown"], "{id}");
        assert!(message(&scenario, "tell").contains(said), "{id}: {}", message(&scenario, "tell"));
        assert!(message(&scenario, "tell").contains("The server may have acted on it, or still act"), "{id}");
    }
    let url = server.url("/refused");
    let tells = format!("  - {{ id: tell, http: {{ url: \"{url}\", method: PUT, body: x }}, {NOTHING} }}\n");
    let scenario = Scenario::new(&runbook(&tells));
    scenario.exec(&[]).exits(1);
    assert_eq!(scenario.steps(), ["tell failed"], "a status that is not wanted is an answer, whatever follows it");
}

#[test]
fn an_answer_that_is_too_slow_ends_with_the_timeout_of_the_step() {
    let server = Server::start(|asked, line| {
        let begin: &[u8] = match asked.path() {
            "/headers" => b"HTTP/1.1 200 OK\r\n",
            "/body" => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            _ => b"",
        };
        let _gone = line.write_all(begin);
        line.until_gone();
    });
    let began = tokio::time::Instant::now();
    for path in ["/nothing", "/headers", "/body"] {
        let url = server.url(path);
        let look = Scenario::new(&runbook(&format!("  - {{ id: look, http: \"{url}\", timeout: 1s }}\n")));
        look.exec(&[]).exits(1);
        assert_eq!(look.steps(), ["look timed_out"], "{path}");
        let tell = Scenario::new(&runbook(&format!(
            "  - {{ id: tell, http: {{ url: \"{url}\", method: DELETE }}, timeout: 1s, {NOTHING} }}\n"
        )));
        tell.exec(&[]).exits(7);
        assert_eq!(tell.steps(), ["tell unknown"], "{path}");
        let origin = server.url("");
        let said = match path {
            "/body" => format!("{origin} answered 200, and the rest of the answer did not come within 1s"),
            _ => format!("{origin} did not answer within 1s"),
        };
        assert!(message(&tell, "tell").contains(&said), "{}", message(&tell, "tell"));
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn the_operator_ends_the_wait_at_once() {
    for (action, steps) in [("\"URL\"", "it failed"), ("{ url: \"URL\", method: POST }", "it unknown")] {
        let server = Server::start(|_, line| line.until_gone());
        let action = action.replace("URL", &server.url("/"));
        let more = if action.contains("POST") { format!(", {NOTHING}") } else { String::new() };
        let scenario = Scenario::new(&runbook(&format!("  - {{ id: it, http: {action}, timeout: 5m{more} }}\n")));
        let began = tokio::time::Instant::now();
        let child = scenario.start(&["exec", "runbook.yaml"]);
        server.until_asked();
        let id = Pid::from_raw(child.id().cast_signed()).unwrap();
        kill_process(id, Signal::INT).unwrap();
        while !scenario.journal().contains(&"stop_requested".to_owned()) {
            assert!(began.elapsed() < Duration::from_secs(30), "{:?}", scenario.journal());
            std::thread::yield_now();
        }
        kill_process(id, Signal::INT).unwrap();
        let ran = scenario.wait(child);
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        ran.exits(6);
        assert_eq!(scenario.steps(), [steps]);
    }
}

#[test]
fn a_server_that_is_not_there_leaves_nothing_begun() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (url, said) in [
        (format!("http://127.0.0.1:{port}/"), format!("http://127.0.0.1:{port} cannot be reached; nothing was sent")),
        (
            "http://no-such-host.invalid/".to_owned(),
            "http://no-such-host.invalid:80 cannot be reached; nothing".to_owned(),
        ),
    ] {
        let scenario = Scenario::new(&runbook(&format!(
            "  - id: tell\n    http: {{ url: \"{url}\", method: POST, body: x }}\n    verify: {{ command: [\"true\"] }}\n    \
             rollback: {{ command: [./witness] }}\n    on_failure: rollback\n"
        )));
        scenario.exec(&["--yes"]).exits(4);
        assert!(message(&scenario, "tell").starts_with(&said), "{}", message(&scenario, "tell"));
        assert_eq!(end(&scenario, "tell")["failure"]["kind"], "connection");
        assert!(
            !scenario.journal().iter().any(|line| line.starts_with("attempt_started")),
            "{:#?}",
            scenario.journal()
        );
        assert!(scenario.witness().is_empty(), "what never began is not undone");
    }
}

#[test]
fn a_body_is_read_whole_and_kept_in_part() {
    const WHOLE: usize = 6 * 1024 * 1024;
    let server = Server::start(|_, line| {
        line.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {WHOLE}\r\n\r\n").as_bytes()).unwrap();
        for _ in 0..WHOLE / 1024 {
            line.write_all(&[b'x'; 1024]).unwrap();
        }
    });
    let scenario = Scenario::new(&runbook(&format!(
        "  - {{ id: tell, http: {{ url: \"{}\", method: POST }}, {NOTHING} }}\n",
        server.url("/")
    )));
    scenario.exec(&[]).exits(0);
    let ended = end(&scenario, "tell");
    let digest = sha256(&[&vec![b'x'; WHOLE]]);
    assert_eq!(ended["output"], json!({ "bytes": WHOLE, "sha256": digest }));
    assert_eq!(ended["result"]["body"].as_str().unwrap().len(), 512 * 1024);
    assert_eq!(ended["result"]["truncated"], true);
    let kept = fs::metadata(scenario.runs()[0].join("output/tell.1.body")).unwrap().len();
    assert_eq!(kept, 4 * 1024 * 1024);
}

#[test]
fn every_shape_of_a_body_is_read_to_its_end() {
    let server = Server::start(|asked, line| {
        let bytes: &[u8] = match asked.path() {
            "/chunked" => {
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-End: 1\r\n\r\n"
            }
            "/close" => b"HTTP/1.0 200 OK\r\n\r\nto the end",
            "/none" => b"HTTP/1.1 204 No Content\r\n\r\n",
            "/same" => b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
            "/head" => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
            "/bytes" => b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Odd: \xff\r\n\r\na\xff\x00b",
            path => panic!("{path} was asked"),
        };
        line.write_all(bytes).unwrap();
    });
    let steps = [
        ("chunked", ""),
        ("close", ""),
        ("none", ""),
        ("same", ", expect: { status: 304 }"),
        ("head", ", method: HEAD"),
        ("bytes", ""),
    ];
    let scenario = each(&server, &steps);
    scenario.exec(&[]).exits(0);
    let body = |name: &str| end(&scenario, name)["result"]["body"].clone();
    let bodies = steps.map(|(name, _)| body(name));
    assert_eq!(
        bodies,
        [json!("abcde"), json!("to the end"), json!(""), json!(""), json!(""), json!("a\u{fffd}\u{0}b")]
    );
    assert_eq!(end(&scenario, "head")["result"]["headers"]["content-length"], "100");
    assert!(steps.iter().all(|(name, _)| end(&scenario, name)["outcome"] == "succeeded"));
}

#[test]
fn tls_proves_the_server_and_the_client() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::make(folder.path());
    let answer = |_: &server::Asked, line: &mut dyn Line| drop(line.write_all(&reply("200 OK", "", "ok")));
    let plain = Server::on(Ipv4Addr::LOCALHOST.into(), Some(certificates.server(false)), answer);
    let strict = Server::on(Ipv4Addr::LOCALHOST.into(), Some(certificates.server(true)), answer);
    let no_tls = Server::saying(reply("200 OK", "", "ok"));
    let at = folder.path().display();
    let of = |server: &Server, host: &str| format!("https://{host}:{}/", server.port);
    let steps = [
        ("own", of(&plain, "localhost"), format!(", ca: {at}/ca.crt")),
        ("stranger", of(&plain, "localhost"), String::new()),
        ("other-name", of(&plain, "127.0.0.1"), format!(", ca: {at}/ca.crt")),
        ("no-tls", of(&no_tls, "localhost"), format!(", ca: {at}/ca.crt")),
        ("unproven", of(&strict, "localhost"), format!(", ca: {at}/ca.crt")),
        ("proven", of(&strict, "localhost"), format!(", ca: {at}/ca.crt, cert: {at}/client.crt, key: {at}/client.key")),
        ("no-file", of(&plain, "localhost"), format!(", ca: {at}/none.crt")),
        ("no-key", of(&strict, "localhost"), format!(", ca: {at}/ca.crt, cert: {at}/client.crt")),
    ];
    let mut text = String::new();
    for (id, url, more) in &steps {
        writeln!(text, "  - {{ id: {id}, http: {{ url: \"{url}\"{more} }}, on_failure: continue }}").unwrap();
    }
    let scenario = Scenario::new(&runbook(&text)).env("SSL_CERT_FILE", &format!("{at}/client.crt"));
    scenario.exec(&[]).exits(0);
    let outcome = |name: &str| end(&scenario, name)["outcome"].as_str().unwrap_or("refused").to_owned();
    let outcomes = steps.each_ref().map(|(id, ..)| (*id, outcome(id)));
    let good: Vec<&str> = outcomes.iter().filter(|(_, outcome)| outcome == "succeeded").map(|(id, _)| *id).collect();
    assert_eq!(good, ["own", "proven"], "{outcomes:?}");
    for name in ["stranger", "other-name", "no-tls"] {
        assert!(message(&scenario, name).contains("could not be trusted"), "{}", message(&scenario, name));
        assert_eq!(end(&scenario, name)["failure"]["kind"], "connection", "{name}");
    }
    assert!(message(&scenario, "no-file").contains("none.crt cannot be used"), "{}", message(&scenario, "no-file"));
    assert!(message(&scenario, "no-key").contains("client.crt cannot be used"), "{}", message(&scenario, "no-key"));
    assert!(no_tls.asked().is_empty());
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found
}

const TOKEN: &str = "tr0ub4dor/and\"three";

#[test]
fn a_secret_is_sent_and_nowhere_kept_even_where_the_server_gives_it_back() {
    let server = Server::start(|asked, line| {
        let mut body = asked.body.clone();
        for (name, value) in &asked.headers {
            write!(body, "\n{name}: {value}").unwrap();
        }
        let headers = format!("X-Echo: {}\r\n", asked.header("x-token"));
        let answer = if asked.path() == "/away" {
            reply(
                "302 Found",
                &format!(
                    "Location: /there?token={}\r\n",
                    asked.header("x-token").replace('/', "%2F").replace('"', "%22")
                ),
                &body,
            )
        } else {
            reply("500 No", &headers, &body)
        };
        line.write_all(&answer).unwrap();
    });
    let text = "runbook: 1\nname: trial\ndefaults: { timeout: 20s }\nsecrets: { token: { env: TOKEN } }\nsteps:
  - id: tell
    http:
      url: URL/tell
      method: POST
      headers: { X-Token: \"{{ secrets.token }}\", X-Long: \"Bearer {{ secrets.token }}!\" }
      json: { token: \"{{ secrets.token }}\" }
    verify: { command: [\"true\"] }
    rollback: { not_needed: a trial }
    on_failure: continue
  - { id: look, http: { url: URL/look, headers: { X-Token: \"{{ secrets.token }}\" } }, on_failure: continue }
  - { id: away, http: { url: URL/away, headers: { X-Token: \"{{ secrets.token }}\" } }, on_failure: continue }
";
    let scenario = Scenario::new(&text.replace("URL", &server.url(""))).env("TOKEN", TOKEN);
    let ran = scenario.exec(&[]).exits(0);
    let planned = scenario.run(&["plan", "runbook.yaml"]).exits(0);
    let shown = scenario.run(&["audit", "show"]).exits(0);
    let asked = server.asked();
    assert_eq!(asked[0].header("x-token"), TOKEN);
    assert_eq!(asked[0].body, json!({ "token": TOKEN }).to_string());
    let mut places = files(&scenario.path("state"));
    for (name, ran) in [("exec", &ran), ("plan", &planned), ("audit", &shown)] {
        places.push((name.to_owned(), [ran.output.stdout.clone(), ran.output.stderr.clone()].concat()));
    }
    let json = json!(TOKEN).to_string();
    let url = TOKEN.replace('/', "%2F").replace('"', "%22");
    for (place, bytes) in places {
        let text = String::from_utf8_lossy(&bytes);
        for form in [TOKEN, json.trim_matches('"'), &url, "tr0ub4dor"] {
            assert!(!text.contains(form), "{place} has it:\n{text}");
        }
    }
    assert!(end(&scenario, "tell")["result"]["body"].as_str().unwrap().contains("[secret]"));
    assert_eq!(message(&scenario, "away"), "status 302: it redirects to a URL that has a secret in it");
    planned.says("X-Token: (secret)").says("a body that is not shown");
}

#[test]
fn a_sensitive_response_is_not_kept() {
    let server = Server::saying(reply("200 OK", "X-Private: one-of-a-kind\r\n", r#"{"key": "one-of-a-kind"}"#));
    let scenario = Scenario::new(&runbook(&format!(
        "  - {{ id: tell, http: {{ url: \"{0}\", method: POST, expect: {{ json: {{ key: x }} }} }}, sensitive: true, \
         on_failure: continue, {NOTHING} }}\n  - {{ id: look, http: \"{0}\", sensitive: true }}\n",
        server.url("/")
    )));
    scenario.exec(&[]).exits(0);
    assert_eq!(message(&scenario, "tell"), "status 200, but in the body's JSON something is not as wanted");
    for (place, bytes) in files(&scenario.path("state")) {
        assert!(!String::from_utf8_lossy(&bytes).contains("one-of-a-kind"), "{place}");
    }
}

#[test]
fn what_would_become_another_request_is_refused_before_anything_is_sent() {
    let server = Server::saying(reply("200 OK", "", ""));
    let url = server.url("/");
    let steps = format!(
        "  - {{ id: header, http: {{ url: \"{url}\", headers: {{ X-A: \"{{{{ parameters.value }}}}\" }} }}, on_failure: continue }}
  - {{ id: url, http: \"{url}{{{{ parameters.value }}}}\", on_failure: continue }}
  - {{ id: length, http: {{ url: \"{url}\", headers: {{ Content-Length: 3 }} }}, on_failure: continue }}
  - {{ id: coding, http: {{ url: \"{url}\", method: POST, headers: {{ Transfer-Encoding: chunked }} }}, on_failure: continue, {NOTHING} }}
  - {{ id: fragment, http: \"{url}{{{{ '#' }}}}a\", on_failure: continue }}\n"
    );
    let scenario = Scenario::new(
        &runbook(&steps)
            .replace("steps:", "parameters: { value: { type: string, default: \"a\\r\\nX-Other: b\" } }\nsteps:"),
    );
    scenario.exec(&[]).exits(0);
    assert_eq!(message(&scenario, "header"), "header X-A: its value has a line break or a control character");
    assert!(
        message(&scenario, "url").contains(r"a\r\nX-Other: b` cannot be asked: it is not a URL"),
        "{}",
        message(&scenario, "url")
    );
    assert_eq!(message(&scenario, "length"), "the header Content-Length follows from the request, and cannot be given");
    assert_eq!(
        message(&scenario, "coding"),
        "the header Transfer-Encoding follows from the request, and cannot be given"
    );
    assert!(message(&scenario, "fragment").contains("write # as %23"));
    assert!(server.asked().is_empty(), "{:?}", server.asked());
}

#[test]
fn an_address_of_ipv6_is_asked_and_a_proxy_of_the_environment_is_not() {
    let proxy = Server::saying(reply("200 OK", "", "of the proxy"));
    let server =
        Server::on(Ipv6Addr::LOCALHOST.into(), None, |_, line| drop(line.write_all(&reply("200 OK", "", "six"))));
    let url = format!("http://[::1]:{}/", server.port);
    let scenario = Scenario::new(&runbook(&format!("  - {{ id: six, http: \"{url}\" }}\n")));
    let scenario = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
        .into_iter()
        .fold(scenario, |scenario, name| scenario.env(name, &proxy.url("/")));
    scenario.exec(&[]).exits(0);
    assert_eq!(end(&scenario, "six")["result"]["body"], "six");
    assert_eq!(server.asked()[0].header("host"), format!("[::1]:{}", server.port));
    assert!(proxy.asked().is_empty());
}

#[test]
fn a_probe_holds_does_not_hold_or_is_unknown() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Server::start(|asked, line| {
        let status = if asked.path() == "/yes" { "200 OK" } else { "503 No" };
        line.write_all(&reply(status, "", status)).unwrap();
    });
    let (yes, no, dead) = (server.url("/yes"), server.url("/no"), format!("http://127.0.0.1:{port}/"));
    let act = "command: [./witness], rollback: { not_needed: x }, on_failure: continue";
    let steps = format!(
        "  - {{ id: in-place, check: {{ http: \"{yes}\" }}, {act} }}
  - {{ id: to-do, check: {{ http: \"{no}\" }}, verify: {{ http: {{ url: \"{no}\", expect: {{ status: 503 }} }} }}, {act} }}
  - {{ id: unclear, check: {{ http: \"{dead}\" }}, {act} }}
  - {{ id: asked, preconditions: [{{ http: \"{no}\", that: status == 503, message: x }}], verify: {{ http: \"{yes}\" }}, {act} }}
  - {{ id: not-asked, preconditions: [{{ http: \"{no}\", that: status == 200, message: \"it says {{{{ status }}}}\" }}], \
         verify: {{ http: \"{yes}\" }}, {act} }}
  - {{ id: not-met, preconditions: [{{ http: \"{no}\" }}], verify: {{ http: \"{yes}\" }}, {act} }}
  - {{ id: not-verified, verify: {{ http: \"{no}\" }}, {act} }}
  - {{ id: polled, http: \"{no}\", until: status == 503, every: 1s }}
  - {{ id: both, http: {{ url: \"{no}\", expect: {{ body: nothing }} }}, until: status == 503, every: 1s, timeout: 1s, on_failure: continue }}\n"
    );
    let scenario = Scenario::new(&runbook(&steps));
    scenario.exec(&[]).exits(0);
    assert_eq!(
        scenario.steps(),
        [
            "in-place in_place",
            "to-do succeeded",
            "unclear failed",
            "asked succeeded",
            "not-asked failed",
            "not-met failed",
            "not-verified failed",
            "polled succeeded",
            "both timed_out",
        ]
    );
    assert_eq!(scenario.witness().len(), 3);
    assert_eq!(message(&scenario, "not-asked"), "it says 503");
    assert_eq!(message(&scenario, "not-met"), "a precondition does not hold: status 503, 2xx was wanted");
    assert_eq!(message(&scenario, "not-verified"), "it ran, but verify does not hold: status 503, 2xx was wanted");
    assert!(
        message(&scenario, "unclear").starts_with("its check has no answer: "),
        "{}",
        message(&scenario, "unclear")
    );
}

#[test]
fn plan_asks_what_only_looks_and_shows_what_would_be_sent() {
    let server = Server::saying(reply("200 OK", "", r#"{"lag": 4}"#));
    let url = server.url("/");
    let steps = format!(
        "  - {{ id: look, http: \"{url}lag\", outputs: {{ lag: \"{{{{ json.lag }}}}\" }} }}
  - {{ id: wrong, http: {{ url: \"{url}\", expect: {{ status: 204 }} }} }}
  - id: tell
    http: {{ url: \"{url}tell\", method: PUT, headers: {{ X-Lag: \"{{{{ steps.look.outputs.lag }}}}\" }}, json: {{ lag: \"{{{{ steps.look.outputs.lag }}}}\" }} }}
    verify: {{ http: \"{url}\" }}
    rollback: {{ http: {{ url: \"{url}tell\", method: DELETE }} }}\n"
    );
    let scenario = Scenario::new(&runbook(&steps));
    let planned = scenario.run(&["plan", "runbook.yaml"]).exits(0);
    assert!(server.asked().iter().all(|asked| asked.line.starts_with("GET ")), "{:?}", server.asked());
    let planned = planned.says(&format!("GET {url}lag: lag = 4")).says("it would fail now: status 200, 204 was wanted");
    let planned = planned.says(&format!("PUT {url}tell")).says("X-Lag: 4").says("\"lag\": 4");
    planned.says(&format!("DELETE {url}tell"));
}

#[test]
fn a_request_is_undone_by_another() {
    let server = Server::start(|asked, line| {
        let status = if asked.path() == "/break" { "409 Conflict" } else { "200 OK" };
        line.write_all(&reply(status, "", "")).unwrap();
    });
    let url = server.url("/");
    let steps = format!(
        "  - id: make
    http: {{ url: \"{url}thing\", method: PUT, body: x }}
    verify: {{ http: \"{url}thing\" }}
    rollback: {{ http: {{ url: \"{url}thing\", method: DELETE }}, timeout: 5s }}
  - {{ id: break, http: {{ url: \"{url}break\", method: POST }}, {NOTHING}, on_failure: rollback }}\n"
    );
    let scenario = Scenario::new(&runbook(&steps));
    scenario.exec(&["--yes"]).exits(4);
    let lines: Vec<String> = server.asked().iter().map(|asked| asked.line.replace(" HTTP/1.1", "")).collect();
    assert_eq!(lines, ["PUT /thing", "GET /thing", "POST /break", "DELETE /thing"]);
}

#[cfg(feature = "crash-points")]
mod killed {
    use super::*;

    /// A run whose program died after its request was answered, before that was recorded.
    fn crashed(server: &Server, more: &str) -> Scenario {
        let scenario = Scenario::new(&runbook(&format!(
            "  - {{ id: tell, http: {{ url: \"{}\", method: POST, body: x }}, rollback: {{ not_needed: a trial }}, {more} }}\n",
            server.url("/tell")
        )));
        let before = posts(server);
        scenario.crash_at(2, "after_effect").exec(&[]).dies_of(6);
        assert_eq!(posts(server), before + 1);
        scenario
    }

    fn posts(server: &Server) -> usize {
        server.asked().iter().filter(|asked| asked.line.starts_with("POST")).count()
    }

    #[test]
    fn a_request_whose_answer_nobody_recorded_is_asked_about_and_not_sent_again() {
        let server = Server::saying(reply("200 OK", "", ""));
        let scenario = crashed(&server, "verify: { command: [\"true\"] }");
        scenario.resume().exits(7).says(&format!("its request was POST {}", server.url("/tell")));
        assert_eq!((scenario.steps(), posts(&server)), (vec!["tell unknown".to_owned()], 1));
        assert!(message(&scenario, "tell").contains("tell.1)`"), "{}", message(&scenario, "tell"));
        scenario.answer("tell", "succeeded", &["--reason", "its log has it"]).exits(0);
        scenario.resume().exits(0);
        assert_eq!((scenario.steps(), posts(&server)), (vec!["tell succeeded".to_owned()], 1));
    }

    #[test]
    fn its_check_settles_it_where_it_holds_and_not_where_it_does_not_hold_yet() {
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let seen = Arc::clone(&done);
        let server = Server::start(move |asked, line| {
            let there = asked.line.starts_with("POST") || seen.load(std::sync::atomic::Ordering::SeqCst);
            line.write_all(&reply(if there { "200 OK" } else { "404 No" }, "", "")).unwrap();
        });
        let check = format!("check: {{ http: \"{}\" }}", server.url("/state"));
        let scenario = crashed(&server, &check);
        scenario.resume().exits(7).says("the server may still act on the request");
        assert_eq!((scenario.steps(), posts(&server)), (vec!["tell unknown".to_owned()], 1));
        let scenario = crashed(&server, &check.replace("/state", "/state2"));
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        scenario.resume().exits(0);
        assert_eq!((scenario.steps(), posts(&server)), (vec!["tell succeeded".to_owned()], 2));
    }

    #[test]
    fn what_is_idempotent_is_sent_again() {
        let server = Server::saying(reply("200 OK", "", ""));
        let scenario = crashed(&server, "verify: { command: [\"true\"] }, idempotent: true");
        scenario.resume().exits(0);
        assert_eq!((scenario.steps(), posts(&server)), (vec!["tell succeeded".to_owned()], 2));
    }
}
