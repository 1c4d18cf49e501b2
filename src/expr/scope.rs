//! The names that an expression may use.

use crate::codec::projection::Path;
use crate::codec::projection::Root;
use crate::expr::Type;

/// The names that an expression may use, and what each stands for.
#[derive(Clone, Debug)]
pub struct Scope {
    names: Vec<(Box<str>, Binding)>,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Binding {
    /// A path and what is known of its type.
    Path(Path, Type),
    /// Something that every record has.
    Meta(Meta),
}

/// What every record has besides its key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meta {
    Headers,
    Topic,
    Partition,
    Offset,
    Timestamp,
}

impl Scope {
    /// The names of a record: `value`, `key`, `headers`, `topic`, `partition`, `offset`,
    /// `timestamp`.
    ///
    /// `headers` is a map from names to values, which are text where they are UTF-8 and bytes
    /// elsewhere; of headers that repeat, the last counts. `timestamp` is the record's own.
    #[must_use]
    pub fn record(value: Type, key: Type) -> Self {
        let meta = |name: &str, meta| (Box::from(name), Binding::Meta(meta));
        Self {
            names: vec![
                path("value", Path::new(Root::Value, []), value),
                path("key", Path::new(Root::Key, []), key),
                meta("headers", Meta::Headers),
                meta("topic", Meta::Topic),
                meta("partition", Meta::Partition),
                meta("offset", Meta::Offset),
                meta("timestamp", Meta::Timestamp),
            ],
        }
    }

    /// The names of a result: `window.start` and `window.end`, `key`, and what was aggregated by
    /// its own name.
    ///
    /// An aggregate named `revenue` becomes the path `Root::Result, ["revenue"]`, the window's
    /// start `Root::Result, ["window", "start"]`, the key `Root::Key` without steps.
    #[must_use]
    pub fn result(key: Type, aggregates: impl IntoIterator<Item = (String, Type)>) -> Self {
        let window = Type::record(
            "window",
            ["start", "end"].map(|name| (name.to_owned(), Type::Timestamp)),
        );
        let mut names = vec![
            path("key", Path::new(Root::Key, []), key),
            path("window", Path::new(Root::Result, ["window"]), window),
        ];
        for (name, ty) in aggregates {
            let steps = Path::new(Root::Result, [name.as_str()]);
            names.push(path(&name, steps, ty));
        }
        Self { names }
    }

    /// The names of a record between operators: `value`, `key`, `timestamp`.
    #[must_use]
    pub fn message(value: Type, key: Type) -> Self {
        Self {
            names: vec![
                path("value", Path::new(Root::Value, []), value),
                path("key", Path::new(Root::Key, []), key),
                (Box::from("timestamp"), Binding::Meta(Meta::Timestamp)),
            ],
        }
    }

    /// The names of what a join makes: each side by its own name, `key`, `timestamp`.
    ///
    /// The side named `orders` becomes the path `Root::Value, ["orders"]`.
    #[must_use]
    pub fn joined(sides: impl IntoIterator<Item = (String, Type)>, key: Type) -> Self {
        let sides = sides.into_iter().map(|(name, ty)| {
            let steps = Path::new(Root::Value, [name.as_str()]);
            path(&name, steps, ty)
        });
        let names = sides.chain([
            path("key", Path::new(Root::Key, []), key),
            (Box::from("timestamp"), Binding::Meta(Meta::Timestamp)),
        ]);
        Self {
            names: names.collect(),
        }
    }

    pub(super) fn binding(&self, name: &str) -> Option<&Binding> {
        self.names
            .iter()
            .find_map(|(known, binding)| (**known == *name).then_some(binding))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| &**name)
    }
}

fn path(name: &str, path: Path, ty: Type) -> (Box<str>, Binding) {
    (Box::from(name), Binding::Path(path, ty))
}
