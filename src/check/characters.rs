//! Characters that a reviewer does not see, or sees as another: their kinds and their names.
//!
//! `check::unreadable` refuses what no runbook may hold, `rules::characters` warns of the rest.

/// What is unusual about a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusual {
    /// It commands a terminal or means nothing at all.
    Control,
    /// Some programs begin a new line there and others do not.
    Break,
    /// It changes the order in which what follows is shown.
    Direction,
    /// Nothing is shown in its place.
    Invisible,
    /// It is shown as a space and is none.
    Space,
}

/// What is unusual about a character; nothing is about most. Joiners, variation selectors and tags count only where
/// [`belongs`] does not know a use for them.
#[must_use]
pub fn unusual(c: char) -> Option<Unusual> {
    Some(match c {
        '\t' | '\n' | ' '..='~' => return None,
        '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Unusual::Break,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' => {
            Unusual::Control
        }
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Unusual::Direction,
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Unusual::Invisible,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Unusual::Space,
        _ => return None,
    })
}

/// Whether an invisible character does what it is for: it joins or varies the character before it.
#[must_use]
pub fn belongs(c: char, before: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match c {
        // Scripts whose letters are joined or kept apart by them, and pictures made of several.
        '\u{200c}' | '\u{200d}' => before >= '\u{600}' && unusual(before).is_none_or(|_| before == '\u{fe0f}'),
        // A picture instead of a sign, such as ☎️ or 1️⃣.
        '\u{fe0e}' | '\u{fe0f}' => {
            before >= '\u{2010}' && unusual(before).is_none() || matches!(before, '0'..='9' | '#' | '*' | '©' | '®')
        }
        // The flag of a region: a black flag and the region's letters.
        '\u{e0020}'..='\u{e007f}' => before == '\u{1f3f4}' || matches!(before, '\u{e0020}'..='\u{e007e}'),
        _ => false,
    }
}

/// A character as a sentence calls it, such as `U+200B ZERO WIDTH SPACE`.
#[must_use]
pub fn name(c: char) -> String {
    let code = u32::from(c);
    let name = match c {
        '\0' => "NUL",
        '\r' => "CARRIAGE RETURN",
        '\u{1b}' => "ESCAPE",
        '\u{7f}' => "DELETE",
        '\u{85}' => "NEXT LINE",
        '\u{a0}' => "NO-BREAK SPACE",
        '\u{ad}' => "SOFT HYPHEN",
        '\u{34f}' => "COMBINING GRAPHEME JOINER",
        '\u{61c}' => "ARABIC LETTER MARK",
        '\u{3164}' | '\u{115f}' | '\u{1160}' | '\u{ffa0}' => "HANGUL FILLER",
        '\u{200b}' => "ZERO WIDTH SPACE",
        '\u{200c}' => "ZERO WIDTH NON-JOINER",
        '\u{200d}' => "ZERO WIDTH JOINER",
        '\u{200e}' => "LEFT-TO-RIGHT MARK",
        '\u{200f}' => "RIGHT-TO-LEFT MARK",
        '\u{2028}' => "LINE SEPARATOR",
        '\u{2029}' => "PARAGRAPH SEPARATOR",
        '\u{202a}' => "LEFT-TO-RIGHT EMBEDDING",
        '\u{202b}' => "RIGHT-TO-LEFT EMBEDDING",
        '\u{202c}' => "POP DIRECTIONAL FORMATTING",
        '\u{202d}' => "LEFT-TO-RIGHT OVERRIDE",
        '\u{202e}' => "RIGHT-TO-LEFT OVERRIDE",
        '\u{202f}' => "NARROW NO-BREAK SPACE",
        '\u{2060}' => "WORD JOINER",
        '\u{2066}' => "LEFT-TO-RIGHT ISOLATE",
        '\u{2067}' => "RIGHT-TO-LEFT ISOLATE",
        '\u{2068}' => "FIRST STRONG ISOLATE",
        '\u{2069}' => "POP DIRECTIONAL ISOLATE",
        '\u{3000}' => "IDEOGRAPHIC SPACE",
        '\u{feff}' => "BYTE ORDER MARK",
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => "VARIATION SELECTOR",
        '\u{e0000}'..='\u{e007f}' => "TAG",
        _ => match unusual(c) {
            Some(Unusual::Space) => "SPACE",
            Some(Unusual::Control) => "CONTROL CHARACTER",
            Some(_) => "INVISIBLE CHARACTER",
            None => {
                return lookalike(c).map_or(format!("U+{code:04X}"), |(_, script)| format!("U+{code:04X} {script}"));
            }
        },
    };
    format!("U+{code:04X} {name}")
}

