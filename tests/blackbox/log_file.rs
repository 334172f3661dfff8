//! Logs on a disk: one server for each directory, a clean end, and a disk that is full.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use uringcast_tests::{Options, Server, Zps, skip, until};

/// A directory of one test, which is gone afterwards.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("uringcast-file-{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&path); // Of a process that had this id before.
        fs::create_dir_all(&path).expect("the disk has room");
        Self(path)
    }

    pub(crate) fn options(&self) -> Options {
        Options::new().cores(2).config(&format!(
            "[log]\ndriver = \"file\"\ndir = \"{}\"\n\
             [zps]\nallow_client_publish = true\nmax_messages_per_window = 0\n",
            self.0.display()
        ))
    }

    /// Whether it is a file system of this size from now on.
    pub(crate) fn is_mounted(&self, size: &str) -> bool {
        let size = format!("size={size}");
        let mut mount = Command::new("mount");
        let status = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&self.0).status();
        status.is_ok_and(|status| status.success())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-q").arg("-l").arg(&self.0).status();
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_second_server_does_not_touch_the_logs_of_the_first() {
    let directory = Directory::new();
    let _server = Server::start(directory.options());
    let (code, errors) = Server::refused(&directory.options());
    assert_eq!(code, Some(1));
    assert!(errors.contains("is in use by another process"), "{errors}");
}

/// What was taken is durable before the process ends, acknowledged or not.
#[test]
fn events_that_were_taken_outlive_a_clean_end() {
    let directory = Directory::new();
    let mut server = Server::start(directory.options());
    let mut client = Zps::connect(&server, "ann");
    client.subscribe("room:1");
    for number in 1..=100 {
        client.publish("room:1", "t", &json!(number));
    }
    client.expect_event("room:1", 1);
    server.signal(libc::SIGTERM);
    assert!(server.wait_exit().success());
    server.restart();
    assert!(server.metric("uringcast_log_recovered_records") >= 1.0);
    let mut client = Zps::connect(&server, "bob");
    client.send(&json!({"type": "subscribe", "room": "room:1", "fromSequence": 0}));
    client.expect(&json!({"type": "subscribed", "room": "room:1"}));
    let event = client.expect_event("room:1", 1);
    assert_eq!(event["payload"], 1);
}

#[test]
fn a_full_disk_is_told_to_publishers_and_subscribers_stay() {
    let directory = Directory::new();
    if !directory.is_mounted("512k") {
        return skip("this process may not mount a file system");
    }
    let mut server = Server::start(directory.options());
    let mut client = Zps::connect(&server, "ann");
    client.subscribe("room:1");
    let rest = directory.0.join("rest");
    client.publish("room:1", "t", &json!(1));
    client.expect_event("room:1", 1);
    let _ = fs::write(&rest, vec![0; 1 << 20]); // As much as there is room for.
    let mut kept = 1;
    let error = loop {
        client.publish("room:1", "t", &json!("x".repeat(2_000)));
        let message = client.message();
        if message["type"] == "error" {
            break message;
        }
        kept += 1;
        assert_eq!(message["data"]["sequence"], kept, "{message}");
    };
    assert!(error["message"].as_str().unwrap().contains("could not be written"), "{error}");
    assert!(server.metric("uringcast_log_commit_failures_total") >= 1.0);
    fs::remove_file(rest).unwrap();
    client.publish("room:1", "t", &json!("again"));
    client.expect_event("room:1", kept + 1);
    server.restart();
    let mut client = Zps::connect(&server, "bob");
    client.send(&json!({"type": "subscribe", "room": "room:1", "fromSequence": kept}));
    client.expect(&json!({"type": "subscribed", "room": "room:1"}));
    assert_eq!(client.expect_event("room:1", kept + 1)["payload"], "again");
}

/// What a core lets go for want of memory goes from the disk, too, though nobody publishes to its
/// room any more.
#[test]
fn the_files_take_about_twice_what_a_core_may_keep() {
    const MIB: f64 = 1024.0 * 1024.0;
    let directory = Directory::new();
    let server = Server::start(Options::new().config(&format!(
        "[log]\ndriver = \"file\"\ndir = \"{}\"\nbytes_max = 1048576\nsegment_bytes = 65536\n\
         [zps]\nallow_client_publish = true\nmax_messages_per_window = 0\n",
        directory.0.display()
    )));
    let mut client = Zps::connect(&server, "ann");
    let payload = json!("x".repeat(30_000));
    for number in 0..400 {
        client.publish(&format!("room:{number}"), "t", &payload);
    }
    client.subscribe("room:399");
    client.expect_event("room:399", 1);
    assert!(server.metric("uringcast_log_evictions_total") > 300.0);
    // Two segments, each with a last group of the largest size.
    let bound = 2.0 * MIB + 2.0 * (64.0 + 256.0 + 30.0) * 1024.0;
    until("the files have shrunk", || server.metric("uringcast_log_segment_bytes") <= bound);
}
