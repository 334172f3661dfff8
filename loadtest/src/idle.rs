//! `loadtest idle`: what a connection costs that is subscribed and does nothing.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use crate::args::IdleArgs;
use crate::limits;
use crate::proc::Process;
use crate::progress::Progress;
use crate::report::{self, Table};
use crate::socket::connect;
use crate::subject::Subject;

/// Files the program needs besides its connections.
const FILES_SPARE: u64 = 64;
/// Memory is read until it stays the same for this long.
const STEADY: Duration = Duration::from_millis(200);
/// Readings until the last one is taken as it is.
const READINGS_MAX: u32 = 25;

/// The result.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    connections: usize,
    channels: u32,
    connect_ms: u64,
    resident_bytes_before: Option<u64>,
    resident_bytes_after: Option<u64>,
    resident_bytes_per_connection: Option<u64>,
}

impl Table for Report {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("connections", format!("{} in {} ms", self.connections, self.connect_ms)),
            ("channels", self.channels.to_string()),
        ];
        let server = [
            ("RSS before", self.resident_bytes_before.map(report::mebibytes)),
            ("RSS after", self.resident_bytes_after.map(report::mebibytes)),
            ("RSS each", self.resident_bytes_per_connection.map(|bytes| format!("{bytes} bytes"))),
        ];
        rows.extend(server.into_iter().filter_map(|(key, value)| Some((key, value?))));
        rows
    }
}

/// Open the connections, subscribe them, and read the server's memory before and after.
pub fn idle(args: &IdleArgs) -> anyhow::Result<ExitCode> {
    let connections = args.connections.get();
    limits::raise_open_files(u64::from(connections) + FILES_SPARE)?;
    let subject = Subject::of(&args.server)?;
    let wanted: Vec<_> = (0..connections)
        .map(|index| vec![format!("load-idle-{}", index % args.channels)])
        .collect();
    let before = steady_resident_bytes(subject.process)?;
    let start = Instant::now();
    let mut progress = Progress::new("connected", u64::from(connections));
    let opened = |done| progress.advance(done, start.elapsed());
    let sessions = connect::open(&subject.endpoint, &subject.dialect, &wanted, opened);
    progress.finish();
    let sessions = sessions?;
    let connect_ms = start.elapsed().as_millis() as u64;
    let after = steady_resident_bytes(subject.process)?;
    for session in &sessions {
        still_open(&session.stream).context("a connection did not stay open")?;
    }
    let grown = after.zip(before).map(|(after, before)| after.saturating_sub(before));
    let report = Report {
        connections: sessions.len(),
        channels: args.channels.get(),
        connect_ms,
        resident_bytes_before: before,
        resident_bytes_after: after,
        resident_bytes_per_connection: grown.map(|bytes| bytes / u64::from(connections)),
    };
    report::publish(&report, args.server.json.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// Resident bytes once they stop changing.
fn steady_resident_bytes(process: Option<Process>) -> io::Result<Option<u64>> {
    let Some(process) = process else { return Ok(None) };
    let mut last = process.resident_bytes()?;
    for _ in 0..READINGS_MAX {
        thread::sleep(STEADY);
        let now = process.resident_bytes()?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(Some(last))
}

fn still_open(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    match stream.peek(&mut [0]) {
        Ok(0) => Err(ErrorKind::ConnectionReset.into()),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}
