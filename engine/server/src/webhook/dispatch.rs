//! From what happened to what is posted: filters, order, time and limits of every endpoint.
//!
//! Give it one input, then take outputs until there is none. It reads no clock: [`next_due`] says
//! when it wants to be told the time. There may be thousands of endpoints: what is done at once is
//! in proportion to those that are due.
//!
//! Invariant: each endpoint that waits for a time stands in `due` with that; one that no app has
//! any more is gone when nothing waits there.
//!
//! [`next_due`]: Dispatch::next_due

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use slab::Slab;
use uringcast_proto::pusher::webhook::{Detail, Event, Relayed};

use super::batch::Batch;
use super::debounce::Debounce;
use super::endpoint::{Depth, Endpoint};
use super::post::{DeadLetter, Post};
use super::throttle::Throttle;
use super::{AppNotice, Now};
use crate::app::App;
use crate::config::WebhookConfig;
use crate::id::AppIndex;
use crate::shard::{Fact, Millis};

/// What is to be done.
#[derive(Debug)]
pub(super) enum Output {
    /// Post this, and say what came of it by [`Dispatch::delivered`] or [`Dispatch::failed`].
    Post {
        /// The index of the endpoint that it goes to.
        endpoint: usize,
        /// The request to post.
        post: Post,
        /// Whether it, or one before it, has failed since the last success.
        is_retry: bool,
    },
    /// Keep this for later: it has been given up.
    Bury(DeadLetter),
}

/// Every endpoint of every app.
#[derive(Debug)]
pub(super) struct Dispatch {
    limits: WebhookConfig,
    debounce: Debounce,
    throttle: Throttle,
    endpoints: Slab<Endpoint>,
    /// When they are to be attended to.
    due: BTreeSet<(Millis, usize)>,
    /// What waits for all of them.
    depth: Rc<Cell<Depth>>,
    apps: HashMap<AppIndex, Known>,
    outputs: VecDeque<Output>,
    is_hurried: bool,
}

/// An app, and the endpoint of each of its webhooks.
#[derive(Debug)]
struct Known {
    app: Arc<App>,
    endpoints: Rc<[usize]>,
}

impl Dispatch {
    pub(super) fn new(limits: WebhookConfig) -> Self {
        let held_max = limits.debounce_events_max as usize;
        Self {
            debounce: Debounce::new(limits.debounce_ms.into(), held_max),
            throttle: Throttle::default(),
            endpoints: Slab::new(),
            due: BTreeSet::new(),
            depth: Rc::default(),
            apps: HashMap::new(),
            outputs: VecDeque::new(),
            is_hurried: false,
            limits,
        }
    }

    /// Take in something that has happened: it may be held back for a while.
    pub(super) fn take(&mut self, now: Now, told: AppNotice) {
        let Some(told) = self.debounce.take(now.at, told) else { return };
        let told = if self.is_hurried { Some(told) } else { self.throttle.take(now.at, told) };
        if let Some(told) = told {
            self.tell(now, &told);
        }
    }

    /// It is `now`: do what is due.
    pub(super) fn advance(&mut self, now: Now) {
        while let Some(told) = self.debounce.release(now.at) {
            self.tell(now, &told);
        }
        while let Some(told) = self.throttle.release(now.at) {
            self.tell(now, &told);
        }
        while let Some(&(due, endpoint)) = self.due.first()
            && due <= now.at
        {
            self.attend(now, endpoint);
        }
    }

    /// The URL of `endpoint`, and whether it is failing.
    pub(super) fn describe(&self, endpoint: usize) -> (&str, bool) {
        let endpoint = &self.endpoints[endpoint];
        (&endpoint.webhook.url, endpoint.is_failing())
    }

    /// What was posted to `endpoint` has arrived; how many events that was.
    pub(super) fn delivered(&mut self, endpoint: usize) -> u32 {
        let events = self.endpoints[endpoint].delivered();
        self.reschedule(endpoint);
        events
    }

