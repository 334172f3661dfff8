//! Leaving a test out where the machine does not let it run.

use std::env;

/// Says why the test that calls this does nothing; with `CI=true` the test fails instead.
pub fn skip(why: &str) {
    let is_ci = env::var_os("CI").is_some_and(|it| it == "true");
    assert!(!is_ci, "with CI=true nothing may be left out: {why}");
    eprintln!("skipped: {why}");
}
