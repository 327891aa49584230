//! What somebody types who writes runbooks: completions, manual pages, the page that is sent round for review.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use pulldown_cmark::{Event, Tag};
use runbook::check::check;
use runbook::check::source::Source;
use runbook::cli::Arguments;
use runbook::model::diagnostic::{Diagnostic, Severity, Silenced, Span};
use runbook::model::runbook::Runbook;
use runbook::report::diagnostics::{Found, SourceText};
use runbook::report::render;
use scenario::{Scenario, command};
use serde_json::json;

/// The names of all commands that a person may type.
fn commands() -> Vec<String> {
    let program = Arguments::command();
    let seen = program.get_subcommands().filter(|command| !command.is_hide_set());
    seen.map(|command| command.get_name().to_owned()).collect()
}

#[test]
fn completions_know_every_command() {
    let scenario = Scenario::new("");
    for shell in ["bash", "zsh", "fish"] {
        let script = scenario.run(&["completions", shell]).exits(0).stdout();
        for name in commands() {
            assert!(script.contains(&name), "{shell} completes {name}");
        }
        fs::write(scenario.path("script"), script).unwrap();
        // Not every machine has every shell.
        let Ok(read) = command(shell).arg("-n").arg(scenario.path("script")).output() else { continue };
        assert!(read.status.success() && read.stderr.is_empty(), "{read:?}");
    }
    scenario.run(&["completions", "tcsh"]).exits(2).warns("bash, zsh, fish");
}

#[test]
fn bash_completes_a_command_and_its_options() {
    let scenario = Scenario::new("");
    let completions = scenario.run(&["completions", "bash"]).exits(0).stdout();
    fs::write(scenario.path("script"), completions).unwrap();
    let asked = |words: &str, at: usize| {
        let script = format!(
            "source ./script; COMP_WORDS=({words}); COMP_CWORD={at}; _runbook runbook \"${{COMP_WORDS[{at}]}}\" \
             \"${{COMP_WORDS[{before}]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            before = at - 1
        );
        let output = command("bash").args(["-c", &script]).current_dir(scenario.path(".")).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(asked("runbook val", 1), ["validate"]);
    assert_eq!(asked("runbook validate --for", 2), ["--format"]);
    assert_eq!(asked("runbook validate --format s", 3), ["sarif"]);
}

#[test]
fn every_command_has_a_manual_page() {
    let scenario = Scenario::new("");
    let page = scenario.run(&["man"]).exits(0).stdout();
    assert!(page.contains(".TH runbook 1"), "{page}");
    for name in commands() {
        assert!(page.contains(&format!("runbook\\-{name}(1)")), "the page of the program names {name}");
    }
    scenario.run(&["man", "--out", "pages/man1"]).exits(0).shows("");
    for name in commands() {
        let page = scenario.read(&format!("pages/man1/runbook-{name}.1"));
        assert!(page.contains(&format!(".TH runbook-{name} 1")), "{name}: {page}");
    }
    assert_eq!(scenario.read("pages/man1/runbook.1"), page);
    fs::write(scenario.path("taken"), "").unwrap();
    scenario.run(&["man", "--out", "taken"]).exits(2).warns("cannot write to taken").warns("name a folder");
}

/// A runbook that has something of everything.
const WHOLE: &str = include_str!("render/whole.yaml");

type Write = fn(&Runbook, &Found<'_>) -> String;

/// What a text is as a runbook.
fn resolved(text: &str) -> Runbook {
    let source = Source::new("whole.yaml", text);
    let none = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let checked = check(&source, Path::new("/runbooks"), &none);
    checked.runbook.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics))
}

