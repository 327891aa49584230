//! The type of a value before it is there: the kinds that it may be of, and what is in its lists.

use std::rc::Rc;

use minijinja::value::{Value, ValueKind};

/// A set of kinds.
pub type Kinds = u8;

/// `none`, SQL's `null`.
pub const NONE: Kinds = 1;
/// `true` and `false`.
pub const BOOLEAN: Kinds = 1 << 1;
/// Whole numbers.
pub const INTEGER: Kinds = 1 << 2;
/// Numbers that may have a fraction.
pub const NUMBER: Kinds = 1 << 3;
/// Text of which nothing more is known.
pub const TEXT: Kinds = 1 << 4;
/// Text that is a number with its unit; while a run goes on a duration is text.
pub const DURATION: Kinds = 1 << 5;
/// Lists.
pub const LIST: Kinds = 1 << 6;
/// Mappings.
pub const MAPPING: Kinds = 1 << 7;
/// Whatever there is.
pub const ANY: Kinds = Kinds::MAX;
/// Both sorts of number.
pub const NUMERIC: Kinds = INTEGER | NUMBER;
/// Both sorts of text.
pub const TEXTUAL: Kinds = TEXT | DURATION;

/// Each kind with its name for one of it and for several.
const NAMES: [(Kinds, &str, &str); 8] = [
    (BOOLEAN, "a boolean", "booleans"),
    (INTEGER, "an integer", "integers"),
    (NUMBER, "a number", "numbers"),
    (TEXT, "a text", "texts"),
    (DURATION, "a duration", "durations"),
    (LIST, "a list", "lists"),
    (MAPPING, "a mapping", "mappings"),
    (NONE, "none", "none"),
];

/// The type of a value: the kinds that it may be of. Not a value, and never narrower than what may come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    kinds: Kinds,
    /// What is in it where it is a list, when that is known.
    items: Option<Rc<Self>>,
}

impl Type {
    /// Of which nothing is known.
    pub const ANY: Self = Self::of(ANY);

    /// A text.
    pub const TEXT: Self = Self::of(TEXT);

    /// Any of the kinds.
    #[must_use]
    pub const fn of(kinds: Kinds) -> Self {
        Self { kinds, items: None }
    }

    /// A list of such items.
    #[must_use]
    pub fn list(items: Self) -> Self {
        Self { kinds: LIST, items: Some(Rc::new(items)).filter(|items| **items != Self::ANY) }
    }

    /// The kinds that it may be of.
    #[must_use]
    pub const fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// Whether it may be of one of the kinds.
    #[must_use]
    pub const fn may_be(&self, kinds: Kinds) -> bool {
        self.kinds & kinds != 0
    }

    /// Whether it is of one of the kinds for certain.
    #[must_use]
    pub const fn is_certainly(&self, kinds: Kinds) -> bool {
        self.kinds & !kinds == 0 && self.kinds != 0
    }

    /// What is in it where it is a list.
    #[must_use]
    pub fn items(&self) -> Self {
        self.items.as_deref().cloned().unwrap_or(Self::ANY)
    }

    /// What comes out of it one after the other: items of a list, keys of a mapping, letters of a text.
    #[must_use]
    pub fn elements(&self) -> Self {
        let mut elements = if self.may_be(LIST) { self.items() } else { Self::of(0) };
        if self.may_be(MAPPING | TEXTUAL) {
            elements = elements.or(&Self::of(TEXT));
        }
        if elements.kinds == 0 { Self::ANY } else { elements }
    }

    /// Either of the two.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let items = match (self.may_be(LIST), other.may_be(LIST)) {
            (true, true) => {
                let both = self.items.as_deref().zip(other.items.as_deref());
                both.map(|(one, other)| Rc::new(one.or(other)))
            }
            (true, false) => self.items.clone(),
            (false, true) => other.items.clone(),
            (false, false) => None,
        };
        Self { kinds: self.kinds | other.kinds, items }
    }

    /// The type of a value that stands in the text.
    pub(super) fn of_value(value: &Value) -> Self {
        match value.kind() {
            ValueKind::None => Self::of(NONE),
            ValueKind::Bool => Self::of(BOOLEAN),
            ValueKind::Number => Self::of(if value.is_integer() { INTEGER } else { NUMBER }),
            ValueKind::String => Self::of(TEXT),
            ValueKind::Seq => {
                let items = value.try_iter().into_iter().flatten().map(|item| Self::of_value(&item));
                Self::list(items.reduce(|one, other| one.or(&other)).unwrap_or(Self::ANY))
            }
            ValueKind::Map => Self::of(MAPPING),
            _ => Self::ANY,
        }
    }

    /// As a sentence calls it: `a list of integers`, `a text or none`.
    #[must_use]
    pub fn name(&self) -> String {
        if *self == Self::ANY {
            return "any value".to_owned();
        }
        let mut names = Vec::new();
        for (kind, one, _) in NAMES {
            // A number is no integer as well.
            if self.may_be(kind) && !(kind == INTEGER && self.may_be(NUMBER)) {
                let of = if kind == LIST { self.items.as_deref().and_then(Self::plural) } else { None };
                names.push(of.map_or_else(|| one.to_owned(), |of| format!("{one} of {of}")));
            }
        }
        match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, first)) => format!("{} or {last}", first.join(", ")),
            None => String::new(),
        }
    }

    /// Several of it, where it is of one kind.
    fn plural(&self) -> Option<&'static str> {
        let kinds = if self.may_be(NUMBER) { self.kinds & !INTEGER } else { self.kinds };
        NAMES.iter().find(|(kind, ..)| *kind == kinds).map(|(.., several)| *several)
    }
}
