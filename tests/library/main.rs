//! The engine as a library: a small program with code of its own around what is done in rooms.
//!
//! The program is this binary, started again by its own tests; what its code is shown it writes
//! into a file.

mod program;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use uringcast_tests::{COMMAND_LINE, Http, Options, Response, Server, Zps, until};

/// A server whose code blocks what `blocked` names, `operation room` each, and its file.
struct Program {
    server: Server,
    shown: PathBuf,
}

impl Program {
    fn start(test: &str, cores: u8, blocked: &str) -> Self {
        let name = format!("uringcast-library-{}-{test}", std::process::id());
        let shown = std::env::temp_dir().join(name);
        fs::write(&shown, "").expect("the temporary directory is writable");
        let path = shown.to_str().expect("the temporary directory has a plain name");
        let variables = [(program::SHOWN, path), (program::BLOCKED, blocked)];
        let options = Options::new().cores(cores).embedded(test, &variables);
        let config = "[zps]\nallow_client_publish = true\n";
        Self { server: Server::start(options.config(config)), shown }
    }

    /// Waits until the program's code has been shown this.
    fn until_shown(&self, call: &str) {
        let is_shown = || self.calls().iter().any(|shown| shown == call);
        until(&format!("it is shown {call}"), is_shown);
    }

    /// What it has been shown, in its order.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.shown).expect("the file is there");
        text.lines().map(str::to_owned).collect()
    }

    fn times(&self, call: &str) -> usize {
        self.calls().iter().filter(|shown| *shown == call).count()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Response {
        let mut http = Http::connect(self.server.address());
        let length = body.len();
        http.send(
            format!(
                "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer app-secret\r\n\
                 Content-Length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
        http.response()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(fs::remove_file(Path::new(&self.shown))); // Best effort.
    }
}

/// Whether this process is the program and not its test; then it serves and does not come back.
fn is_program() -> bool {
    let is_program = std::env::var_os(COMMAND_LINE).is_some();
    if is_program {
        program::serve();
    }
    is_program
}

fn ephemeral(room: &str) -> Value {
    let event = json!({"room": room, "type": "typing", "payload": 1});
    json!({"type": "publish_ephemeral", "event": event})
}

/// All but dead letters, which nothing makes yet without a sink.
#[test]
fn all_that_is_done_in_rooms_is_shown_once() {
    if is_program() {
        return;
    }
    let program = Program::start("all_that_is_done_in_rooms_is_shown_once", 2, "");
    let (mut ann, mut bob) =
        (Zps::connect(&program.server, "ann"), Zps::connect(&program.server, "bob"));
    ann.subscribe("r:1");
    bob.subscribe("r:1");
    ann.publish("r:1", "t", &json!(7));
    ann.expect_event("r:1", 1);
    bob.expect_event("r:1", 1);
    ann.send(&ephemeral("r:1"));
    assert_eq!(
        (ann.message()["type"].clone(), bob.message()["type"].clone()),
        (json!("ephemeral"), json!("ephemeral"))
    );
    ann.ack("r:1", 1);
    ann.close();
    program.until_shown("close app-id  ann");
    let mut cat = Zps::connect(&program.server, "cat");
    cat.subscribe("r:1");
    cat.expect_event("r:1", 1);
    let expected = [
        "subscribe app-id r:1 ann",
        "subscribe app-id r:1 bob",
        "publish app-id r:1 ann",
        "deliver app-id r:1 -",
        "ephemeralPublish app-id r:1 ann",
        "ephemeralDeliver app-id r:1 -",
        "ack app-id r:1 ann",
        "close app-id  ann",
        "subscribe app-id r:1 cat",
        "catchUp app-id r:1 cat",
    ];
    assert_eq!(program.calls(), expected);
    for call in expected {
        assert_eq!(program.times(call), 1, "{call}: not for each subscriber");
    }
    let metrics = program.server.metrics();
    for (action, count) in
        [("deliver", 1), ("ephemeralDeliver", 1), ("catchUp", 1), ("close", 1), ("subscribe", 3)]
    {
        let counted = metrics.sum_where("uringcast_zps_actions_total", "action", action);
        assert!(counted.total_cmp(&f64::from(count)).is_eq(), "{action} {counted}");
    }
}

#[test]
fn what_is_not_let_out_is_kept_and_what_was_is_not_told() {
    if is_program() {
        return;
    }
    let program = Program::start(
        "what_is_not_let_out_is_kept_and_what_was_is_not_told",
        1,
        "deliver r:1,ephemeralDeliver r:1,catchUp r:2,dlqWrite r:1,close ",
    );
    let mut ann = Zps::connect(&program.server, "ann");
    for room in ["r:1", "r:2", "r:*"] {
        ann.subscribe(room);
    }
    let event = |room: &str| json!({"room": room, "type": "t", "payload": 7}).to_string();
    assert_eq!(program.ask("POST", "/events", &event("r:1")).status, 200, "it is kept");
    ann.send(&ephemeral("r:1"));
    ann.expect_quiet();
    assert_eq!(program.ask("POST", "/events", &event("r:2")).status, 200);
    ann.expect_event("r:2", 1);
    ann.expect_event("r:2", 1); // By the wildcard.
    let replay = program.ask("POST", "/replay", r#"{"room":"r:1"}"#).json();
    assert_eq!(replay["events"][0]["sequence"], 1);
    // Whoever joins is told where it begins, so that it asks for nothing.
    let mut bob = Zps::connect(&program.server, "bob");
    bob.subscribe("r:2");
    let told = bob.message();
    assert_eq!((&told["type"], &told["snapshot"]["lastSequence"]), (&json!("snapshot"), &json!(1)));
    assert_eq!(program.ask("POST", "/events", &event("r:2")).status, 200);
    bob.expect_event("r:2", 2);
    bob.close(); // Nobody can keep it.
    program.until_shown("close app-id  bob");
    program.server.until_refused("publish_policy");
    ann.expect_event("r:2", 2);
}
