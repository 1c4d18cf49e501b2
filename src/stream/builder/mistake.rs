//! What is wrong with a program that builds a pipeline, and where.

use std::fmt;
use std::ops::Range;
use std::panic::Location;

use crate::expr::Diagnostic;

/// One thing that is wrong, and the place in the source of the program that says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong: one line, lower case, no full stop.
    pub message: String,
    /// The call that is meant.
    pub at: &'static Location<'static>,
    /// The expression, where one is meant, and the bytes of it that are.
    pub expression: Option<(String, Range<usize>)>,
    /// The known name that is nearest to a wrong one.
    pub nearest: Option<String>,
    /// One way to mend it.
    pub help: Option<String>,
}

impl Mistake {
    pub(super) fn new(message: impl Into<String>, at: &'static Location<'static>) -> Self {
        Self {
            message: message.into(),
            at,
            expression: None,
            nearest: None,
            help: None,
        }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        let help = Some(help.into());
        Self { help, ..self }
    }

    /// A finding about a part of the expression `text`.
    pub(super) fn of(diagnostic: Diagnostic, text: &str, at: &'static Location<'static>) -> Self {
        Self {
            message: diagnostic.message,
            at,
            expression: Some((text.to_owned(), diagnostic.span)),
            nearest: diagnostic.nearest,
            help: diagnostic.help,
        }
    }

    /// A finding about no expression.
    pub(super) fn about(diagnostic: Diagnostic, at: &'static Location<'static>) -> Self {
        Self {
            expression: None,
            ..Self::of(diagnostic, "", at)
        }
    }

    /// The mistake as a person reads it: the place, the expression with carets under what is
    /// meant, the nearest known name, and one way to mend it; a line each.
    #[must_use]
    pub fn render(&self) -> String {
        let mut lines = vec![format!("{}: {}", self.at, self.message)];
        if let Some((text, span)) = &self.expression {
            let before = text.get(..span.start).unwrap_or_default();
            let meant = text.get(span.clone()).unwrap_or_default();
            let indent = " ".repeat(before.chars().count());
            let carets = "^".repeat(meant.chars().count().max(1));
            lines.push(format!("  {}", text.replace('\n', " ")));
            lines.push(format!("  {indent}{carets}"));
        }
        let nearest = self.nearest.iter();
        lines.extend(nearest.map(|name| format!("  did you mean `{name}`?")));
        lines.extend(self.help.iter().map(|help| format!("  help: {help}")));
        lines.join("\n") + "\n"
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)?;
        if let Some((text, span)) = &self.expression {
            let meant = text.get(span.clone()).unwrap_or_default();
            write!(f, ", at {} of `{text}`", span.start)?;
            if !meant.is_empty() && meant != text {
                write!(f, ": `{meant}`")?;
            }
        }
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        Ok(())
    }
}

/// All that is wrong with a pipeline that was to be built, in the order of its flows; at least one
/// thing. Its author's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    mistakes: Vec<Mistake>,
}

impl BuildError {
    /// `None` where there are none. The same mistake in several flows counts once.
    pub(super) fn new(found: Vec<Mistake>) -> Option<Self> {
        let mut mistakes = Vec::with_capacity(found.len());
        for mistake in found {
            if !mistakes.contains(&mistake) {
                mistakes.push(mistake);
            }
        }
        (!mistakes.is_empty()).then_some(Self { mistakes })
    }

    /// The mistakes.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// All of them as a person reads them ([`Mistake::render`]).
    #[must_use]
    pub fn render(&self) -> String {
        let rendered: Vec<_> = self.mistakes.iter().map(Mistake::render).collect();
        rendered.join("\n")
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildError {}
