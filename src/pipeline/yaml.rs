//! YAML as a tree in which everything knows where it stands.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::Event;
use granit_parser::Parser;
use granit_parser::ScalarStyle;
use granit_parser::Span;

use crate::pipeline::finding::Finding;

/// The longest pipeline file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// The most that the values of a file may weigh once its aliases are followed, so that aliases of
/// aliases cannot multiply without end: a file without any stays below.
const WEIGHT_MAX: usize = FILE_BYTES_MAX;

/// How deep collections may stand in each other.
const DEPTH_MAX: usize = 64;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
}

/// A text, as all scalars are until somebody asks for more.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) style: ScalarStyle,
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) span: Range<usize>,
}

impl Node {
    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(&scalar.text),
            Kind::Sequence(_) | Kind::Mapping(_) => None,
        }
    }

    /// Whether nothing stands here: `key:` and then nothing, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Scalar(scalar) => {
                scalar.style == ScalarStyle::Plain
                    && matches!(&*scalar.text, "" | "~" | "null" | "Null" | "NULL")
            }
            Kind::Sequence(_) | Kind::Mapping(_) => false,
        }
    }

    /// What the value is, in words.
    pub(super) fn describe(&self) -> &'static str {
        match &self.kind {
            _ if self.is_null() => "nothing",
            Kind::Scalar(_) => "a text",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        }
    }

    /// What the value weighs: one for each value in it, and for each 64 bytes of text.
    fn weight(&self) -> usize {
        match &self.kind {
            Kind::Scalar(scalar) => 1 + scalar.text.len() / 64,
            Kind::Sequence(items) => items.iter().map(Self::weight).sum::<usize>() + 1,
            Kind::Mapping(entries) => {
                let weights = entries.iter().map(|(_, value)| value.weight() + 1);
                weights.sum::<usize>() + 1
            }
        }
    }
}

/// Reads the one document of `text`. Repeated keys are reported among `findings`, and the last one
/// counts.
///
/// Source: YAML 1.2.
///
/// # Errors
///
/// The place where `text` is no YAML, or more than a pipeline file may be.
pub(super) fn parse(text: &str, findings: &mut Vec<Finding>) -> Result<Node, Finding> {
    if text.len() > FILE_BYTES_MAX {
        let message = format!("file longer than {FILE_BYTES_MAX} bytes");
        return Err(Finding::new(message, 0..0).help("split it into several pipelines"));
    }
    let mut builder = Builder {
        text,
        open: Vec::new(),
        anchors: HashMap::new(),
        weight: 0,
        root: None,
        findings,
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
            let info = error.info().clone();
            Finding::new(format!("not YAML: {info}"), at..at).help(mend(&info))
        })?;
        builder.event(event, span)?;
    }
    let nothing = || {
        let help = "begin with `tidemill: 1`, `name:`, `sources:` and `flows:`";
        Finding::new("the file is empty", 0..0).help(help)
    };
    builder.root.ok_or_else(nothing)
}

/// What to do about a text that is no YAML, by what the parser says.
fn mend(info: &str) -> &'static str {
    let has = |word: &str| info.contains(word);
    if has("mapping values") || has("simple key") || has("block mapping") {
        "put a text that holds `: ` or ` #` in quotes, and give keys of one mapping the same indentation"
    } else if has("tab") {
        "indent with spaces"
    } else if has("quote") {
        "close the text with the quote that it begins with"
    } else if has("anchor") {
        "define it with `&name` before; put a text that begins with `*` or `&` in quotes"
    } else if has("flow") || has("',' or") {
        "close each `{` with `}` and each `[` with `]`, with commas between"
    } else {
        "look at the indentation, the quotes and the brackets here"
    }
}

/// A collection that has begun and not ended.
struct Open {
    span: Range<usize>,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<(Key, Node)>,
        key: Option<Key>,
    },
}

