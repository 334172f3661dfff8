//! `loadtest idle`: what a connection costs that is subscribed and does nothing.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::limits;
use crate::proc::Process;
use crate::progress::Progress;
use crate::report::{self, Table};
use crate::socket::connect;
use crate::subject::{ServerArgs, Subject};

/// Files the program needs besides its connections.
const FILES_SPARE: u64 = 64;
/// Memory is read until it stays the same for this long.
const STEADY: Duration = Duration::from_millis(200);
/// Readings until the last one is taken as it is.
const READINGS_MAX: u32 = 25;

/// Arguments of `idle`.
#[derive(Args, Debug)]
pub struct IdleArgs {
    /// Connections
    #[arg(long, default_value = "10000")]
    pub connections: NonZeroU32,
    /// Channels they are spread over
    #[arg(long, default_value = "1")]
    pub channels: NonZeroU32,
    /// Against which server
    #[command(flatten)]
    pub server: ServerArgs,
}

/// What the load found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    connections: u32,
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

/// What was read around the opening of idle connections.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Connections that were opened and stayed open.
    pub connections: u32,
    /// How long that took.
    pub connect: Duration,
    /// Resident memory of the server before, in bytes, where its process is known.
    pub before: Option<u64>,
    /// Resident memory of the server after it, in bytes, where its process is known.
    pub after: Option<u64>,
}

impl Measured {
    /// Resident bytes for each connection.
    pub fn bytes_each(&self) -> Option<u64> {
        let grown = self.after.zip(self.before);
        let grown = grown.map(|(after, before)| after.saturating_sub(before));
        grown.map(|bytes| bytes / u64::from(self.connections))
    }
}

/// Measure the server that the arguments name.
pub fn idle(args: &IdleArgs) -> anyhow::Result<ExitCode> {
    let subject = Subject::of(&args.server)?;
    let measured = measure(&subject, args.connections.get(), args.channels.get())?;
    let report = Report {
        connections: measured.connections,
        channels: args.channels.get(),
        connect_ms: measured.connect.as_millis() as u64,
        resident_bytes_before: measured.before,
        resident_bytes_after: measured.after,
        resident_bytes_per_connection: measured.bytes_each(),
    };
    report::publish(&report, args.server.json.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// Open the connections, subscribe them, and read the server's memory before and after.
pub fn measure(subject: &Subject, connections: u32, channels: u32) -> anyhow::Result<Measured> {
    limits::raise_open_files(u64::from(connections) + FILES_SPARE)?;
    let wanted: Vec<_> =
        (0..connections).map(|index| vec![format!("load-idle-{}", index % channels)]).collect();
    let before = steady_resident_bytes(subject.process)?;
    let start = Instant::now();
    let mut progress = Progress::new("connected", u64::from(connections));
    let opened = |done| progress.advance(done, start.elapsed());
    let sessions = connect::open(&subject.endpoint, &subject.dialect, &wanted, opened);
    progress.finish();
    let sessions = sessions?;
    let connect = start.elapsed();
    let after = steady_resident_bytes(subject.process)?;
    for session in &sessions {
        still_open(&session.stream).context("a connection did not stay open")?;
    }
    Ok(Measured { connections, connect, before, after })
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
