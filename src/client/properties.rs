//! Java `.properties` files, the form in which Kafka's own clients keep their settings.
//!
//! Source: `java.util.Properties.load(Reader)`. librdkafka's `name=value` files are a subset.

use thiserror::Error;

/// One property, and the line (from 1) at which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The name, unescaped.
    pub name: String,
    /// The value, unescaped; may be empty.
    pub value: String,
    /// Where it stands.
    pub line: usize,
}

/// A properties file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PropertiesError {
    /// `\u` without four hexadecimal digits after it.
    #[error("line {line}: \\u needs four hexadecimal digits")]
    BadUnicodeEscape {
        /// Where.
        line: usize,
    },
    /// Half of a UTF-16 surrogate pair stands alone.
    #[error("line {line}: \\u escape of half a surrogate pair")]
    LoneSurrogate {
        /// Where.
        line: usize,
    },
}

/// Reads all properties in order; a name may repeat, and then the last one counts.
///
/// A logical line ends at a line end that no odd number of backslashes precedes; the blanks that
/// begin its continuation are dropped. `#` and `!` begin comments. A name ends at the first
/// unescaped `=`, `:` or blank.
///
/// # Errors
///
/// [`PropertiesError`] if an escape in the file is malformed; the file's author must mend it.
pub fn parse(text: &str) -> Result<Vec<Property>, PropertiesError> {
    logical_lines(text)
        .into_iter()
        .map(|(line, content)| property(line, &content))
        .collect()
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// Joins continued lines; comments and empty lines are left out.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut continues = false;
    for (index, natural) in natural_lines(text).enumerate() {
        let content = natural.trim_start_matches(is_blank);
        if !continues {
            if content.is_empty() || content.starts_with(['#', '!']) {
                continue;
            }
            out.push((index + 1, String::new()));
        }
        let backslashes = content.chars().rev().take_while(|&c| c == '\\').count();
        continues = backslashes % 2 == 1;
        let kept = if continues {
            content.strip_suffix('\\')
        } else {
            Some(content)
        };
        if let Some((_, line)) = out.last_mut() {
            line.push_str(kept.unwrap_or(content));
        }
    }
    out
}

/// Lines end in `\n`, `\r` or `\r\n`.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

fn property(line: usize, content: &str) -> Result<Property, PropertiesError> {
    let end = name_end(content);
    let (name, rest) = content.split_at(end);
    let rest = rest.trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    Ok(Property {
        name: unescape(line, name)?,
        value: unescape(line, value.trim_start_matches(is_blank))?,
        line,
    })
}

/// The byte at which the name ends: the first separator without a backslash before it.
fn name_end(content: &str) -> usize {
    let mut escaped = false;
    for (at, c) in content.char_indices() {
        if !escaped && (is_blank(c) || c == '=' || c == ':') {
            return at;
        }
        escaped = c == '\\' && !escaped;
    }
    content.len()
}

fn unescape(line: usize, text: &str) -> Result<String, PropertiesError> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\x0c'),
            Some('u') => out.push(unicode(line, &mut chars)?),
            Some(other) => out.push(other),
            None => {}
        }
    }
    Ok(out)
}

/// Reads the digits of one `\u` escape, and of a second one where the first is half a pair.
fn unicode(line: usize, chars: &mut std::str::Chars<'_>) -> Result<char, PropertiesError> {
    let first = hex4(line, chars)?;
    let lone = PropertiesError::LoneSurrogate { line };
    if !(0xd800..=0xdfff).contains(&first) {
        return char::from_u32(u32::from(first)).ok_or(lone);
    }
    let rest = chars.as_str().strip_prefix("\\u").ok_or(lone.clone())?;
    *chars = rest.chars();
    let second = hex4(line, chars)?;
    char::decode_utf16([first, second])
        .next()
        .and_then(Result::ok)
        .ok_or(lone)
}

fn hex4(line: usize, chars: &mut std::str::Chars<'_>) -> Result<u16, PropertiesError> {
    let bad = PropertiesError::BadUnicodeEscape { line };
    (0..4).try_fold(0_u16, |value, _| {
        let digit = chars
            .next()
            .and_then(|c| c.to_digit(16))
            .ok_or(bad.clone())?;
        Ok(value << 4 | u16::try_from(digit).unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let read = parse(text).expect("well formed");
        read.into_iter().map(|p| (p.name, p.value)).collect()
    }

    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(pairs(text), expected, "{text:?}");
    }

    #[test]
    fn separators_are_equals_colon_or_blank() {
        check(
            "a=1\nb : 2\nc\t3\n d = = 4",
            &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "= 4")],
        );
        check("alone\nempty=\n", &[("alone", ""), ("empty", "")]);
        check("k\\=x\\:y\\ z=v", &[("k=x:y z", "v")]);
    }

    #[test]
    fn comments_empty_lines_and_line_ends_of_all_kinds() {
        check(
            "# c\r\n! c\r\n\r\n  # c\na=1\rb=2\r\nc=#3",
            &[("a", "1"), ("b", "2"), ("c", "#3")],
        );
        check("\u{feff}a=1", &[("a", "1")]);
    }

    #[test]
    fn an_odd_number_of_backslashes_continues_the_line() {
        check("a=1,\\\n   2,\\\n\t3", &[("a", "1,2,3")]);
        check("a=x\\\\\nb=y", &[("a", "x\\"), ("b", "y")]);
        check("a=x\\\\\\\n y", &[("a", "x\\y")]);
        check("a=1\\\n# not a comment", &[("a", "1# not a comment")]);
        check("a=end\\", &[("a", "end")]);
    }

    #[test]
    fn escapes_are_javas() {
        check("a=\\t\\n\\r\\f\\q\\\\", &[("a", "\t\n\r\x0cq\\")]);
        check("a=\\u00e9\\ud83d\\ude00", &[("a", "é😀")]);
        check(
            "a=trailing blanks stay  ",
            &[("a", "trailing blanks stay  ")],
        );
    }

    #[test]
    fn malformed_escapes_name_their_line() {
        assert_eq!(
            parse("a=1\nb=\\u12g4"),
            Err(PropertiesError::BadUnicodeEscape { line: 2 })
        );
        for text in ["a=\\ud83d", "a=\\ude00x", "a=\\ud83d\\u0041"] {
            assert_eq!(
                parse(text),
                Err(PropertiesError::LoneSurrogate { line: 1 }),
                "{text}"
            );
        }
    }

    #[test]
    fn a_property_knows_the_line_where_it_begins() {
        let lines: Vec<_> = parse("\n#\na=1\\\n2\nb=3").expect("well formed");
        assert_eq!(lines.iter().map(|p| p.line).collect::<Vec<_>>(), [3, 5]);
    }
}
