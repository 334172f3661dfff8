//! Shows how far a run is: a bar on a terminal, a line every tenth elsewhere. Always on stderr.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Lines printed where there is no terminal, over a whole run.
const LINES: u64 = 10;
/// Shortest time between two drawings of the bar.
const REDRAW: Duration = Duration::from_millis(100);

/// Progress of one phase with a known end.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    total: u64,
    /// The bar, where stderr is a terminal.
    bar: Option<ProgressBar>,
    /// Tenths already printed, elsewhere.
    printed: u64,
    drawn_at: Duration,
}

impl Progress {
    /// A phase of `total` steps, each of them a `what`.
    pub fn new(what: &'static str, total: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| bar(what, total));
        Self { what, total, bar, printed: 0, drawn_at: Duration::ZERO }
    }

    /// `done` steps are done, `elapsed` after the start.
    #[inline]
    pub fn advance(&mut self, done: u64, elapsed: Duration) {
        match &self.bar {
            Some(bar) if elapsed >= self.drawn_at + REDRAW || done == self.total => {
                self.drawn_at = elapsed;
                bar.set_position(done);
            }
            Some(_) => {}
            None => self.print(done, elapsed),
        }
    }

    /// The phase is over: the bar disappears, printed lines stay.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }

    fn print(&mut self, done: u64, elapsed: Duration) {
        let tenths = (done * LINES).checked_div(self.total).unwrap_or(LINES);
        if tenths > self.printed {
            self.printed = tenths;
            let percent = tenths * 100 / LINES;
            let seconds = elapsed.as_secs_f64();
            let line = format!("{} {done}/{} ({percent} %) {seconds:.1} s", self.what, self.total);
            // Progress that nobody can read is no reason to fail.
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

fn bar(what: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let template = "{prefix} {wide_bar} {human_pos}/{human_len} {per_sec} {elapsed}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_prefix(what)
}