    /// What was posted to `endpoint` may not have arrived.
    pub(super) fn failed(&mut self, now: Now, index: usize, reason: &str) {
        let endpoint = &mut self.endpoints[index];
        for batch in endpoint.failed(&self.limits, now.at) {
            self.outputs.push_back(bury(endpoint, &batch, now, reason));
        }
        self.reschedule(index);
    }

    /// The process ends soon: tell everything at once and wait for nothing more.
    pub(super) fn hurry(&mut self, now: Now) {
        self.is_hurried = true;
        self.limits.batch_ms = 0;
        self.debounce.hurry();
        for told in self.throttle.release_all() {
            self.tell(now, &told);
        }
        self.endpoints.iter_mut().for_each(|(_, endpoint)| endpoint.hurry(now.at));
        self.reschedule_all();
    }

    /// The process ends now: give up all that waits.
    pub(super) fn give_up(&mut self, now: Now) {
        self.advance(now);
        self.outputs.retain(|output| matches!(output, Output::Bury(_)));
        for (_, endpoint) in &mut self.endpoints {
            for batch in endpoint.give_up() {
                self.outputs.push_back(bury(endpoint, &batch, now, PROCESS_ENDED));
            }
        }
        self.reschedule_all();
    }

    /// The next thing to do, or `None` when it waits for input.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`advance`](Self::advance) next, if nothing else happens.
    pub(super) fn next_due(&self) -> Option<Millis> {
        let due = self.due.first().map(|(due, _)| *due);
        due.into_iter().chain(self.debounce.next_due()).chain(self.throttle.next_due()).min()
    }

    /// Whether everything that was told has been delivered or given up.
    pub(super) fn is_idle(&self) -> bool {
        self.outputs.is_empty()
            && self.debounce.next_due().is_none()
            && self.due.is_empty()
            && self.depth.get() == Depth::default()
    }

    /// What waits for all endpoints.
    pub(super) fn depth(&self) -> Depth {
        self.depth.get()
    }

    /// Do what is due at one endpoint.
    fn attend(&mut self, now: Now, index: usize) {
        let endpoint = &mut self.endpoints[index];
        if let Some(batch) = endpoint.seal(&self.limits, now) {
            self.outputs.push_back(bury(endpoint, &batch, now, QUEUE_FULL));
        }
        if let Some((body, is_retry)) = endpoint.start(now.at) {
            let post = Post::new(&endpoint.app, &endpoint.webhook, body);
            self.outputs.push_back(Output::Post { endpoint: index, post, is_retry });
        }
        self.reschedule(index);
    }

    /// What an endpoint waits for may have changed, or what waits there.
    fn reschedule(&mut self, index: usize) {
        let endpoint = &mut self.endpoints[index];
        let due = endpoint.next_due(&self.limits);
        let before = std::mem::replace(&mut endpoint.scheduled, due);
        if before != due {
            if let Some(before) = before {
                self.due.remove(&(before, index));
            }
            self.due.extend(due.map(|due| (due, index)));
        }
        if !endpoint.is_current && endpoint.is_idle(&self.limits) {
            self.endpoints.remove(index);
        }
    }

    fn reschedule_all(&mut self) {
        let indices: Vec<usize> = self.endpoints.iter().map(|(index, _)| index).collect();
        for index in indices {
            self.reschedule(index);
        }
    }

    /// How many endpoints there are, after a look at what must hold for each.
    #[cfg(test)]
    pub(super) fn check(&self) -> usize {
        let (mut due, mut depth) = (BTreeSet::new(), Depth::default());
        for (index, endpoint) in &self.endpoints {
            due.extend(endpoint.next_due(&self.limits).map(|due| (due, index)));
            depth.batches += endpoint.depth().batches;
            depth.bytes += endpoint.depth().bytes;
            assert!(endpoint.is_current || !endpoint.is_idle(&self.limits));
        }
        assert_eq!((&due, depth), (&self.due, self.depth.get()));
        self.endpoints.len()
    }