/// The letter of the Latin alphabet that a letter of another looks like, and which other that is.
#[must_use]
pub fn lookalike(c: char) -> Option<(char, &'static str)> {
    const CYRILLIC: &str = "аaеeоoрpсcуyхxіiјjѕsԁdһhӏlԛqԝwАAВBЕEКKМMНHОOРPСCТTХXІIЈJЅS";
    const GREEK: &str = "οoαaνvρpιiκkτtυuχxΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX";
    let among = |table: &str| {
        let mut letters = table.chars();
        while let (Some(other), Some(latin)) = (letters.next(), letters.next()) {
            if other == c {
                return Some(latin);
            }
        }
        None
    };
    match c {
        '\u{400}'..='\u{52f}' => among(CYRILLIC).map(|latin| (latin, "CYRILLIC LETTER")),
        '\u{370}'..='\u{3ff}' => among(GREEK).map(|latin| (latin, "GREEK LETTER")),
        // The letters of ASCII once more, in full width.
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            char::from_u32(u32::from(c) - 0xfee0).map(|latin| (latin, "FULLWIDTH LETTER"))
        }
        _ => None,
    }
}

/// A name without what cannot be seen in it and with Latin letters for those that look like them; `None` where that
/// is what it is already.
#[must_use]
pub fn plain(name: &str) -> Option<String> {
    let seen = name.chars().filter(|c| unusual(*c).is_none());
    let plain: String = seen.map(|c| lookalike(c).map_or(c, |(latin, _)| latin)).collect();
    (plain != name).then_some(plain)
}

/// The first character of a name that [`plain`] takes out or exchanges.
#[must_use]
pub fn disguise(name: &str) -> Option<char> {
    name.chars().find(|c| is_disguise(*c))
}

/// Whether a character is not seen, or is seen as another.
#[must_use]
pub fn is_disguise(c: char) -> bool {
    unusual(c).is_some() || lookalike(c).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_not_unusual() {
        for c in "aZ09 \t\n~äßéΩжא中文🙂€–“…".chars() {
            assert_eq!(unusual(c), None, "{c}");
        }
    }

    #[test]
    fn what_is_not_seen_has_its_kind_and_name() {
        for (c, kind, called) in [
            ('\0', Unusual::Control, "U+0000 NUL"),
            ('\u{1b}', Unusual::Control, "U+001B ESCAPE"),
            ('\u{9b}', Unusual::Control, "U+009B CONTROL CHARACTER"),
            ('\u{85}', Unusual::Break, "U+0085 NEXT LINE"),
            ('\u{202e}', Unusual::Direction, "U+202E RIGHT-TO-LEFT OVERRIDE"),
            ('\u{200b}', Unusual::Invisible, "U+200B ZERO WIDTH SPACE"),
            ('\u{e0041}', Unusual::Invisible, "U+E0041 TAG"),
            ('\u{180e}', Unusual::Invisible, "U+180E INVISIBLE CHARACTER"),
            ('\u{a0}', Unusual::Space, "U+00A0 NO-BREAK SPACE"),
            ('\u{2003}', Unusual::Space, "U+2003 SPACE"),
        ] {
            assert_eq!((unusual(c), name(c)), (Some(kind), called.to_owned()));
        }
    }

    #[test]
    fn a_joiner_in_a_picture_or_a_script_that_joins_belongs_there() {
        for text in [
            "👩\u{200d}🚒",
            "☎\u{fe0f}",
            "1\u{fe0f}",
            "می\u{200c}خواهم",
            "🏴\u{e0067}\u{e0062}\u{e007f}",
            "❤\u{fe0f}\u{200d}🔥",
        ] {
            let letters: Vec<char> = text.chars().collect();
            for pair in letters.windows(2).filter(|pair| unusual(pair[1]).is_some()) {
                assert!(belongs(pair[1], Some(pair[0])), "{text}");
            }
        }
        assert!(!belongs('\u{200d}', Some('a')));
        assert!(!belongs('\u{fe0f}', Some('a')));
        assert!(!belongs('\u{fe0f}', None));
        assert!(!belongs('\u{fe01}', Some('☎')));
        assert!(!belongs('\u{e0041}', Some('a')));
        assert!(!belongs('\u{200d}', Some('\u{200b}')));
    }

    #[test]
    fn a_name_is_seen_through() {
        assert_eq!(plain("tаrget").as_deref(), Some("target"));
        assert_eq!(disguise("tаrget").map(name).as_deref(), Some("U+0430 CYRILLIC LETTER"));
        assert_eq!(plain("time\u{200b}out").as_deref(), Some("timeout"));
        assert_eq!(plain("ｓｈｅｌｌ").as_deref(), Some("shell"));
        assert_eq!((plain("größe"), disguise("größe")), (None, None));
    }
}
