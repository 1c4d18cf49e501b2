//! The line of `sasl.jaas.config`, in which Java clients keep user and password.
//!
//! Shape: `<login module class> <flag> name="value" name='value' name=value;`. Source:
//! `JaasConfig.java` (Apache Kafka), which reads it with `java.io.StreamTokenizer`.

use thiserror::Error;

use crate::client::secret::Secret;

/// One entry of a JAAS configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JaasEntry {
    /// The login module's class name without its package.
    pub module: String,
    options: Vec<(String, Secret)>,
}

/// A JAAS line that cannot be read. The line itself is not shown: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JaasError {
    /// The line holds no module, or no control flag after it.
    #[error("sasl.jaas.config must begin with a login module and \"required\"")]
    NoModule,
    /// An option without `=` and a value.
    #[error("option {0} of sasl.jaas.config has no value")]
    NoValue(String),
    /// A quote that is not closed.
    #[error("sasl.jaas.config has a quote that is not closed")]
    OpenQuote,
    /// The semicolon at the end is missing.
    #[error("sasl.jaas.config must end with a semicolon")]
    NoSemicolon,
}

impl JaasEntry {
    /// The value of `name`, where it is given.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&Secret> {
        let found = self.options.iter().find(|(option, _)| option == name);
        found.map(|(_, value)| value)
    }
}

#[derive(PartialEq)]
enum Token {
    Word(String),
    Equals,
    Semicolon,
}

/// Reads one line.
///
/// # Errors
///
/// [`JaasError`] says what is missing; whoever wrote the setting must mend it.
pub fn parse(line: &str) -> Result<JaasEntry, JaasError> {
    let mut tokens = tokens(line)?.into_iter();
    let (Some(Token::Word(class)), Some(Token::Word(_flag))) = (tokens.next(), tokens.next())
    else {
        return Err(JaasError::NoModule);
    };
    let module = class.rsplit('.').next().unwrap_or_default().to_owned();
    let mut options = Vec::new();
    loop {
        match tokens.next() {
            Some(Token::Semicolon) => return Ok(JaasEntry { module, options }),
            Some(Token::Word(name)) => match (tokens.next(), tokens.next()) {
                (Some(Token::Equals), Some(Token::Word(value))) => {
                    options.push((name, Secret::new(value)));
                }
                _ => return Err(JaasError::NoValue(name)),
            },
            Some(Token::Equals) | None => return Err(JaasError::NoSemicolon),
        }
    }
}

fn tokens(line: &str) -> Result<Vec<Token>, JaasError> {
    let mut out = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '=' => out.push(Token::Equals),
            ';' => out.push(Token::Semicolon),
            '"' | '\'' => out.push(Token::Word(quoted(c, &mut chars)?)),
            c if c.is_whitespace() => {}
            c => {
                let mut word = String::from(c);
                while let Some(next) =
                    chars.next_if(|c| !c.is_whitespace() && !"=;\"'".contains(*c))
                {
                    word.push(next);
                }
                out.push(Token::Word(word));
            }
        }
    }
    Ok(out)
}

fn quoted(quote: char, chars: &mut impl Iterator<Item = char>) -> Result<String, JaasError> {
    let mut word = String::new();
    loop {
        match chars.next().ok_or(JaasError::OpenQuote)? {
            c if c == quote => return Ok(word),
            '\\' => match chars.next().ok_or(JaasError::OpenQuote)? {
                'n' => word.push('\n'),
                't' => word.push('\t'),
                other => word.push(other),
            },
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_read_in_every_way_of_quoting() {
        for line in [
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"al ice\" password=\"p;=\\\"w\";",
            " PlainLoginModule required\n  username='al ice' password='p;=\"w' ;",
        ] {
            let entry = parse(line).expect(line);
            assert_eq!(entry.module, "PlainLoginModule");
            assert_eq!(entry.option("username"), Some(&Secret::new("al ice")));
            assert_eq!(entry.option("password"), Some(&Secret::new("p;=\"w")));
            assert_eq!(entry.option("other"), None);
        }
    }

    #[test]
    fn what_is_missing_is_said_without_the_secret() {
        for (line, error) in [
            ("", JaasError::NoModule),
            ("Plain", JaasError::NoModule),
            ("Plain required username=\"a\"", JaasError::NoSemicolon),
            (
                "Plain required username;",
                JaasError::NoValue("username".into()),
            ),
            ("Plain required password=\"hunter2", JaasError::OpenQuote),
        ] {
            let got = parse(line).expect_err(line);
            assert!(!got.to_string().contains("hunter2"));
            assert_eq!(got, error, "{line}");
        }
    }

    #[test]
    fn the_parsed_line_does_not_print_the_password() {
        let entry = parse("Plain required password=hunter2;").expect("well formed");
        assert!(!format!("{entry:?}").contains("hunter2"));
    }
}