/// A page of a runbook, with warnings, one that is silenced and a refusal.
fn page(text: &str, write: Write) -> String {
    let runbook = resolved(text);
    let finding = |code, severity, message: &str, start| Diagnostic {
        code,
        severity,
        message: message.to_owned(),
        file: "whole.yaml".into(),
        span: Span { start, end: start + 1 },
        labels: Vec::new(),
        help: Some("look at `it`".to_owned()),
    };
    let found = Found {
        sources: vec![
            SourceText { path: Path::new("whole.yaml"), text },
            SourceText { path: Path::new("parts/one.yaml"), text: "runbook: 1\nname: one\n" },
        ],
        diagnostics: vec![
            finding("RB0507", Severity::Warning, "nothing verifies that step `drop` worked", 20),
            finding("RB0507", Severity::Warning, "nothing verifies that step `drop` worked", 60),
            Diagnostic {
                file: "parts/one.yaml".into(),
                ..finding("RB0507", Severity::Warning, "nothing verifies that step `drop` worked", 12)
            },
            finding("RB0208", Severity::Error, "`window` cannot be carried out yet", 60),
        ],
        silenced: vec![Silenced {
            diagnostic: finding("RB0405", Severity::Warning, "step `go` has no estimate", 0),
            reason: "asked <at once>".to_owned(),
        }],
    };
    write(&runbook, &found)
}

fn is_kept(name: &str, text: String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/render").join(name);
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(text, snapbox::Data::read_from(&path, None).raw());
}

#[test]
fn a_runbook_is_a_page_of_markdown() {
    is_kept("whole.md", page(WHOLE, render::markdown));
}

#[test]
fn a_runbook_is_a_page_of_html_that_needs_nothing_else() {
    let page = page(WHOLE, render::html);
    assert!(tags(&page).iter().all(|tag| !["script", "link", "img", "iframe"].contains(&tag.as_str())));
    let (head, body) = page.split_once("</head>").unwrap();
    assert!(head.contains("<style>") && head.contains("prefers-color-scheme: dark") && head.contains("@media print"));
    assert!(!head.contains("url(") && !head.contains("@import"));
    is_kept("whole.body.html", body.to_owned());
}

#[test]
fn render_shows_what_validate_finds_and_refuses_a_runbook_with_errors() {
    let text = "runbook: 1\nname: asks\nsteps:\n  - { id: ask, confirm: { message: now } }\n";
    let scenario = Scenario::new(text);
    let page = scenario.run(&["render", "runbook.yaml"]).exits(0);
    assert!(page.stdout().starts_with("# asks\n\n- **Runbook:** `asks`\n"), "{}", page.stdout());
    page.says("\n- Line 4: step `ask` waits for a person and has no estimate (RB0405)\n");
    let html = scenario.run(&["render", "runbook.yaml", "--format", "html"]).exits(0).stdout();
    assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\">") && html.ends_with("</html>\n"), "{html}");
    let broken = Scenario::new(&text.replace("message", "mesage")).run(&["render", "runbook.yaml"]).exits(2);
    let refused = "runbook.yaml is not a valid runbook, and nothing was rendered";
    broken.warns("error[RB0201]: unknown field `mesage`").warns(refused).shows("");
}

/// Words that would be markup, a link, a picture, the end of a table's cell or an order to a terminal.
const HOSTILE: &str = "<script>alert(1)</script> ](javascript:alert(2)) [x](javascript:alert(3)) <javascript:alert(4)> \
    ![p](https://e.example/p.png) `tick` ``two`` | pipe **bold** &lt; $x$ @all \u{1b}[31m\u{9b}2J \u{202e}gnp\n\
    # heading\n- item\n1. one\n```\n~~~\n> quote\n| a |\n|---|\n</code></pre><img src=x onerror=alert(5)>\n---\n\
    [r]: javascript:alert(6)";

