//! The real binary: commands that run to their end, and processes that go with the test.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

pub(crate) const TIDEMILL: &str = env!("CARGO_BIN_EXE_tidemill");

/// A process that ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A command without the brokers and the registry of whoever runs the tests.
pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(TIDEMILL);
    command.args(words);
    for name in ["TIDEMILL_BROKERS", "TIDEMILL_REGISTRY"] {
        command.env_remove(name);
    }
    command
}

/// Runs a command that needs no broker.
pub(crate) fn tidemill(words: &[&str]) -> Output {
    finish(&mut command(words), b"")
}

/// Runs a command to its end with `input` on its standard input.
pub(crate) fn finish(command: &mut Command, input: &[u8]) -> Output {
    let pipes = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = pipes.spawn().expect("the binary is built");
    let mut stdin = process.stdin.take().expect("piped");
    std::thread::scope(|threads| {
        // A command that does not read its input closes it.
        threads.spawn(move || drop(stdin.write_all(input)));
        process.wait_with_output().expect("it ends")
    })
}

/// Checks that a command ended with `code`, and said each of `said` on standard error.
pub(crate) fn check(output: &Output, code: i32, said: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    for part in said {
        assert!(error.contains(part), "{part:?} in {error}");
    }
}

/// What commands are pointed at: a broker, and a schema registry.
pub(crate) struct Brokers {
    pub(crate) bootstrap: String,
    pub(crate) registry: String,
    _embedded: Running,
}

impl Brokers {
    /// An embedded broker with a registry, as a process of its own.
    pub(crate) fn embedded() -> Self {
        let mut process = command(&["broker", "-q", "--port", "0", "--registry-port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary is built");
        let said = process.stdout.take().expect("piped");
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        let mut value = |name: &str| {
            let line = lines.next().unwrap_or_default();
            let value = line.strip_prefix(name).expect(name);
            value.to_owned()
        };
        Self {
            bootstrap: value("BOOTSTRAP="),
            registry: value("REGISTRY="),
            _embedded: Running(process),
        }
    }

    /// The broker at `bootstrap`, and a registry of ours beside it.
    pub(crate) fn at(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            ..Self::embedded()
        }
    }

    /// A command against these.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = command(words);
        command.env("TIDEMILL_BROKERS", &self.bootstrap);
        command.env("TIDEMILL_REGISTRY", &self.registry);
        command
    }

    /// Runs a command to its end with `input` on its standard input.
    pub(crate) fn run(&self, words: &[&str], input: &[u8]) -> Output {
        finish(&mut self.command(words), input)
    }

    /// The same; it has to succeed. What it printed.
    pub(crate) fn ok(&self, words: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.run(words, input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {said}");
        output.stdout
    }

    /// The same; what it printed is text.
    pub(crate) fn text(&self, words: &[&str], input: &[u8]) -> String {
        String::from_utf8(self.ok(words, input)).expect("text")
    }

    /// Starts `run` of a pipeline file.
    pub(crate) fn start(&self, file: &Path) -> Running {
        let file = file.to_str().expect("a plain path");
        let mut command = self.command(&["run", "-q", file]);
        let pipes = command.stdin(Stdio::null());
        Running(pipes.spawn().expect("the binary is built"))
    }
}
