//! Carries out what [`Dispatch`] decides, on the side thread: requests, the dead-letter file, time.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::dead_letters::append;
use super::dispatch::{Dispatch, Output};
use super::post::{DeadLetter, Post, without_secrets};
use super::{AppNotice, Now, WebhookCounters};
use crate::api::Call;
use crate::config::WebhookConfig;
use crate::http_client::Client;
use crate::shard::Millis;

/// The most time that is kept for the dead-letter file at the end of the process: for the write in
/// progress and one after it, each with a sync, which takes a while on a busy disk.
const WRITE_TIME_MAX: Duration = Duration::from_secs(1);

/// The order to deliver what waits, because the process ends.
#[derive(Debug)]
pub(crate) struct Flush {
    /// When the process ends.
    deadline: Instant,
    /// What of the time until then is for the dead-letter file.
    write_time: Duration,
    /// Told when nothing is left to do.
    done: crossbeam_channel::Sender<()>,
}

/// The webhooks of all apps.
#[derive(Debug)]
pub(crate) struct Courier {
    config: WebhookConfig,
    dispatch: Dispatch,
    client: Client,
    counters: Arc<WebhookCounters>,
    /// Requests in flight: whose, and what came of each.
    posts: JoinSet<(usize, Result<(), String>)>,
    /// The write in progress: what came of it, and the letters.
    writing: JoinSet<(io::Result<usize>, Vec<DeadLetter>)>,
    /// Letters that wait for it, and their bytes.
    letters: Vec<DeadLetter>,
    letters_bytes: usize,
    flush: Option<Flush>,
    started: Instant,
}

impl Courier {
    pub(crate) fn new(
        config: WebhookConfig,
        client: Client,
        counters: Arc<WebhookCounters>,
    ) -> Self {
        Self {
            dispatch: Dispatch::new(config.clone()),
            config,
            client,
            counters,
            posts: JoinSet::new(),
            writing: JoinSet::new(),
            letters: Vec::new(),
            letters_bytes: 0,
            flush: None,
            started: Instant::now(),
        }
    }

    /// Run until nobody can tell anything any more.
    pub(crate) async fn run(
        mut self,
        mut notices: mpsc::Receiver<Vec<AppNotice>>,
        mut flushes: mpsc::Receiver<Flush>,
    ) {
        loop {
            let due = self.next_due();
            tokio::select! {
                told = notices.recv() => match told {
                    Some(told) => self.take(told),
                    None => return,
                },
                Some(ended) = self.posts.join_next() => self.posted(ended),
                Some(ended) = self.writing.join_next() => self.written(ended),
                Some(flush) = flushes.recv() => {
                    while let Ok(told) = notices.try_recv() {
                        self.take(told);
                    }
                    self.dispatch.hurry(self.now());
                    self.flush = Some(flush);
                }
                () = tokio::time::sleep_until(due.into()) => self.end_flush_in_time(),
            }
            self.dispatch.advance(self.now());
            self.carry_out();
            self.end_flush_if_done();
        }
    }

    fn take(&mut self, told: Vec<AppNotice>) {
        let now = self.now();
        for told in told {
            self.dispatch.take(now, told);
        }
    }

    /// When to look at the time again.
    fn next_due(&self) -> Instant {
        let far = self.started + Duration::from_secs(1 << 32);
        let due = self.dispatch.next_due().map(|due| self.started + Duration::from_millis(due.0));
        let flush = self.flush.as_ref().map(Flush::last_moment);
        due.into_iter().chain(flush).min().unwrap_or(far)
    }

