//! The peers that come from npm: installed once, at the versions of the lock file.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Install the packages of the folder `peers`, unless they are there.
///
/// The error is a reason for people: no npm, no network, no such folder.
pub fn install(peers: &Path) -> Result<(), String> {
    if peers.join("node_modules").is_dir() {
        return Ok(());
    }
    let mut command = Command::new("npm");
    command.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(peers);
    run(command, "npm ci").map(drop)
}

/// The `bun` program among the installed packages.
pub fn bun(peers: &Path) -> PathBuf {
    peers.join("node_modules/.bin/bun")
}

/// Whether there is a node.
pub fn node() -> Result<(), String> {
    let mut command = Command::new("node");
    command.arg("--version");
    run(command, "node --version").map(drop)
}

fn run(mut command: Command, what: &str) -> Result<Output, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{what}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("{what} failed: {}", text.lines().next().unwrap_or("without a reason")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_gives_its_first_line_as_the_reason() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one >&2; echo two >&2; exit 3"]);
        assert_eq!(run(command, "it").unwrap_err(), "it failed: one");
        assert!(run(Command::new("/nonexistent"), "it").unwrap_err().starts_with("it: "));
    }

    #[test]
    fn a_folder_that_is_not_there_cannot_be_installed() {
        assert!(install(Path::new("/nonexistent")).is_err());
    }
}
