//! Whether a history keeps the promises.
//!
//! Every client is followed through what it heard. A subscription is live from its
//! `subscription_succeeded` to the pong behind its unsubscribe; while it is live its events are the
//! channel's order from where the owner put the join, without those that are not for this client.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Attempt, Event, Heard, History, Story};

/// How a history breaks a promise; `client` is an index into the stories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// The first thing heard was not the greeting, or it came twice.
    Greeting { client: usize },
    /// Something was heard after the close.
    AfterClose { client: usize, heard: Heard },
    /// `subscription_succeeded` for no subscription, or twice for one.
    Succeeded { client: usize, channel: String },
    /// An event of a channel that is not subscribed to, not yet or not any more.
    NotSubscribed { client: usize, channel: String },
    /// Another event than the next one: a gap, a duplicate, a swap, or one's own.
    Event { client: usize, channel: String, expected: Option<u64>, heard: u64 },
    /// A new subscriber of a cache channel heard something else than the last event from before its
    /// join, or than that there is none.
    Cached { client: usize, channel: String, expected: Option<u64>, heard: Heard },
    /// Everything has been heard, and this event has not.
    Missing { client: usize, channel: String, expected: u64 },
    /// Everything has been heard, and this subscription has not begun.
    NeverBegun { client: usize, channel: String },
    /// A publish was answered before this event was queued.
    Answered { client: usize, id: u64 },
    /// The roster that the client has does not allow this.
    Member { client: usize, channel: String, user: String },
}

/// What a client believes of the channels it is subscribed to.
#[derive(Debug, Default)]
pub(crate) struct Belief {
    /// The users in each presence channel.
    pub(crate) rosters: BTreeMap<String, BTreeSet<String>>,
    /// The number of subscriptions of each other channel, if it has been told one.
    pub(crate) counts: BTreeMap<String, Option<u32>>,
}

/// Check every client's story; gives what each believes in the end.
pub(crate) fn check(history: &History) -> Result<Vec<Belief>, Violation> {
    let clients = history.clients.iter().enumerate();
    clients.map(|(client, story)| Listener::new(history, client, story).check()).collect()
}

/// The channels of the worlds that keep their last event.
pub(crate) const CACHE_CHANNELS: [&str; 3] =
    ["cache-news", "private-cache-room", "presence-cache-hall"];

/// A subscription that has begun.
struct Session<'h> {
    attempt: usize,
    /// How many of the channel's events have been heard or are not for this client.
    position: usize,
    user: Option<&'h str>,
    members: BTreeSet<String>,
    count: Option<u32>,
}

/// One client, followed through its story.
struct Listener<'h> {
    history: &'h History,
    client: usize,
    story: &'h Story,
    sessions: BTreeMap<&'h str, Session<'h>>,
    /// For each channel the first attempt that has neither begun nor been refused.
    untried: BTreeMap<&'h str, usize>,
    pongs: usize,
    events: BTreeSet<u64>,
    /// The cache channel that was the last thing to begin: what it keeps must come next.
    unfilled: Option<&'h str>,
}

impl<'h> Listener<'h> {
    fn new(history: &'h History, client: usize, story: &'h Story) -> Self {
        Self {
            history,
            client,
            story,
            sessions: BTreeMap::new(),
            untried: BTreeMap::new(),
            pongs: 0,
            events: BTreeSet::new(),
            unfilled: None,
        }
    }

    fn check(mut self) -> Result<Belief, Violation> {
        let client = self.client;
        for (index, heard) in self.story.heard.iter().enumerate() {
            // Who is over its limit before it has read anything loses its greeting with the rest.
            let is_thrown_out = index == 0 && *heard == Heard::Close { code: Some(4100) };
            if !is_thrown_out && (index == 0) != (*heard == Heard::Established) {
                return Err(Violation::Greeting { client });
            }
            if index > 0 && matches!(self.story.heard[index - 1], Heard::Close { .. }) {
                return Err(Violation::AfterClose { client, heard: heard.clone() });
            }
            self.hear(heard)?;
        }
        if self.story.is_complete {
            self.check_end()?;
        }
        let mut belief = Belief::default();
        for (channel, session) in self.sessions {
            if session.user.is_some() {
                belief.rosters.insert(channel.to_owned(), session.members);
            } else {
                belief.counts.insert(channel.to_owned(), session.count);
            }
        }
        Ok(belief)
    }

