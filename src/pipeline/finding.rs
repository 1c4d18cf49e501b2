//! What is wrong with a pipeline file, and how it is shown.

use std::fmt;
use std::ops::Range;

use annotate_snippets::AnnotationKind;
use annotate_snippets::Group;
use annotate_snippets::Level;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;

use crate::expr;

/// One thing that is wrong with a pipeline file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong: one line, lower case, no full stop.
    pub message: String,
    /// The bytes of the file that are meant; never beyond its end.
    pub span: Range<usize>,
    /// The known name that is nearest to a wrong one.
    pub nearest: Option<String>,
    /// One way to mend it.
    pub help: Option<String>,
}

impl Finding {
    pub(super) fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            message: message.into(),
            span,
            nearest: None,
            help: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn nearest<'n>(
        mut self,
        wrong: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        self.nearest = expr::nearest(wrong, known).map(str::to_owned);
        self
    }
}

/// All that is wrong with a pipeline file, in the order of the text; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    findings: Vec<Finding>,
}

/// Whether a rendering may use the colours of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// With ANSI escape sequences.
    Always,
}

impl Findings {
    /// `None` where there are none.
    pub(super) fn new(mut findings: Vec<Finding>) -> Option<Self> {
        findings.sort_by_key(|finding| finding.span.start);
        findings.dedup();
        (!findings.is_empty()).then_some(Self { findings })
    }

    /// One alone.
    pub(super) fn one(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
        }
    }

    /// For a file that could not be read although nothing was found wrong with it.
    pub(super) fn unexplained() -> Self {
        Self {
            findings: vec![Finding::new("not a pipeline file", 0..0)],
        }
    }

    /// The findings, in the order of the text.
    #[must_use]
    pub fn as_slice(&self) -> &[Finding] {
        &self.findings
    }

    /// The findings as a person reads them: each with `path`, line and column, the line with
    /// carets under what is meant, the nearest known name, and one way to mend it.
    ///
    /// `text` is the file that the findings are about.
    #[must_use]
    pub fn render(&self, path: &str, text: &str, colour: Colour) -> String {
        render(&self.findings, Level::ERROR, path, text, colour)
    }
}

/// Likely mistakes, as [`Findings::render`] shows what is wrong.
#[must_use]
pub fn render_warnings(warnings: &[Finding], path: &str, text: &str, colour: Colour) -> String {
    render(warnings, Level::WARNING, path, text, colour)
}

fn render(
    findings: &[Finding],
    level: Level<'static>,
    path: &str,
    text: &str,
    colour: Colour,
) -> String {
    let renderer = match colour {
        Colour::Never => Renderer::plain(),
        Colour::Always => Renderer::styled(),
    };
    let rendered = findings.iter().map(|finding| {
        let group = group(finding, level.clone(), path, text);
        renderer.render(&[group]).trim_end().to_owned()
    });
    rendered.collect::<Vec<_>>().join("\n\n") + "\n"
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}", finding.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

fn group<'a>(
    finding: &'a Finding,
    level: Level<'static>,
    path: &'a str,
    text: &'a str,
) -> Group<'a> {
    let annotation = AnnotationKind::Primary.span(shown(finding.span.clone(), text));
    let annotation = match &finding.nearest {
        Some(nearest) => annotation.label(format!("did you mean `{nearest}`?")),
        None => annotation,
    };
    let snippet = Snippet::source(text).path(path).annotation(annotation);
    let group = level
        .primary_title(finding.message.as_str())
        .element(snippet);
    match &finding.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

/// The span as it can be underlined: within the text, within its first line.
fn shown(span: Range<usize>, text: &str) -> Range<usize> {
    let start = boundary(span.start, text);
    let end = boundary(span.end, text).max(start);
    let part = text.get(start..end).unwrap_or_default();
    start..start + part.find('\n').unwrap_or(part.len())
}

/// `place`, or the nearest place before it where a character begins.
fn boundary(place: usize, text: &str) -> usize {
    let mut places = (0..=place.min(text.len())).rev();
    places
        .find(|place| text.is_char_boundary(*place))
        .unwrap_or(0)
}