/// A runbook with words wherever it may have any.
fn tame() -> Runbook {
    let words = "tame words";
    let command = json!(["echo", words]);
    let part = json!({ "command": command });
    let document = json!({
        "runbook": 1, "name": "hostile", "title": words, "owner": words, "timezone": "UTC",
        "review": { "approvers": ["@team", words] }, "groups": { "team": [words] }, "locks": [words],
        "parameters": {
            "text": { "type": "string", "default": words, "description": words },
            "one": { "type": "string", "enum": [words] },
        },
        "vars": { "it": words },
        "secrets": { "file": { "file": words }, "command": { "command": command } },
        "targets": { "db": { "postgres": format!("host=db options='{words}'") }, "web": { "hosts": [words], "user": words } },
        "defaults": { "timeout": "5m" },
        "steps": [
            { "id": "script", "name": words, "notes": words, "shell": words, "env": { "X": words }, "stdin": words,
              "cwd": words, "verify": part, "rollback": part, "success": { "message": words }, "artifacts": [words],
              "outputs": { "x": words }, "preconditions": [{ "that": "1 == 1", "message": words }] },
            { "id": "file", "file": { "path": words, "content": words, "owner": words, "reload": command },
              "check": part },
            { "id": "edits", "file": { "path": words, "edits": [{ "match": "a", "replace": words }] }, "verify": part },
            { "id": "request", "http": { "url": "https://e.example", "method": "POST", "headers": { "X": words },
              "body": words }, "verify": part, "rollback": { "not_needed": words } },
            { "id": "ask", "confirm": { "message": words, "by": [words] }, "estimate": "1m",
              "point_of_no_return": words },
            { "id": "person", "manual": { "instructions": words }, "estimate": "1m", "irreversible": words },
            { "id": "demand", "assert": [{ "that": "1 == 1", "message": words }] },
            { "id": "loop", "for_each": [words], "command": command, "verify": part,
              "rollback": { "not_needed": words } },
        ],
        "followups": [{ "due": "1d", "title": words, "owner": words }],
    });
    resolved(&document.to_string())
}

/// The same with other words, whether a rule would let them through or not.
fn saying(words: &str) -> Runbook {
    let quoted = |words: &str| json!(words).to_string().trim_matches('"').to_owned();
    let told = json!(tame()).to_string().replace(&quoted("tame words"), &quoted(words));
    let runbook: Runbook = serde_json::from_str(&told).unwrap();
    assert_eq!(runbook.title.as_deref(), Some(words));
    runbook
}

/// The names of all elements of a page of HTML.
fn tags(html: &str) -> Vec<String> {
    let tag = regex::Regex::new("<([a-zA-Z][a-zA-Z0-9]*)").unwrap();
    tag.captures_iter(html).map(|found| found[1].to_owned()).collect()
}

fn steers(page: &str) -> Option<char> {
    page.chars().find(|letter| (letter.is_control() && *letter != '\n') || *letter == '\u{202e}')
}

/// What a page of Markdown is made of, its words left out.
fn structure(markdown: &str) -> Vec<String> {
    let events = pulldown_cmark::Parser::new_ext(markdown, pulldown_cmark::Options::all());
    let shape = |event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(format!("link {dest_url}")),
        Event::Start(Tag::CodeBlock(_)) => Some("code".to_owned()),
        Event::Start(tag) => Some(format!("{tag:?}")),
        Event::Code(_) => Some("span".to_owned()),
        Event::Html(_) | Event::InlineHtml(_) => Some("HTML".to_owned()),
        Event::Rule => Some("rule".to_owned()),
        Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) => Some("other".to_owned()),
        _ => None,
    };
    events.filter_map(shape).collect()
}

#[test]
fn hostile_words_are_words_in_markdown() {
    let write = |runbook: &Runbook| render::markdown(runbook, &Found::default());
    let hostile = write(&saying(HOSTILE));
    assert_eq!(structure(&hostile), structure(&write(&tame())), "{hostile}");
    assert_eq!(steers(&hostile), None);
}

#[test]
fn hostile_words_are_words_in_html() {
    let write = |runbook: &Runbook| render::html(runbook, &Found::default());
    let hostile = write(&saying(HOSTILE));
    assert_eq!(tags(&hostile), tags(&write(&tame())), "{hostile}");
    assert_eq!(steers(&hostile), None);
    let shown = "&lt;script&gt;alert(1)&lt;/script&gt; ](javascript:alert(2)) [x](javascript:alert(3))";
    assert!(hostile.contains(shown), "{hostile}");
}