    fn now(&self) -> Now {
        let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH);
        // Rounded up, as the timer is: what is due has its millisecond behind it.
        let at = self.started.elapsed().as_micros().div_ceil(1_000) as u64;
        Now { at: Millis(at), unix_ms: unix_ms.map_or(0, |since| since.as_millis() as u64) }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.dispatch.poll_output() {
            match output {
                Output::Post { endpoint, post, is_retry } => self.post(endpoint, post, is_retry),
                Output::Bury(letter) => self.bury(letter),
            }
        }
        self.write();
        self.counters.queued(self.dispatch.depth());
    }

    fn post(&mut self, endpoint: usize, post: Post, is_retry: bool) {
        let Post { url, body, headers } = post;
        let timeout = Duration::from_secs(self.config.timeout_s.into());
        let call = Call { url, body, headers, timeout };
        let client = self.client.clone();
        self.counters.sent(is_retry);
        self.posts.spawn_local(async move {
            (endpoint, client.post(call, Instant::now() + timeout).await)
        });
    }

    fn posted(&mut self, ended: Result<(usize, Result<(), String>), JoinError>) {
        let (endpoint, outcome) = unwrap_task(ended);
        let (url, was_failing) = self.dispatch.describe(endpoint);
        match &outcome {
            Ok(()) if was_failing => {
                tracing::info!("webhook {} is well again", without_secrets(url));
            }
            Err(reason) if !was_failing => {
                tracing::warn!("webhook {} fails: {reason}", without_secrets(url));
            }
            Ok(()) | Err(_) => {}
        }
        match outcome {
            Ok(()) => {
                let events = self.dispatch.delivered(endpoint);
                self.counters.delivered(events);
            }
            Err(reason) => {
                self.counters.failed();
                self.dispatch.failed(self.now(), endpoint, &reason);
            }
        }
    }

    /// Keep a letter until it is written, if it will be and there is room.
    fn bury(&mut self, letter: DeadLetter) {
        let bytes = self.letters_bytes + letter.body.len();
        let has_room = bytes <= self.config.queue_bytes_max as usize;
        if self.config.dead_letter_file.is_none() || !has_room {
            return self.counters.dropped(letter.events.into());
        }
        self.letters_bytes = bytes;
        self.letters.push(letter);
    }

    /// Write the letters that wait, off this thread, unless a write is in progress.
    fn write(&mut self) {
        let Some(path) = self.config.dead_letter_file.clone() else { return };
        if self.letters.is_empty() || !self.writing.is_empty() {
            return;
        }
        let letters = std::mem::take(&mut self.letters);
        self.letters_bytes = 0;
        let bytes_max = self.config.dead_letter_bytes_max.into();
        self.writing
            .spawn_blocking(move || (append(&PathBuf::from(path), bytes_max, &letters), letters));
    }

    fn written(&self, ended: Result<(io::Result<usize>, Vec<DeadLetter>), JoinError>) {
        let (outcome, letters) = unwrap_task(ended);
        let written = outcome.unwrap_or_else(|error| {
            tracing::error!("the dead-letter file cannot be written: {error}");
            0
        });
        let events = |letters: &[DeadLetter]| letters.iter().map(|it| u64::from(it.events)).sum();
        self.counters.buried(events(&letters[..written]));
        self.counters.dropped(events(&letters[written..]));
    }

    /// Give up what has not been delivered when the process is about to end.
    fn end_flush_in_time(&mut self) {
        if self.flush.as_ref().is_some_and(|flush| flush.last_moment() <= Instant::now()) {
            self.posts = JoinSet::new(); // Whatever is in flight may have arrived or not.
            self.dispatch.give_up(self.now());
            // Nothing is left, so the end of the flush waits for the file only.
            self.flush.iter_mut().for_each(|flush| flush.deadline += WRITE_TIME_MAX);
        }
    }

    fn end_flush_if_done(&mut self) {
        let is_done = self.dispatch.is_idle() && self.posts.is_empty();
        if is_done
            && self.letters.is_empty()
            && self.writing.is_empty()
            && let Some(flush) = self.flush.take()
        {
            let lost = self.counters.lost();
            if lost > 0 {
                tracing::warn!("{lost} webhook events were lost since the start");
            }
            let _ = flush.done.send(()); // The process may be ending already.
        }
    }
}

impl Flush {
    /// The order to be done by `deadline`. If that is near, half of the time is for delivering.
    pub(crate) fn new(deadline: Instant, done: crossbeam_channel::Sender<()>) -> Self {
        let left = deadline.saturating_duration_since(Instant::now());
        Self { deadline, write_time: WRITE_TIME_MAX.min(left / 2), done }
    }

    /// When requests are ended so that what they carry can still be written.
    fn last_moment(&self) -> Instant {
        self.deadline.checked_sub(self.write_time).unwrap_or(self.deadline)
    }
}

/// The outcome of a task that is never aborted; its panic is the thread's.
fn unwrap_task<T>(ended: Result<T, JoinError>) -> T {
    ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
