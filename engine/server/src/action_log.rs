//! A line on standard error for each thing that is done in rooms, without what is nobody's
//! business.
//!
//! Cores hand their lines to a thread of its own and never wait for it: what does not fit is left
//! out and counted. Fields are masked before a line leaves its core, so nothing that must not be
//! written is ever kept.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use serde::Serialize;
use serde_json::Value;

use crate::config::LoggingConfig;
use crate::middleware::{Blocked, Call, Middleware};

/// The largest message that is shown; of a larger one only the size is. With
/// `logging.lines_max` it bounds what lines may take.
const MESSAGE_BYTES_MAX: usize = 4096;

/// What stands in the place of a masked value, as in the original.
const MASK: &str = "***";

/// Lines since the start.
#[derive(Debug, Default)]
pub struct LineCounters {
    written: AtomicU64,
    left_out: AtomicU64,
}

impl LineCounters {
    /// Each with its name, its description and its value.
    pub fn counts(&self) -> [(&'static str, &'static str, u64); 2] {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("action_log_lines", "Lines about what is done in rooms", value(&self.written)),
            ("action_log_left_out", "Lines that were not written", value(&self.left_out)),
        ]
    }
}

/// Shown every call, it lets all through.
#[derive(Debug)]
pub struct ActionLog {
    mask: Mask,
    lines: Sender<String>,
    counters: Arc<LineCounters>,
}

impl ActionLog {
    /// Start to write what `config` wants to `output`; `None` if it wants nothing.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn start(
        config: &LoggingConfig,
        output: impl Write + Send + 'static,
        counters: &Arc<LineCounters>,
    ) -> io::Result<Option<Self>> {
        if !config.actions {
            return Ok(None);
        }
        let (lines, received) = bounded(config.lines_max as usize);
        let written = Arc::clone(counters);
        thread::Builder::new()
            .name("action-log".to_owned())
            .spawn(move || write_all(&received, output, &written))?;
        let mask = Mask::new(&config.mask_fields);
        Ok(Some(Self { mask, lines, counters: Arc::clone(counters) }))
    }

    fn line(&self, call: &Call<'_>) -> String {
        let Call { operation, app_id, room, subscriber_id, message } = *call;
        let shown = (message.len() <= MESSAGE_BYTES_MAX)
            .then(|| serde_json::from_slice(message).ok())
            .flatten()
            .map(|message| self.mask.apply(message));
        let line = Line {
            action: operation.name(),
            app: app_id,
            room,
            subscriber_id,
            message_bytes: message.len(),
            message: shown,
        };
        serde_json::to_string(&line).expect("text always has a JSON form") + "\n"
    }
}

impl Middleware for ActionLog {
    fn judge(&self, call: &Call<'_>) -> Result<(), Blocked> {
        if self.lines.is_full() || self.lines.try_send(self.line(call)).is_err() {
            self.counters.left_out.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// What is written of one call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    action: &'static str,
    app: &'a str,
    room: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscriber_id: Option<&'a str>,
    message_bytes: usize,
    /// Missing where it is too large, or is no JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Value>,
}

/// Fields whose values are not shown.
#[derive(Debug)]
struct Mask(Vec<String>);

impl Mask {
    fn new(fields: &str) -> Self {
        Self(fields.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect())
    }

    /// `value` without them; the parser has bounded how deep it is.
    fn apply(&self, value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                let shown = fields.into_iter().map(|(name, value)| {
                    let is_masked = self.0.iter().any(|field| field.eq_ignore_ascii_case(&name));
                    let value = if is_masked { MASK.into() } else { self.apply(value) };
                    (name, value)
                });
                Value::Object(shown.collect())
            }
            Value::Array(values) => values.into_iter().map(|value| self.apply(value)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
        }
    }
}

fn write_all(lines: &Receiver<String>, mut output: impl Write, counters: &LineCounters) {
    for line in lines {
        let counter = match output.write_all(line.as_bytes()) {
            Ok(()) => &counters.written,
            Err(_) => &counters.left_out, // Whoever reads them has gone, and may come back.
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;
    use crate::middleware::Operation;

    /// Hands on what is written.
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

    fn start(lines_max: u32, held: usize) -> (ActionLog, Receiver<Vec<u8>>, Arc<LineCounters>) {
        let (sender, written) = bounded(held);
        let counters = Arc::default();
        let config = LoggingConfig { actions: true, lines_max, ..LoggingConfig::default() };
        let log = ActionLog::start(&config, Sink(sender), &counters).unwrap().unwrap();
        (log, written, counters)
    }

    fn call(message: &[u8]) -> Call<'_> {
        let (operation, room) = (Operation::Publish, "r:\n1");
        Call { operation, app_id: "a", room, subscriber_id: Some("ann"), message }
    }

    fn written(log: &ActionLog, lines: &Receiver<Vec<u8>>, message: &str) -> Value {
        assert_eq!(log.judge(&call(message.as_bytes())), Ok(()));
        let line = lines.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1), "one line");
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn nothing_is_written_unless_it_is_wanted() {
        let counters = Arc::default();
        let log = ActionLog::start(&LoggingConfig::default(), io::sink(), &counters);
        assert!(log.unwrap().is_none());
    }

    #[test]
    fn masked_fields_are_not_shown_however_deep_they_are() {
        let (log, lines, _) = start(9, 9);
        let message =
            r#"{"event":{"payload":[{"Password":"s","user":{"CVV":{"a":1}}},{"note":"cvv"}]}}"#;
        let expected = json!({
            "action": "publish", "app": "a", "room": "r:\n1", "subscriberId": "ann",
            "messageBytes": message.len(),
            "message": {"event": {"payload": [
                {"Password": "***", "user": {"CVV": "***"}}, {"note": "cvv"},
            ]}},
        });
        assert_eq!(written(&log, &lines, message), expected);
    }

    #[test]
    fn a_message_is_shown_up_to_its_limit_and_of_more_the_size() {
        let (log, lines, _) = start(9, 9);
        for (bytes, is_shown) in [(MESSAGE_BYTES_MAX, true), (MESSAGE_BYTES_MAX + 1, false)] {
            let message = format!("\"{}\"", "x".repeat(bytes - 2));
            let line = written(&log, &lines, &message);
            assert_eq!(
                (line["messageBytes"].as_u64(), line.get("message").is_some()),
                (Some(bytes as u64), is_shown)
            );
        }
        assert_eq!(written(&log, &lines, "{").get("message"), None, "no JSON");
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_counted() {
        let (log, lines, counters) = start(2, 0);
        let count = |place: usize| counters.counts()[place].2;
        // One may be with the thread, which cannot write it; two wait; all others are left out.
        for _ in 0..10 {
            log.judge(&call(b"1")).unwrap();
        }
        let left_out = count(1);
        assert!((7..=8).contains(&left_out), "{left_out}");
        let deadline = Instant::now() + Duration::from_secs(20);
        while count(0) + left_out < 10 {
            assert!(Instant::now() < deadline, "the rest is written");
            drop(lines.recv_timeout(Duration::from_millis(10)));
        }
    }
}
