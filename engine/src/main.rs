//! The `uringcast` program: reads the configuration, then serves until it is told to stop.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use uringcast::config::{Command, Effective, Sources, Stamp};
use uringcast::io::Launch;
use uringcast::side::registry;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `EX_USAGE` of `sysexits.h`: the command line or the configuration cannot be used.
const EXIT_USAGE: u8 = 64;

/// `EX_UNAVAILABLE`: the database of apps cannot be read.
const EXIT_UNAVAILABLE: u8 = 69;

fn main() -> ExitCode {
    let command = match Command::parse(env::args_os()) {
        Ok(command) => command,
        Err(shown) => {
            // A closed pipe is no reason for another exit code.
            let _ = shown.print();
            return ExitCode::from(if shown.use_stderr() { EXIT_USAGE } else { 0 });
        }
    };
    let sources = Sources::new(command.options().clone(), env::vars_os());
    let read = sources.stamp();
    let effective = match sources.load() {
        Ok(effective) => effective,
        Err(problems) => {
            eprint!("uringcast: {problems}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    for notice in &effective.notices {
        eprintln!("uringcast: {notice}");
    }
    let outcome = match command {
        Command::Serve(_) => match launch(sources, read, effective) {
            Ok(launch) => uringcast::io::serve(launch),
            Err(exit) => return exit,
        },
        Command::Config { print: true, .. } => write!(io::stdout(), "{effective}"),
        Command::Config { print: false, .. } => {
            writeln!(io::stdout(), "The configuration is valid.")
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("uringcast: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Add the apps of the database, if there is one: no port is bound before they are known.
fn launch(sources: Sources, read: Option<Stamp>, effective: Effective) -> Result<Launch, ExitCode> {
    let mut rows = Vec::new();
    if effective.config.has_database() {
        let answer = registry::read_once(&effective.config.registry);
        rows = answer.unwrap_or_else(|error| Err(error.to_string())).map_err(|why| {
            eprintln!("uringcast: the apps of registry.url cannot be read: {why}");
            ExitCode::from(EXIT_UNAVAILABLE)
        })?;
    }
    let apps = effective.apps_with(&rows).map_err(|problems| {
        eprint!("uringcast: {problems}");
        ExitCode::from(EXIT_USAGE)
    })?;
    Ok(Launch { config: effective.config, apps, rows, sources, read })
}
