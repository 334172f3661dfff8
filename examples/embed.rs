//! The engine inside a program of your own, which decides what may be published.
//!
//! ```text
//! cargo run --example embed -- serve --allow-client-publish
//! ```
//!
//! serves as `uringcast` does, and prints `ready`. A client of zero-pub-sub that publishes to a
//! room whose name begins with `archive:` is told why not; all else goes on.

use std::io::{Error, ErrorKind};
use std::process::ExitCode;

use uringcast::config::{Command, Sources};
use uringcast::io::Launch;
use uringcast::middleware::{Blocked, Call, Middleware, Operation};

/// Lets nobody publish to an archive.
#[derive(Debug)]
struct Archives;

impl Middleware for Archives {
    fn judge(&self, call: &Call<'_>) -> Result<(), Blocked> {
        if call.operation == Operation::Publish && call.room.starts_with("archive:") {
            return Err(Blocked("an archive does not grow".into()));
        }
        Ok(())
    }
}

fn main() -> Result<ExitCode, Error> {
    let options = match Command::parse(std::env::args_os()) {
        Ok(Command::Serve(options)) => options,
        Ok(_) => return Err(Error::new(ErrorKind::InvalidInput, "this program only serves")),
        Err(shown) => {
            shown.print()?;
            return Ok(ExitCode::from(if shown.use_stderr() { 64 } else { 0 }));
        }
    };
    let sources = Sources::new(options, std::env::vars_os());
    let read = sources.stamp(); // Before the file is read, so that no change is missed.
    let effective = sources.load().map_err(|problems| {
        Error::new(ErrorKind::InvalidInput, problems.to_string()) // All of them, one a line.
    })?;
    uringcast::io::serve(Launch {
        apps: effective.config.apps.clone(),
        config: effective.config,
        rows: Vec::new(),
        sources,
        read,
        middleware: vec![Box::new(Archives) as Box<dyn Middleware>].into(),
    })?;
    Ok(ExitCode::SUCCESS)
}
