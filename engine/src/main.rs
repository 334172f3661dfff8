//! The `uringcast` program: reads the configuration, then serves until it is told to stop.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use uringcast::config::{Command, DeadLetters, Effective, Sources};
use uringcast::webhook;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `EX_USAGE` of `sysexits.h`: the command line or the configuration cannot be used.
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let command = match Command::parse(env::args_os()) {
        Ok(command) => command,
        Err(shown) => {
            // A closed pipe is no reason for another exit code.
            let _ = shown.print();
            return ExitCode::from(if shown.use_stderr() { EXIT_USAGE } else { 0 });
        }
    };
    match command {
        Command::Serve(options) => {
            let sources = Sources::new(options, env::vars_os());
            let read = sources.stamp();
            with_config(&sources.clone(), |effective| {
                uringcast::io::serve(effective.config, sources, read)
            })
        }
        Command::Config { print, options } => {
            with_config(&Sources::new(options, env::vars_os()), |effective| {
                if print {
                    write!(io::stdout(), "{effective}")
                } else {
                    writeln!(io::stdout(), "The configuration is valid.")
                }
            })
        }
        Command::DeadLetters(DeadLetters::List { file }) => {
            exit(webhook::list(&file).and_then(|text| write!(io::stdout(), "{text}")))
        }
        Command::DeadLetters(DeadLetters::Replay { file, options }) => {
            with_config(&Sources::new(*options, env::vars_os()), |effective| {
                writeln!(io::stdout(), "{}", webhook::replay(&file, &effective.config)?)
            })
        }
    }
}

/// Read the configuration and `run` with it.
fn with_config(sources: &Sources, run: impl FnOnce(Effective) -> io::Result<()>) -> ExitCode {
    match sources.load() {
        Ok(effective) => {
            for notice in &effective.notices {
                eprintln!("uringcast: {notice}");
            }
            exit(run(effective))
        }
        Err(problems) => {
            eprint!("uringcast: {problems}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn exit(outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("uringcast: {error}");
            ExitCode::FAILURE
        }
    }
}
