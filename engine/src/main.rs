//! The `uringcast` program: reads the configuration, then serves until it is told to stop.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use uringcast::config::{Command, Sources};

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
        Command::Serve(_) => uringcast::io::serve(effective.config, sources, read),
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