    /// Put an event into the batch of every endpoint that wants it.
    fn tell(&mut self, now: Now, told: &AppNotice) {
        self.know(told);
        let Some(event_json) = event_json(told) else { return };
        let (event, channel) = (told.notice.fact.event(), &told.notice.channel);
        let endpoints = Rc::clone(&self.apps[&told.notice.app].endpoints);
        for (index, webhook) in endpoints.iter().zip(&told.app.webhooks) {
            if webhook.wants(event, channel) {
                let endpoint = &mut self.endpoints[*index];
                if let Some(batch) = endpoint.push(&self.limits, now, &event_json) {
                    self.outputs.push_back(bury(endpoint, &batch, now, QUEUE_FULL));
                }
                self.reschedule(*index);
            }
        }
    }

    /// See to it that the app of `told` has the endpoints that its configuration says.
    fn know(&mut self, told: &AppNotice) {
        let known = self.apps.remove(&told.notice.app);
        let known = match known {
            Some(known) if Arc::ptr_eq(&known.app, &told.app) => known,
            Some(Known { endpoints, .. }) => self.reconfigure(&told.app, &endpoints),
            None => self.reconfigure(&told.app, &[]),
        };
        self.apps.insert(told.notice.app, known);
    }

    /// Keep those of `old` that `app` still has, and add those that are new.
    fn reconfigure(&mut self, app: &Arc<App>, old: &[usize]) -> Known {
        for &index in old {
            self.endpoints[index].is_current = false;
            self.endpoints[index].app = Arc::clone(app);
        }
        let mut endpoints = Vec::with_capacity(app.webhooks.len());
        for webhook in &app.webhooks {
            let is_it = |index: &&usize| {
                let endpoint = &self.endpoints[**index];
                !endpoint.is_current && endpoint.webhook == *webhook
            };
            let index = old.iter().find(is_it).copied().unwrap_or_else(|| {
                let depth = Rc::clone(&self.depth);
                let endpoint = Endpoint::new(Arc::clone(app), webhook.clone(), depth);
                self.endpoints.insert(endpoint)
            });
            self.endpoints[index].is_current = true;
            endpoints.push(index);
        }
        for &index in old {
            if !self.endpoints[index].is_current {
                self.reschedule(index);
            }
        }
        Known { app: Arc::clone(app), endpoints: endpoints.into() }
    }
}

const QUEUE_FULL: &str = "too much waits for this endpoint";
const PROCESS_ENDED: &str = "the server was stopped";

fn bury(endpoint: &Endpoint, batch: &Batch, now: Now, reason: &str) -> Output {
    Output::Bury(DeadLetter {
        app_id: endpoint.app.id.clone(),
        url: endpoint.webhook.url.clone(),
        given_up_ms: now.unix_ms,
        reason: reason.to_owned(),
        events: batch.events,
        body: text(&batch.body).to_owned(),
    })
}

fn event_json(told: &AppNotice) -> Option<String> {
    let notice = &told.notice;
    let socket;
    let detail = match &notice.fact {
        Fact::ChannelOccupied | Fact::ChannelVacated | Fact::CacheMiss => Detail::None,
        Fact::MemberAdded { user_id } | Fact::MemberRemoved { user_id } => Detail::User(user_id),
        Fact::ClientEvent { frame, socket_id } => {
            socket = socket_id.to_string();
            Detail::ClientEvent { relayed: Relayed::parse(frame)?, socket_id: &socket }
        }
        Fact::SubscriptionCount { subscriptions } => Detail::Subscriptions(*subscriptions),
        Fact::ConnectionCount { connections } => {
            let threshold = told.app.connection_count_threshold;
            Detail::Connections { connections: *connections, threshold }
        }
    };
    let channel = Some(&*notice.channel).filter(|channel| !channel.is_empty());
    let mut json = String::new();
    Event { name: notice.fact.event().name(), channel, detail }.write(&mut json);
    Some(json)
}

fn text(body: &Bytes) -> &str {
    std::str::from_utf8(body).expect("a body is made of text")
}
