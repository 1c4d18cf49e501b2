//! How fast the engine is, in memory: from the bytes of fetches to the results of windows.
//!
//! `benches/README.md` says what is measured and how to run it.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

mod case;
mod engine;
mod flow;
mod measure;
mod model;
mod orders;
mod topic;

use std::env;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::case::Case;
use crate::engine::Engine;
use crate::measure::Measured;
use crate::measure::check;
use crate::measure::counted;
use crate::measure::measure;
use crate::topic::BATCH_RECORDS;
use crate::topic::Shape;
use crate::topic::Topic;

/// That of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Millions of records per CPU-second, from the bytes of fetches to the results of windows.
#[derive(Debug, Parser)]
struct Options {
    /// Cases to run: WINDOWS/FORMAT/COMPRESSION/KEYS, or the beginning of that; a part that is
    /// left empty is any. `--list` tells them all. [default: the usual ones]
    names: Vec<String>,
    /// Records in a topic.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    records: Option<u32>,
    /// Rounds of each case.
    #[arg(long)]
    rounds: Option<usize>,
    /// A tenth of the records, and three rounds.
    #[arg(long)]
    short: bool,
    /// Only name the cases.
    #[arg(long)]
    list: bool,
    /// One unchecked round of one case, for callgrind.
    #[arg(long)]
    once: bool,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn records(&self) -> u32 {
        let usual = if self.short { 200_000 } else { 2_000_000 };
        self.records.unwrap_or(usual)
    }

    fn rounds(&self) -> usize {
        let usual = if self.short { 3 } else { 5 };
        self.rounds.unwrap_or(usual)
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Case::all();
        cases.retain(|case| match self.names.as_slice() {
            [] => self.list || case.is_usual(),
            names => names.iter().any(|name| case.is_named(name)),
        });
        cases
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let cases = options.cases();
    if cases.is_empty() {
        println!("no case has that name; --list tells them all");
        return ExitCode::FAILURE;
    }
    match options {
        Options { list: true, .. } => cases.iter().for_each(|case| println!("{case}")),
        Options { once: true, .. } => return once(&cases, options.records()),
        _ => return table(&cases, &options),
    }
    ExitCode::SUCCESS
}

/// Runs the one case once.
fn once(cases: &[Case], records: u32) -> ExitCode {
    let &[case] = cases else {
        println!("{} cases have that name; one at once", cases.len());
        return ExitCode::FAILURE;
    };
    let topic = Topic::new(case.shape, records);
    let mut engine = Engine::new(&flow::stage(case.kind, case.shape.format));
    counted(&mut engine, &topic);
    println!("{case}: {records} records, {} results", engine.results);
    ExitCode::SUCCESS
}

/// Checks and times each case, and prints a line for it.
fn table(cases: &[Case], options: &Options) -> ExitCode {
    let (records, rounds) = (options.records(), options.rounds());
    print_settings(cases, records, rounds);
    println!(
        "{:<32} {:>8} {:>8} {:>8} {:>9} {:>9}",
        "case", "best", "median", "ns each", "bytes/rec", "res./rec"
    );
    let mut at_hand: Option<(Shape, Topic)> = None;
    for &case in cases {
        if let Err(wrong) = check(case, records) {
            println!("WRONG: {wrong}");
            return ExitCode::FAILURE;
        }
        if at_hand
            .as_ref()
            .is_none_or(|(shape, _)| *shape != case.shape)
        {
            // The old one goes first: two do not have to fit.
            drop(at_hand.take());
            at_hand = Some((case.shape, Topic::new(case.shape, records)));
        }
        let Some((_, topic)) = &at_hand else { continue };
        let measured = measure(case, topic, rounds);
        print_line(case, topic, &measured, records);
    }
    ExitCode::SUCCESS
}

fn print_settings(cases: &[Case], records: u32, rounds: usize) {
    let command: Vec<String> = env::args().skip(1).collect();
    println!(
        "command    cargo bench --bench engine -- {}",
        command.join(" ")
    );
    println!("machine    {}", machine());
    println!(
        "input      {records} orders of 12-byte keys over 10 min of event time, 5 % up to 5 s out of \
         order, in batches of {BATCH_RECORDS} and fetches of 1 MiB"
    );
    println!(
        "figures    millions of records per CPU-second of the thread, {rounds} rounds; results compared with a model first"
    );
    println!(
        "flow       where: 9 of 10 pass; n: count(), total: sum(price), as JSON; a commit to a million records"
    );
    let mut shown = Vec::new();
    for kind in cases.iter().map(|case| case.kind) {
        if !shown.contains(&kind) {
            println!("{:<12} {}", kind.name(), kind.text().replace("\n   ", ","));
            shown.push(kind);
        }
    }
}

fn machine() -> String {
    let all = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = all.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |rest| rest.trim_start_matches([':', '\t', ' ']));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    format!("{model}, load {load}")
}

fn print_line(case: Case, topic: &Topic, measured: &Measured, records: u32) {
    let records = f64::from(records);
    let rate = |cpu: Duration| records / cpu.as_secs_f64() / 1e6;
    println!(
        "{:<32} {:>8.2} {:>8.2} {:>8.1} {:>9.1} {:>9.2}",
        case.to_string(),
        rate(measured.best()),
        rate(measured.median()),
        measured.best().as_secs_f64() * 1e9 / records,
        real(topic.bytes()) / records,
        real(measured.results) / records,
    );
}

/// A count as a real number; beyond 2^53, which none comes near, rounded.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn real(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}
