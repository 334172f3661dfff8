//! The `uringcast` program: reads the configuration, then serves until it is told to stop.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use uringcast::config::{Command, DeadLetters, Effective, Gateway, Options, Sources, Stamp};
use uringcast::io::Launch;
use uringcast::side::registry;
use uringcast::{standard_error, webhook};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `EX_USAGE` of `sysexits.h`: the command line or the configuration cannot be used.
const EXIT_USAGE: u8 = 64;

/// `EX_UNAVAILABLE`: the database of apps cannot be read.
const EXIT_UNAVAILABLE: u8 = 69;

fn main() -> ExitCode {
    if let Err(error) = standard_error::start() {
        let _ = writeln!(io::stderr(), "uringcast: error: {error}");
        return ExitCode::FAILURE;
    }
    standard_error::tell_panics();
    let code = run();
    standard_error::flush();
    code
}

fn run() -> ExitCode {
    let command = match Command::parse(env::args_os()) {
        Ok(command) => command,
        Err(shown) => {
            // A closed pipe is no reason for another exit code.
            let _ = shown.print();
            return ExitCode::from(if shown.use_stderr() { EXIT_USAGE } else { 0 });
        }
    };
    match command {
        Command::Serve(options) => serve(options),
        Command::Gateway(options) => {
            // Never fails once the system is up.
            let random = || format!("{:016x}", getrandom::u64().unwrap_or_default());
            let secret = [random(), random()].concat().into();
            serve(Options { gateway: Some(Gateway { key: random(), secret }), ..options })
        }
        Command::Config { print, options } => {
            with_config(&Sources::new(options, env::vars_os()), |effective| {
                exit(if print {
                    write!(io::stdout(), "{effective}")
                } else {
                    writeln!(io::stdout(), "The configuration is valid.")
                })
            })
        }
        Command::DeadLetters(DeadLetters::List { file }) => {
            exit(webhook::list(&file).and_then(|text| write!(io::stdout(), "{text}")))
        }
        Command::DeadLetters(DeadLetters::Replay { file, options }) => {
            with_config(&Sources::new(*options, env::vars_os()), |effective| {
                let outcome = webhook::replay(&file, &effective.config);
                exit(outcome.and_then(|told| writeln!(io::stdout(), "{told}")))
            })
        }
    }
}

fn serve(options: Options) -> ExitCode {
    let sources = Sources::new(options, env::vars_os());
    let read = sources.stamp();
    with_config(&sources.clone(), |effective| match launch(sources, read, effective) {
        Ok(launch) => exit(uringcast::io::serve(launch)),
        Err(exit) => exit,
    })
}

/// Read the configuration and `run` with it.
fn with_config(sources: &Sources, run: impl FnOnce(Effective) -> ExitCode) -> ExitCode {
    match sources.load() {
        Ok(effective) => {
            for notice in &effective.notices {
                tracing::warn!("{notice}");
            }
            run(effective)
        }
        Err(problems) => {
            tracing::error!("{}", problems.to_string().trim_end());
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn exit(outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
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
            tracing::error!("the apps of registry.url cannot be read: {why}");
            ExitCode::from(EXIT_UNAVAILABLE)
        })?;
    }
    let apps = effective.apps_with(&rows).map_err(|problems| {
        tracing::error!("{}", problems.to_string().trim_end());
        ExitCode::from(EXIT_USAGE)
    })?;
    let middleware = Vec::new().into();
    Ok(Launch { config: effective.config, apps, rows, sources, read, middleware })
}