#[test]
fn an_address_is_a_link_only_where_it_runs_nothing() {
    let links = ["https://e.example/a?b=c&d", "mailto:a@e.example", "javascript:alert(1)", "https://e.example/\"><b>"];
    let runbook = Runbook { links: links.map(str::to_owned).into(), ..tame() };
    let markdown = render::markdown(&runbook, &Found::default());
    let seen = structure(&markdown).into_iter().filter(|part| part.starts_with("link ")).collect::<Vec<_>>();
    assert_eq!(seen, [format!("link {}", links[0]), format!("link {}", links[1])], "{markdown}");
    let html = render::html(&runbook, &Found::default());
    let href = regex::Regex::new("href=\"([^\"]*)\"").unwrap();
    let seen: Vec<String> = href.captures_iter(&html).map(|found| found[1].to_owned()).collect();
    let quoted = "https://e.example/&quot;&gt;&lt;b&gt;";
    assert_eq!(seen, ["https://e.example/a?b=c&amp;d", links[1], quoted, "#open-questions"]);
}

#[test]
fn a_description_keeps_its_markup_and_loses_what_could_harm() {
    let description = "# Why\n\n**Bold** [good](https://e.example) [bad](javascript:alert(1)) [r] <javascript:alert(2)>\n\n\
        <div onclick=alert(3)>[in](javascript:alert(4))</div>\n\na <b>b</b> ![p](https://e.example/p.png) \
        ![q](javascript:alert(5)) \u{1b}[31m\n\n[r]: javascript:alert(6)\n\n```sh\nls <x>\n```\n\n```\nnever closed";
    let step = json!([{ "id": "a", "wait": "1s" }]);
    let text = json!({ "runbook": 1, "name": "n", "description": description, "steps": step }).to_string();
    let html = page(&text, render::html);
    let (_, html) = html.split_once("<div class=\"prose\">").unwrap();
    let (prose, after) = html.split_once("</div>\n<h2>At a glance</h2>").unwrap();
    assert_eq!(
        prose,
        "<h3>Why</h3>\n<p><strong>Bold</strong> <a href=\"https://e.example\">good</a> bad r javascript:alert(2)</p>\n\
         &lt;div onclick=alert(3)&gt;[in](javascript:alert(4))&lt;/div&gt;\n<p>a &lt;b&gt;b&lt;/b&gt; p q \\u{1b}[31m</p>\n\
         <pre><code>ls &lt;x&gt;\n</code></pre>\n<pre><code>never closed</code></pre>\n"
    );
    assert!(after.contains("<h2>Steps</h2>"));
    let markdown = page(&text, render::markdown);
    let structure = structure(&markdown);
    let links: Vec<&String> = structure.iter().filter(|part| part.starts_with("link") || *part == "HTML").collect();
    assert_eq!(links, ["link https://e.example", "link https://e.example/p.png"], "{markdown}");
    assert!(!structure.iter().any(|part| part.starts_with("Image")), "{markdown}");
    assert!(structure.contains(&"Heading { level: H2, id: None, classes: [], attrs: [] }".to_owned()), "{markdown}");
    assert_eq!(steers(&markdown), None);
}

#[test]
fn every_good_runbook_of_the_corpus_is_a_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/good");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let Some("yaml") = path.extension().and_then(|end| end.to_str()) else { continue };
        let text = fs::read_to_string(&path).unwrap();
        let checked = check(&Source::new(&path, text), &folder, &|path: &Path| fs::read(path));
        let Some(runbook) = checked.runbook else { continue };
        let (markdown, html) =
            (render::markdown(&runbook, &Found::default()), render::html(&runbook, &Found::default()));
        assert!(markdown.contains("\n## Rollback\n") && html.contains("<h2>Rollback</h2>"), "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 20, "only {seen} runbooks were rendered");
}