struct Builder<'t> {
    text: &'t str,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    /// What the aliases weigh.
    weight: usize,
    root: Option<Node>,
    findings: &'t mut Vec<Finding>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Finding> {
        let span = span.byte_range().unwrap_or_default();
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let text = text.into_owned();
                let kind = Kind::Scalar(Scalar { text, style });
                self.place(Node { span, kind }, anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    let finding = Finding::new("an alias of what it stands in", span);
                    return Err(finding.help("write the value out"));
                };
                self.weight += node.weight();
                self.check_weight(&span)?;
                let node = node.clone();
                self.place(node, 0)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(span, anchor, OpenKind::Sequence(Vec::new()))
            }
            Event::MappingStart(_, anchor, _) => {
                let entries = Vec::new();
                self.begin(span, anchor, OpenKind::Mapping { entries, key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span.end),
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(Finding::new("a second document in the file", span)
                    .help("one file holds one pipeline"))
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, span: Range<usize>, anchor: usize, kind: OpenKind) -> Result<(), Finding> {
        if self.open.len() >= DEPTH_MAX {
            let message = format!("nested more than {DEPTH_MAX} levels deep");
            return Err(Finding::new(message, span).help("nothing in a pipeline is that deep"));
        }
        self.open.push(Open { span, anchor, kind });
        Ok(())
    }

    fn end(&mut self, end: usize) -> Result<(), Finding> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let kind = match open.kind {
            OpenKind::Sequence(items) => Kind::Sequence(items),
            OpenKind::Mapping { entries, .. } => Kind::Mapping(entries),
        };
        // The end of a block collection is where the next thing begins.
        let within = self.text.get(open.span.start..end.max(open.span.start));
        let len = within.unwrap_or_default().trim_end().len();
        let span = open.span.start..open.span.start + len;
        self.place(Node { span, kind }, open.anchor)
    }

    fn check_weight(&self, span: &Range<usize>) -> Result<(), Finding> {
        if self.weight > WEIGHT_MAX {
            let message = "aliases that make the file larger than a file may be";
            let finding = Finding::new(message, span.clone());
            return Err(finding.help("write the values out, or use fewer aliases of aliases"));
        }
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, node: Node, anchor: usize) -> Result<(), Finding> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::Sequence(items)) => items.push(node),
            Some(OpenKind::Mapping { entries, key }) => match key.take() {
                None => *key = Some(as_key(node)?),
                Some(key) => add_entry(entries, key, node, self.findings),
            },
        }
        Ok(())
    }
}

fn as_key(node: Node) -> Result<Key, Finding> {
    match node.kind {
        Kind::Scalar(scalar) => Ok(Key {
            name: scalar.text,
            span: node.span,
        }),
        Kind::Sequence(_) | Kind::Mapping(_) => {
            let finding = Finding::new("a collection as a key", node.span);
            Err(finding.help("a key is a text; put one that begins with `[` or `{` in quotes"))
        }
    }
}

fn add_entry(entries: &mut Vec<(Key, Node)>, key: Key, value: Node, findings: &mut Vec<Finding>) {
    let earlier = entries.iter_mut().find(|(own, _)| own.name == key.name);
    match earlier {
        None => entries.push((key, value)),
        Some((_, own)) => {
            let message = format!("`{}` stands here twice", key.name);
            findings.push(Finding::new(message, key.span).help("remove one of the two"));
            *own = value;
        }
    }
}

/// The byte of the file where byte `at` of a scalar's text stands.
///
/// Exact for plain and quoted scalars on one line and for block scalars; where the two cannot be
/// brought together, the start of the scalar.
pub(super) fn place(file: &str, node: &Node, at: usize) -> usize {
    let Kind::Scalar(scalar) = &node.kind else {
        return node.span.start;
    };
    let raw = file.get(node.span.clone()).unwrap_or_default();
    let place = offset(raw, scalar, at);
    node.span.start + place.unwrap_or(0).min(raw.len())
}

/// Walks the text of the file and the text that it stands for side by side.
fn offset(raw: &str, scalar: &Scalar, at: usize) -> Option<usize> {
    let mut chars = raw.char_indices().peekable();
    match scalar.style {
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            chars.next();
        }
        ScalarStyle::Literal | ScalarStyle::Folded => {
            if raw.starts_with(['|', '>']) {
                chars.find(|(_, char)| *char == '\n')?;
            }
        }
        ScalarStyle::Plain => {}
    }
    for (index, wanted) in scalar.text.char_indices() {
        let (place, found) = loop {
            let (place, found) = chars.next()?;
            let is_folded = wanted == ' ' && found == '\n';
            if found == wanted || found == '\\' || is_folded {
                break (place, found);
            }
            // Indentation, and line breaks that fold away.
            if !found.is_whitespace() {
                return None;
            }
        };
        if index >= at {
            return Some(place);
        }
        match scalar.style {
            ScalarStyle::DoubleQuoted if found == '\\' => skip_escape(&mut chars)?,
            ScalarStyle::SingleQuoted if found == '\'' => {
                chars.next();
            }
            _ if found == '\\' && wanted != '\\' => return None,
            _ => {}
        }
    }
    Some(chars.peek().map_or(raw.len(), |(place, _)| *place))
}

/// Moves past the rest of an escape sequence of a double-quoted scalar.
fn skip_escape(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<()> {
    let (_, kind) = chars.next()?;
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => 0,
    };
    for _ in 0..digits {
        chars.next()?;
    }
    Some(())
}
