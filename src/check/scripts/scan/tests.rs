//! Which commands are seen in scripts of every shape, and which texts are none.

use proptest::prelude::*;

use super::{Join, NESTING_LIMIT, commands};

/// Each command on a line: `!` where negated, `?` in a condition, `>` for each substitution, its words, and what joins
/// it with the next.
fn seen(script: &str) -> String {
    let mut lines = Vec::new();
    for command in commands(script) {
        let words: Vec<&str> = command.assignments.iter().chain(&command.words).map(|word| word.text).collect();
        let after = match command.after {
            Join::Pipe => " |",
            Join::Logic => " &&",
            Join::End => "",
        };
        let negated = if command.negated.is_some() { "! " } else { "" };
        let condition = if command.condition { "? " } else { "" };
        lines.push(format!("{}{condition}{negated}{}{after}", ">".repeat(command.depth), words.join(" ")));
    }
    lines.join("\n")
}

#[test]
fn commands_are_separated_by_what_bash_separates_them_by() {
    assert_eq!(seen("a 1; b 2 & c\nd && e || f | g |& h"), "a 1\nb 2\nc\nd &&\ne &&\nf |\ng |\nh");
    assert_eq!(seen("a \\\n  1 # b; c\n#d\n\n e#f"), "a 1\ne#f");
    assert_eq!(seen("x=1 y='2 3' a 1>&2 2>/dev/null <in b &>all"), "x=1 y='2 3' a b");
}

#[test]
fn quoted_texts_and_documents_are_no_commands() {
    assert_eq!(seen("a 'b; c' \"d | e\" $'f\\'; g' h\\;i"), "a 'b; c' \"d | e\" $'f\\'; g' h\\;i");
    assert_eq!(seen("a <<X; b <<-'Y'\nc\nX\n\td\n\tY\ne <<<f"), "a\nb\ne");
    assert_eq!(seen("a <<X\nno end\n"), "a");
    assert_eq!(
        seen("a=(b c; d)\nls !(e|f)\n[[ a && b < c || (d) ]] && g"),
        "a=(b c; d)\nls !(e|f)\n[[ a b c d ]] &&\ng"
    );
    assert_eq!(seen("((a < b)); x=$((1 + (2))); b"), "x=$((1 + (2)))\nb");
}

#[test]
fn what_is_substituted_is_seen_too() {
    assert_eq!(seen("a \"$(b | c)\" `d` <(e; f)"), "a \"$(b | c)\" `d` <(e; f)\n>b |\n>c\n>d\n>e\n>f");
    assert_eq!(seen("x=$(a $(b)) y"), "x=$(a $(b)) y\n>a $(b)\n>>b");
    assert_eq!(seen("a ${x:-$(b)} ${y#\"}\"} c"), "a ${x:-$(b)} ${y#\"}\"} c\n>b");
    assert_eq!(seen("$( (a) )"), "$( (a) )\n>a");
}

#[test]
fn the_words_of_the_shell_are_no_commands() {
    assert_eq!(seen("if a; then b; elif c | d; then e; else f; fi | g"), "? a\nb\n? c |\n? d\ne\nf\ng");
    assert_eq!(seen("for x in 1 2; do a; done; for ((;;)); do b; done\nwhile c\ndo d; done"), "a\nb\n? c\nd");
    assert_eq!(seen("case $x in\n  a|b) c ;;\n  (d) e;;\n  *) f\nesac\ng"), "c\ne\nf\ng");
    assert_eq!(seen("case x in a) case y in b) c;; esac; for i in d; do e; done;; esac; f"), "c\ne\nf");
    assert_eq!(seen("f() { a; }\nfunction g { b; }\n! c | d; (e; f) && g"), "a\nb\n! c |\nd\ne\nf\ng");
    assert_eq!(seen("echo if then; time -p a"), "echo if then\n-p a");
}

#[test]
fn a_word_knows_its_variables() {
    let variables = |script: &str| -> Vec<String> {
        let found = commands(script);
        let all = found.iter().flat_map(|command| command.assignments.iter().chain(&command.words));
        all.flat_map(|word| &word.variables)
            .map(|variable| {
                let quoted = if variable.quoted { "\"" } else { "" };
                let guarded = if variable.guarded { ":" } else { "" };
                format!("{quoted}{}{guarded}", variable.name)
            })
            .collect()
    };
    assert_eq!(
        variables("a $b \"$c/d\" \"${e:?}\" ${f:-x}${g:-} '$h' \\$i ${#j} $1"),
        ["b", "\"c", "\"e:", "f:", "g", "1"]
    );
    assert_eq!(variables("a \"$(b $c)\""), ["c"]);
}

#[test]
fn a_program_is_known_behind_what_starts_it() {
    let program = |script: &str| commands(script)[0].program().map(|(name, _)| name);
    assert_eq!(program("/usr/bin/rm x").as_deref(), Some("rm"));
    assert_eq!(program("A=1 sudo -n \\rm x").as_deref(), Some("rm"));
    assert_eq!(program("env A=1 'curl' x").as_deref(), Some("curl"));
    assert_eq!(program("$cmd x"), None);
    assert_eq!(program("sudo"), None);
}

#[test]
fn depth_has_an_end() {
    for open in ["$(", "${a:-", "\"$(", "`$(", "<(", "((", "$((", "a=(", "if ", "case x in a) ", "{ ", "("] {
        let deep = open.repeat(100_000);
        assert!(commands(&deep).len() <= NESTING_LIMIT + 1, "{open}");
    }
}

proptest! {
    #[test]
    fn no_text_is_too_strange(script in "([ -~]|\n|é|'|\"|`|\\$\\(|\\)|\\$\\{|\\}|<<A\n|A\n|;;|case x in |esac|if |\\\\){0,40}") {
        for command in commands(&script) {
            for word in command.words.iter().chain(&command.assignments) {
                prop_assert_eq!(&script[word.offset..word.end()], word.text);
            }
        }
    }
}