    fn hear(&mut self, heard: &'h Heard) -> Result<(), Violation> {
        if let Some(channel) = self.unfilled.take() {
            return self.on_kept(channel, heard);
        }
        match heard {
            // What is heard of watched users is checked in `watching`.
            Heard::Established
            | Heard::Ping
            | Heard::Error
            | Heard::SignedIn
            | Heard::Watchlist { .. }
            | Heard::Close { .. } => Ok(()),
            Heard::Succeeded { channel, members } => self.on_succeeded(channel, members.as_ref()),
            Heard::Refused { channel } => self.on_refused(channel),
            Heard::Event { channel, id } => self.on_event(channel, *id),
            Heard::Missed { channel } => Err(self.not_subscribed(channel)),
            Heard::Counted { channel, count } => self.on_counted(channel, *count),
            Heard::Added { channel, user } => self.on_member(channel, user, true),
            Heard::Removed { channel, user } => self.on_member(channel, user, false),
            Heard::Pong => self.on_pong(),
        }
    }

    fn on_succeeded(
        &mut self,
        channel: &'h str,
        members: Option<&BTreeSet<String>>,
    ) -> Result<(), Violation> {
        let refused = Violation::Succeeded { client: self.client, channel: channel.to_owned() };
        let Some((attempt, asked)) = self.next_attempt(channel) else { return Err(refused) };
        let Some(position) = asked.joined_at else { return Err(refused) };
        if self.sessions.contains_key(channel) || asked.user.is_some() != members.is_some() {
            return Err(refused);
        }
        let members = members.cloned().unwrap_or_default();
        let user = asked.user.as_deref();
        if let Some(user) = user.filter(|&user| !members.contains(user)) {
            return Err(self.member(channel, user));
        }
        self.untried.insert(channel, attempt + 1);
        let session = Session { attempt, position, user, members, count: None };
        self.sessions.insert(channel, session);
        self.unfilled = CACHE_CHANNELS.contains(&channel).then_some(channel);
        Ok(())
    }

    /// What follows the begin of a subscription to the cache channel `channel`.
    fn on_kept(&mut self, channel: &'h str, heard: &Heard) -> Result<(), Violation> {
        let kept = self.kept(channel);
        let is_right = match heard {
            Heard::Event { channel: found, id } => found == channel && kept == Some(*id),
            Heard::Missed { channel: found } => {
                found == channel && (kept.is_none() || self.history.is_cache_small)
            }
            Heard::Close { .. } => true, // It reads too slowly to be told any more.
            _ => false,
        };
        if let Heard::Event { id, .. } = heard {
            self.events.insert(*id);
        }
        let (client, channel, heard) = (self.client, channel.to_owned(), heard.clone());
        let refused = Violation::Cached { client, channel, expected: kept, heard };
        if is_right { Ok(()) } else { Err(refused) }
    }

    /// The event that `channel` kept when the owner took the join of the subscription that has
    /// just begun.
    fn kept(&self, channel: &str) -> Option<u64> {
        let session = &self.sessions[channel];
        let joined_ms = self.story.attempts[channel][session.attempt].joined_ms;
        let before = &self.order(channel)[..session.position];
        let last = before.iter().rfind(|event| event.is_kept)?;
        (last.taken_ms + self.history.cache_ttl_ms > joined_ms).then_some(last.id)
    }

    fn on_counted(&mut self, channel: &str, count: u32) -> Result<(), Violation> {
        match self.sessions.get_mut(channel) {
            Some(session) if session.user.is_none() => {
                session.count = Some(count);
                Ok(())
            }
            Some(_) | None => Err(self.not_subscribed(channel)),
        }
    }

