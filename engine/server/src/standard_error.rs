//! What the process says to its operator: lines on standard error, written by a thread of its own.
//!
//! Whoever has something to say hands it to `tracing` and goes on. A reader that has gone, a disk
//! that is full or a pipe that nobody empties stops no core and ends no process: what the queue has
//! no room for, and what cannot be written, is left out and counted.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, Write};
use std::panic;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use tracing::{Event, Level, Subscriber, dispatcher};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{self as lines, FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

/// What lines may take that wait to be written: several thousand.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// What a line takes besides its text.
const LINE_BYTES: usize = 64;

/// How long the end of the process may wait for lines to be written.
const FLUSH_TIME: Duration = Duration::from_millis(500);

/// The lines of this process, once [`start`] was called.
static LINES: OnceLock<Lines> = OnceLock::new();

/// From now on what the engine says goes to standard error.
///
/// Nothing happens if the program has a `tracing` subscriber of its own: then that is told.
///
/// # Errors
/// If there is no thread to be had.
pub fn start() -> io::Result<()> {
    if dispatcher::has_been_set() {
        return Ok(());
    }
    let lines = Lines::start(io::stderr())?;
    let shown = Targets::new().with_target("uringcast", Level::INFO); // Not what libraries say.
    let layer = lines::layer().event_format(Plain).with_ansi(false).log_internal_errors(false);
    let subscriber =
        tracing_subscriber::registry().with(shown).with(layer.with_writer(lines.clone()));
    // Refused only if another thread has just set one, which is as good.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let _ = LINES.set(lines);
    }
    Ok(())
}

/// From now on panics are told in the same way: the standard hook would hold a core on a pipe that
/// nobody empties. For the program alone: one that links the engine may have a hook of its own.
pub fn tell_panics() {
    panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("without a name");
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            tracing::error!("thread {name} {panic}\n{backtrace}");
        } else {
            tracing::error!("thread {name} {panic}");
        }
    }));
}

/// Wait until all that was said is written, but not long: the process ends next.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush(FLUSH_TIME);
    }
}

/// Lines that were left out, because there was no room for them or they could not be written.
pub fn lines_dropped() -> u64 {
    LINES.get().map_or(0, Lines::dropped)
}

/// The queue to the thread that writes.
#[derive(Clone)]
struct Lines {
    queue: Sender<Item>,
    counters: Arc<Counters>,
}

enum Item {
    Line(Vec<u8>),
    /// Dropped when everything before it is written.
    Mark(#[expect(dead_code, reason = "its end is what is waited for")] Sender<()>),
}

#[derive(Default)]
struct Counters {
    bytes_waiting: AtomicUsize,
    dropped: AtomicU64,
}

impl Lines {
    fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, items) = unbounded(); // Bounded by the bytes of its lines.
        let lines = Self { queue, counters: Arc::default() };
        let counters = Arc::clone(&lines.counters);
        let thread = thread::Builder::new().name("stderr".to_owned());
        thread.spawn(move || write_all(&items, output, &counters))?;
        Ok(lines)
    }

    fn push(&self, line: &[u8]) {
        let bytes = line.len() + LINE_BYTES;
        let waiting = self.counters.bytes_waiting.fetch_add(bytes, Ordering::Relaxed);
        if waiting + bytes > QUEUE_BYTES_MAX || self.queue.send(Item::Line(line.to_vec())).is_err()
        {
            self.counters.bytes_waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.counters.drop_line();
        }
    }

    fn flush(&self, time: Duration) {
        let (mark, written) = bounded(0);
        if self.queue.send(Item::Mark(mark)).is_ok() {
            let _ = written.recv_timeout(time); // It ends, or the time does.
        }
    }

    fn dropped(&self) -> u64 {
        self.counters.dropped.load(Ordering::Relaxed)
    }
}

impl Counters {
    fn drop_line(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Each write is one line.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(items: &Receiver<Item>, mut output: impl Write, counters: &Counters) {
    for item in items {
        let Item::Line(line) = item else { continue };
        if output.write_all(&line).is_err() {
            counters.drop_line(); // Whoever reads them has gone, and may come back.
        }
        counters.bytes_waiting.fetch_sub(line.len() + LINE_BYTES, Ordering::Relaxed);
    }
}

/// Our name, how bad it is unless it is no worse than news, and what is said.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            _ => "",
        };
        write!(writer, "uringcast: {level}")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands on what is written, and fails when nobody takes it.
    struct Sink(Sender<Vec<u8>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn what_the_queue_has_no_room_for_is_counted_and_the_rest_is_written() {
        let (sink, written) = bounded(0);
        let lines = Lines::start(Sink(sink)).unwrap();
        let line = vec![b'x'; QUEUE_BYTES_MAX / 8 - LINE_BYTES];
        // None is written yet: the thread holds the first, which counts until it is.
        (0..9).for_each(|_| lines.push(&line));
        assert_eq!(lines.dropped(), 1);
        (0..8).for_each(|_| assert_eq!(written.recv_timeout(LONG).unwrap(), line));
        lines.flush(LONG);
        lines.push(&line);
        assert_eq!(written.recv_timeout(LONG).unwrap(), line);
        assert_eq!(lines.dropped(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let (sink, written) = bounded(0);
        drop(written);
        let lines = Lines::start(Sink(sink)).unwrap();
        (0..3).for_each(|_| lines.push(b"lost\n"));
        lines.flush(LONG);
        assert_eq!(lines.dropped(), 3);
        assert_eq!(lines.counters.bytes_waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_reader_that_takes_nothing_does_not_hold_up_the_end() {
        let (sink, _written) = bounded(0);
        let lines = Lines::start(Sink(sink)).unwrap();
        lines.push(b"stuck\n");
        let start = std::time::Instant::now();
        lines.flush(Duration::from_millis(10));
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn a_line_says_who_speaks_and_how_bad_it_is() {
        let (sink, written) = bounded(9);
        let lines = Lines::start(Sink(sink)).unwrap();
        let layer = lines::layer().event_format(Plain).with_ansi(false).with_writer(lines);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!("listening on {}", 1);
            tracing::warn!("slow");
            tracing::error!("gone");
        });
        for expected in [
            "uringcast: listening on 1\n",
            "uringcast: warning: slow\n",
            "uringcast: error: gone\n",
        ] {
            assert_eq!(written.recv_timeout(LONG).unwrap(), expected.as_bytes());
        }
    }
}
