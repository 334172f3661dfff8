//! `loadtest profile` and `loadtest compare` as programs, against real servers at tiny sizes.
//!
//! Everything runs on one core, where nothing that a busy machine does makes a figure refused. No
//! figure is looked at beyond its being there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The output of the program under test, which must end with `code`.
fn run(line: &str, code: i32) -> Output {
    let output = output(line);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}: {errors}");
    output
}

fn output(line: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_loadtest"));
    let server = program.with_file_name("uringcast");
    assert!(server.exists(), "{} is missing: run `cargo build` first", server.display());
    Command::new(program).args(line.split_whitespace()).output().expect("loadtest can be started")
}

fn profile(line: &str) -> Value {
    let output = run(&format!("profile {line} --layout one-core --json"), 0);
    let runs: Value = serde_json::from_slice(&output.stdout).expect("loadtest prints JSON");
    assert_eq!(runs.as_array().map(Vec::len), Some(1), "{line}: {runs}");
    runs[0].clone()
}

/// A file of this process alone.
fn temporary(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    folder.join(format!("{}-{name}", std::process::id()))
}

#[test]
fn a32_publishes_processor_time_and_leaves_the_wall_clock_out() {
    let run = profile("A32 --subscribers 8 --events 64");
    assert_eq!((&run["profile"], &run["peer"]), (&"A32".into(), &"uringcast".into()));
    assert_eq!((&run["subscribers"], &run["events"]), (&8.into(), &64.into()));
    assert_eq!((&run["layout"], &run["drainUs"]), (&"one-core".into(), &200.into()));
    assert!(run["cpuUs"].as_f64().unwrap() > 0.0, "{run}");
    assert!(run["perCpuSecond"].as_f64().unwrap() > 0.0, "{run}");
    assert!(run["peakRssBytes"].as_u64().unwrap() > 0, "{run}");
    for absent in ["perSecond", "latencyMs", "refused"] {
        assert_eq!(run[absent], Value::Null, "{run}");
    }
}

#[test]
fn every_profile_runs_against_this_server() {
    for (name, size, figure) in [
        ("A1", "--subscribers 8 --events 20", "cpuUs"),
        ("B-ws", "--events 40", "cpuUs"),
        ("B-batch", "--events 40", "cpuUs"),
        ("C", "--subscribers 50", "residentBytesEach"),
        ("E32", "--events 20", "perCpuSecond"),
    ] {
        let run = profile(&format!("{name} {size}"));
        assert_eq!(run["profile"], name);
        // Memory may be given back between two readings, so a figure may be zero; it is there.
        assert!(run[figure].is_number(), "{run}");
    }
}

/// A busy machine may keep the load from its schedule; then, and only then, there is no figure.
#[test]
fn an_open_loop_has_figures_or_a_reason_and_the_exit_code_tells_which() {
    for line in ["D5 --subscribers 8 --events 20 --rate 100", "L --events 5 --drain-us 0"] {
        let output = output(&format!("profile {line} --layout one-core --json"));
        let runs: Value = serde_json::from_slice(&output.stdout).unwrap();
        let is_refused = runs[0]["refused"].is_string();
        assert_eq!(runs[0]["cpuUs"].is_number(), !is_refused, "{runs}");
        assert_eq!(output.status.success(), !is_refused, "{runs}");
    }
}

#[test]
fn the_limit_runs_the_profiles_that_only_send() {
    let run = profile("A32 --peer limit --subscribers 8 --events 64");
    assert_eq!((&run["peer"], &run["events"]), (&"limit".into(), &64.into()));
    assert!(run["cpuUs"].as_f64().unwrap() > 0.0, "{run}");
    let nothing = self::run("profile C --peer limit --json", 0);
    assert_eq!(serde_json::from_slice::<Value>(&nothing.stdout).unwrap(), Value::Array(vec![]));
}

#[test]
fn an_unknown_profile_and_a_missing_server_are_errors() {
    let unknown = run("profile A2", 2);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no profile A2"));
    let missing = run("profile A1 --peer sockudo", 1);
    let text = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(text.contains("sockudo is not installed: name its binary with --sockudo"), "{text}");
}

#[test]
fn a_comparison_names_who_is_absent_and_measures_the_others() {
    let (json, svg) = (temporary("compare.json"), temporary("compare.svg"));
    let line = format!(
        "compare --profiles A32 --layout one-core --blocks 2 --subscribers 8 --events 64 \
         --peer limit --peer uringcast --peer sockudo --json {} --svg {}",
        json.display(),
        svg.display()
    );
    let output = run(&line, 0);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("A32 one-core  CPU us per delivery  uringcast"), "{table}");
    assert!(table.contains("sockudo: not installed: name its binary"), "{table}");
    let comparison: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(comparison["runs"].as_array().unwrap().len(), 4);
    assert_eq!(comparison["absent"][0]["peer"], "sockudo");
    assert_eq!(comparison["failed"], Value::Array(vec![]));
    let rows = comparison["rows"].as_array().unwrap();
    let ours = rows.iter().find(|row| row["peer"] == "uringcast").unwrap();
    let spread = |of: &Value| ["min", "median", "max"].map(|key| of[key].as_f64().unwrap());
    for value in [&ours["value"], &ours["toLimit"]] {
        let [min, median, max] = spread(value);
        assert!(0.0 < min && min <= median && median <= max, "{ours}");
    }
    assert_well_formed(&fs::read_to_string(&svg).unwrap());
    fs::remove_file(json).unwrap();
    fs::remove_file(svg).unwrap();
}

#[test]
fn a_run_that_fails_is_named_and_makes_the_exit_code_1() {
    let line = "compare --profiles A1 --layout one-core --blocks 1 --peer uringcast \
                --subscribers 8 --events 20 --server /bin/true";
    let output = run(line, 1);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("A1 uringcast block 1: "), "{table}");
    assert!(table.contains("did not print `listening on ADDRESS`"), "{table}");
}

/// Every element is closed by its own name and in order, attributes have quotes, nothing is bare.
fn assert_well_formed(text: &str) {
    let mut open = Vec::new();
    let mut parts = text.split('<');
    assert_eq!(
        parts.next().unwrap_or_default().trim(),
        "",
        "nothing comes before the first element"
    );
    for part in parts {
        let (tag, content) = part.split_once('>').unwrap_or_else(|| panic!("open tag: {part}"));
        assert!(!content.contains('&') || content.contains(';'), "a bare ampersand: {content}");
        assert_eq!(tag.matches('"').count() % 2, 0, "an open quote: {tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed in order");
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap_or_default());
        }
        assert!(!open.is_empty() || content.trim().is_empty(), "text behind the last element");
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    assert!(text.starts_with("<svg") && text.contains("uringcast"), "{text}");
}
