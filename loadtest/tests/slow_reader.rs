//! `loadtest slow-reader` as a program, for a second.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn both_subscribers_receive_everything_and_memory_is_read() {
    for driver in ["memory", "file"] {
        let program = Path::new(env!("CARGO_BIN_EXE_loadtest"));
        let server = program.with_file_name("uringcast");
        assert!(server.exists(), "{} is missing: run `cargo build` first", server.display());
        let mut command = Command::new(program);
        command.args(["slow-reader", "--rate", "1000", "--seconds", "1", "--sample-ms", "100"]);
        let output = command.args(["--log-driver", driver, "--json"]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{driver}: {errors}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("loadtest prints JSON");
        for (key, expected) in [
            ("events", 2_000),
            ("historyEvents", 1_000),
            ("fastReceived", 2_000),
            ("slowReceived", 2_000),
            ("slowAnnouncedLost", 0),
        ] {
            assert_eq!(report[key], expected, "{key} of {report}");
        }
        for key in ["rssBytes", "queuedBytes"] {
            let [start, max, end] = ["start", "max", "end"].map(|it| report[key][it].as_u64());
            assert!(start <= max && end <= max && start.is_some(), "{key} of {report}");
        }
        assert!(report["samples"].as_array().unwrap().len() > 1, "{report}");
        assert_eq!(report["logDriver"], driver);
    }
}
