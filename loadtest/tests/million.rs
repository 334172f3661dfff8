//! `loadtest million --protocol zps` as a program: a real server, real sockets, few events.
//!
//! Server and load share a core, where nothing that a busy machine does makes a figure refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Keys of the seed's own benchmark.
const SEED_KEYS: [&str; 8] = [
    "rooms",
    "subscribersPerRoom",
    "eventsPerRoom",
    "events",
    "delivered",
    "elapsedMs",
    "throughputEventsPerSecond",
    "metrics",
];
/// Counters of the seed's `metrics`.
const SEED_COUNTERS: usize = 14;

fn output(line: &str, temporary: &Path) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_loadtest"));
    let server = program.with_file_name("uringcast");
    assert!(server.exists(), "{} is missing: run `cargo build` first", server.display());
    let line = format!("million --protocol zps {line}");
    let mut command = Command::new(program);
    let command = command.args(line.split_whitespace()).env("TMPDIR", temporary);
    command.output().expect("loadtest can be started")
}

/// What it prints as JSON where server and load share a core.
fn report(line: &str, temporary: &Path) -> Value {
    let output = output(&format!("{line} --layout one-core --json"), temporary);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {errors}");
    serde_json::from_slice(&output.stdout).expect("loadtest prints JSON")
}

/// An empty folder of one test alone.
fn temporary(name: &str) -> PathBuf {
    let name = format!("million-{}-{name}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

#[test]
fn every_event_is_acked_and_every_ack_confirmed_on_both_drivers() {
    let folder = temporary("acked");
    for (driver, ack, answers) in [
        ("memory", "each", 3_000),
        ("memory", "batch:8", 380), // For 300 events of a room: 37 full batches and the rest.
        ("memory", "none", 0),
        ("file", "each", 3_000),
    ] {
        let line = format!("--rooms 10 --events 3000 --log-driver {driver} --ack {ack}");
        let report = report(&line, &folder);
        let acked = if ack == "none" { 0 } else { 3_000 };
        for (key, expected) in [
            ("rooms", 10),
            ("eventsPerRoom", 300),
            ("events", 3_000),
            ("delivered", 3_000),
            ("acked", acked),
            ("gaps", 0),
            ("duplicates", 0),
            ("damaged", 0),
            ("unconfirmed", 0),
            ("strayAcks", 0),
        ] {
            assert_eq!(report[key], expected, "{line}: {key} of {report}");
        }
        assert_eq!(report["metrics"]["acked"], answers, "{line}: {report}");
        assert_eq!((&report["ack"], &report["logDriver"]), (&ack.into(), &driver.into()));
        assert!(report["cpuUsPerAckedEvent"].as_f64().unwrap() > 0.0, "{report}");
    }
    let left = fs::read_dir(&folder).unwrap().count();
    assert_eq!(left, 0, "the logs of the servers are gone");
    fs::remove_dir(folder).unwrap();
}

/// A busy machine may make the load the bottleneck; then, and only then, there are no figures.
#[test]
fn the_seeds_keys_are_there_and_figures_or_a_reason() {
    let folder = temporary("keys");
    let output = output("--rooms 4 --events 2000 --json", &folder);
    let report: Value = serde_json::from_slice(&output.stdout).expect("loadtest prints JSON");
    for key in SEED_KEYS.into_iter().chain(["acked", "acksPerSecond", "loadCpuUtilisation"]) {
        assert!(report.get(key).is_some(), "{key} of {report}");
    }
    let counters = report["metrics"].as_object().map(serde_json::Map::len);
    assert_eq!(counters, Some(SEED_COUNTERS), "{report}");
    let is_refused = report["refused"].is_string();
    for figure in ["throughputEventsPerSecond", "acksPerSecond", "cpuUsPerAckedEvent"] {
        assert_eq!(report[figure].is_number(), !is_refused, "{figure} of {report}");
    }
    assert_eq!(output.status.success(), !is_refused, "{report}");
    fs::remove_dir(folder).unwrap();
}

#[test]
fn nonsense_is_refused() {
    let folder = temporary("nonsense");
    for (line, text) in [
        ("--ack batch:0", "expected each, batch:N or none"),
        ("--log-driver tape", "invalid value 'tape'"),
        ("--via http", "events of zps are published over its websocket"),
    ] {
        let output = output(line, &folder);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(text), "{line}: {errors}");
    }
    fs::remove_dir(folder).unwrap();
}
