//! `loadtest limit` as a program: two processes, real sockets, small numbers.

use std::process::Command;

use serde_json::Value;

#[test]
fn every_send_of_every_round_is_received_and_counted() {
    for (line, sends, deliveries) in [
        ("--subscribers 8 --rounds 20", 160, 160),
        ("--subscribers 8 --rounds 20 --frames-per-send 5", 160, 800),
        ("--subscribers 1 --rounds 2 --frame-bytes 10000 --frames-per-send 1000", 2, 2000),
        // More sockets than requests that are submitted together.
        ("--subscribers 1025 --rounds 3 --frame-bytes 1", 3075, 3075),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
        let command = command.arg("limit").args(line.split_whitespace()).arg("--json");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["sends"], sends, "{line}");
        assert_eq!(report["deliveries"], deliveries, "{line}");
        assert!(report["cpuUsPerDelivery"].as_f64().unwrap() > 0.0, "{line}: {report}");
    }
}