    fn on_refused(&mut self, channel: &'h str) -> Result<(), Violation> {
        match self.next_attempt(channel) {
            Some((attempt, _)) if !self.sessions.contains_key(channel) => {
                self.untried.insert(channel, attempt + 1);
                Ok(())
            }
            Some(_) | None => {
                Err(Violation::Succeeded { client: self.client, channel: channel.to_owned() })
            }
        }
    }

    fn on_event(&mut self, channel: &'h str, id: u64) -> Result<(), Violation> {
        let client = self.client;
        let order = self.order(channel);
        let Some(session) = self.sessions.get_mut(channel) else {
            return Err(Violation::NotSubscribed { client, channel: channel.to_owned() });
        };
        let next = next_for(order, session.position, client);
        if next.map(|(_, event)| event.id) != Some(id) {
            let expected = next.map(|(_, event)| event.id);
            return Err(Violation::Event {
                client,
                channel: channel.to_owned(),
                expected,
                heard: id,
            });
        }
        session.position = next.map_or(0, |(position, _)| position + 1);
        self.events.insert(id);
        Ok(())
    }

    fn on_member(&mut self, channel: &'h str, user: &str, is_added: bool) -> Result<(), Violation> {
        let refused = self.member(channel, user);
        let not_subscribed = self.not_subscribed(channel);
        let Some(session) = self.sessions.get_mut(channel) else { return Err(not_subscribed) };
        let is_news = if is_added {
            session.members.insert(user.to_owned())
        } else {
            session.members.remove(user)
        };
        // Who is in the channel hears of the others only.
        if is_news && session.user != Some(user) { Ok(()) } else { Err(refused) }
    }

    fn on_pong(&mut self) -> Result<(), Violation> {
        self.pongs += 1;
        let (pongs, story) = (self.pongs, self.story);
        self.sessions
            .retain(|&channel, session| !is_over(&story.attempts[channel][session.attempt], pongs));
        let broken = story
            .promises
            .iter()
            .find(|promise| promise.pong == pongs && !self.events.contains(&promise.id));
        match broken {
            Some(promise) => Err(Violation::Answered { client: self.client, id: promise.id }),
            None => Ok(()),
        }
    }

    fn check_end(&self) -> Result<(), Violation> {
        let client = self.client;
        if let Some(channel) = self.unfilled {
            return Err(Violation::NeverBegun { client, channel: channel.to_owned() });
        }
        for channel in self.story.attempts.keys() {
            let (begun, channel) = (self.sessions.get(channel.as_str()), channel.clone());
            let Some(session) = begun else {
                match self.next_attempt(&channel) {
                    Some(_) => return Err(Violation::NeverBegun { client, channel }),
                    None => continue,
                }
            };
            let next = next_for(self.order(&channel), session.position, client);
            if let Some((_, event)) = next {
                return Err(Violation::Missing { client, channel, expected: event.id });
            }
        }
        Ok(())
    }

    /// The attempt whose answer may come next.
    fn next_attempt(&self, channel: &str) -> Option<(usize, &'h Attempt)> {
        let untried = self.untried.get(channel).copied().unwrap_or(0);
        let attempts = self.story.attempts.get(channel)?.iter().enumerate().skip(untried);
        attempts.into_iter().find(|(_, attempt)| !is_over(attempt, self.pongs))
    }

    fn order(&self, channel: &str) -> &'h [Event] {
        self.history.channels.get(channel).map_or(&[], Vec::as_slice)
    }

    fn not_subscribed(&self, channel: &str) -> Violation {
        Violation::NotSubscribed { client: self.client, channel: channel.to_owned() }
    }

    fn member(&self, channel: &str, user: &str) -> Violation {
        let (channel, user) = (channel.to_owned(), user.to_owned());
        Violation::Member { client: self.client, channel, user }
    }
}

/// The first event from `position` on that is for `client`, and where it stands.
fn next_for(order: &[Event], position: usize, client: usize) -> Option<(usize, Event)> {
    let rest = order.iter().copied().enumerate().skip(position);
    rest.into_iter().find(|(_, event)| event.skip != Some(client))
}

fn is_over(attempt: &Attempt, pongs: usize) -> bool {
    attempt.over_at_pong.is_some_and(|over| over <= pongs)
}
