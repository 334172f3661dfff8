//! A program that embeds the engine: it serves as `uringcast` does, and its own code is shown what
//! is done in rooms.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write;

use uringcast::config::{Command, Sources};
use uringcast::io::Launch;
use uringcast::middleware::{Blocked, Call, Middleware};
use uringcast_tests::COMMAND_LINE;

/// The variable that names the file that is written into.
pub(crate) const SHOWN: &str = "URINGCAST_TEST_SHOWN";

/// The variable that says what is blocked: `operation room`, between commas.
pub(crate) const BLOCKED: &str = "URINGCAST_TEST_BLOCKED";

/// Writes each call down, and blocks some.
#[derive(Debug)]
struct Guard {
    file: File,
    blocked: Vec<String>,
}

impl Middleware for Guard {
    fn judge(&self, call: &Call<'_>) -> Result<(), Blocked> {
        let Call { operation, app_id, room, subscriber_id, .. } = call;
        let (name, subscriber_id) = (operation.name(), subscriber_id.unwrap_or("-"));
        let line = format!("{name} {app_id} {room} {subscriber_id}\n");
        // One write each, so that who reads meanwhile sees whole lines.
        (&self.file).write_all(line.as_bytes()).expect("the file can be written");
        let is_blocked = self.blocked.contains(&format!("{name} {room}"));
        if is_blocked { Err(Blocked::without_reason(*operation)) } else { Ok(()) }
    }
}

/// Serve as the environment says, until the process is ended.
pub(crate) fn serve() {
    let line = env::var(COMMAND_LINE).expect("only the tests start this");
    let arguments = std::iter::once("uringcast").chain(line.split('\n'));
    let Ok(Command::Serve(options)) = Command::parse(arguments.map(Into::into)) else {
        panic!("the tests serve: {line}");
    };
    let sources = Sources::new(options, Vec::new());
    let effective = sources.load().expect("the tests configure what can be used");
    let shown = env::var_os(SHOWN).expect("the test names a file");
    let file = OpenOptions::new().append(true).open(shown).expect("the test has made it");
    let blocked = env::var(BLOCKED).unwrap_or_default();
    let blocked = blocked.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    let guard = Guard { file, blocked };
    uringcast::io::serve(Launch {
        apps: effective.config.apps.clone(),
        config: effective.config,
        rows: Vec::new(),
        read: sources.stamp(),
        sources,
        middleware: vec![Box::new(guard) as Box<dyn Middleware>].into(),
    })
    .expect("the server serves");
}
