//! Texts and bytes in quotes: plain, raw, triple-quoted.

use std::borrow::Cow;
use std::ops::Range;

use crate::expr::error::Diagnostic;
use crate::record::Value;

/// A literal in quotes.
pub(super) struct Quoted {
    pub(super) value: Value<'static>,
    /// Where the source goes on.
    pub(super) end: usize,
}

#[derive(Clone, Copy, Default)]
struct Prefix {
    is_raw: bool,
    is_bytes: bool,
}

/// Takes the literal in quotes that begins at `start` of `source`, if one does.
///
/// Source: the CEL language definition, "Syntax": prefixes `r` and `b` in either case and order,
/// quotes single, double or tripled.
///
/// # Errors
///
/// A quote that is not closed, or an escape that is none.
pub(super) fn take(source: &str, start: usize) -> Result<Option<Quoted>, Diagnostic> {
    let rest = source.get(start..).unwrap_or_default();
    let Some((prefix, prefix_len)) = prefix(rest) else {
        return Ok(None);
    };
    let quote = quote(rest.get(prefix_len..).unwrap_or_default());
    let body_start = start + prefix_len + quote.len();
    let body = source.get(body_start..).unwrap_or_default();
    let Some(body_len) = body_len(body, quote, prefix) else {
        let found = Diagnostic::new(format!("missing closing `{quote}`"), start..body_start);
        return Err(found.help(format!("write {quote} at the end of the text too")));
    };
    let raw = body.get(..body_len).unwrap_or_default();
    let value = if prefix.is_bytes {
        Value::Bytes(Cow::Owned(unescaped(raw, body_start, prefix)?))
    } else {
        // Escapes in a text make whole characters only.
        let bytes = unescaped(raw, body_start, prefix)?;
        Value::Text(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
    };
    Ok(Some(Quoted {
        value,
        end: body_start + body_len + quote.len(),
    }))
}

/// The letters before a quote, if `rest` begins with a literal in quotes.
fn prefix(rest: &str) -> Option<(Prefix, usize)> {
    let mut prefix = Prefix::default();
    for (index, char) in rest.chars().enumerate() {
        match char {
            '"' | '\'' => return Some((prefix, index)),
            'r' | 'R' if !prefix.is_raw => prefix.is_raw = true,
            'b' | 'B' if !prefix.is_bytes => prefix.is_bytes = true,
            _ => return None,
        }
    }
    None
}

fn quote(rest: &str) -> &'static str {
    let quotes = ["\"\"\"", "'''", "\"", "'"];
    let found = quotes.into_iter().find(|quote| rest.starts_with(quote));
    found.unwrap_or("\"")
}

/// The bytes before the closing quote; `None` where there is none, or a line ends before it.
fn body_len(body: &str, quote: &str, prefix: Prefix) -> Option<usize> {
    let mut chars = body.char_indices();
    while let Some((index, char)) = chars.next() {
        if body.get(index..)?.starts_with(quote) {
            return Some(index);
        }
        if matches!(char, '\n' | '\r') && quote.len() == 1 {
            return None;
        }
        if char == '\\' && !prefix.is_raw {
            chars.next();
        }
    }
    None
}

fn unescaped(raw: &str, start: usize, prefix: Prefix) -> Result<Vec<u8>, Diagnostic> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\\').filter(|_| !prefix.is_raw) {
        out.extend_from_slice(before.as_bytes());
        let len = escape_len(after);
        let at = raw.len() - after.len() - 1;
        let escape = after.get(..len).unwrap_or(after);
        let span = start + at..start + at + 1 + escape.len();
        put_escape(&mut out, escape, prefix).ok_or_else(|| bad_escape(span))?;
        rest = after.get(escape.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

fn bad_escape(span: Range<usize>) -> Diagnostic {
    Diagnostic::new("not an escape sequence", span)
        .help("write `\\\\` for a backslash, or a raw text: r\"\\d+\"")
}

/// How many bytes after the backslash belong to the escape, if it is well formed.
fn escape_len(after: &str) -> usize {
    match after.chars().next() {
        Some('x' | 'X') => 3,
        Some('u') => 5,
        Some('U') => 9,
        Some('0'..='3') => 3,
        other => other.map_or(0, char::len_utf8),
    }
}

fn put_escape(out: &mut Vec<u8>, escape: &str, prefix: Prefix) -> Option<()> {
    let number = |digits: Option<&str>, radix| {
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, radix).ok()
    };
    let first = escape.chars().next()?;
    let (code, is_byte) = match first {
        'a' => (0x07, true),
        'b' => (0x08, true),
        'f' => (0x0c, true),
        'n' => (0x0a, true),
        'r' => (0x0d, true),
        't' => (0x09, true),
        'v' => (0x0b, true),
        '\\' | '?' | '"' | '\'' | '`' => (u32::from(first), true),
        'x' | 'X' if escape.len() == 3 => (number(escape.get(1..), 16)?, true),
        '0'..='3' if escape.len() == 3 => (number(Some(escape), 8)?, true),
        'u' if escape.len() == 5 => (number(escape.get(1..), 16)?, false),
        'U' if escape.len() == 9 => (number(escape.get(1..), 16)?, false),
        _ => return None,
    };
    if prefix.is_bytes {
        let byte = u8::try_from(code).ok().filter(|_| is_byte)?;
        out.push(byte);
        return Some(());
    }
    let char = char::from_u32(code)?;
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    Some(())
}
