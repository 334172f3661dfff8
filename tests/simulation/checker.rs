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
    /// Everything has been heard, and this event has not.
    Missing { client: usize, channel: String, expected: u64 },
    /// Everything has been heard, and this subscription has not begun.
    NeverBegun { client: usize, channel: String },
    /// A publish was answered before this event was queued.
    Answered { client: usize, id: u64 },
    /// The roster that the client has does not allow this.
    Member { client: usize, channel: String, user: String },
}

/// The users that a client believes to be in each presence channel.
pub(crate) type Rosters = BTreeMap<String, BTreeSet<String>>;

/// Check every client's story; gives what each believes of presence channels in the end.
pub(crate) fn check(history: &History) -> Result<Vec<Rosters>, Violation> {
    let clients = history.clients.iter().enumerate();
    clients.map(|(client, story)| Listener::new(history, client, story).check()).collect()
}

/// A subscription that has begun.
struct Session<'h> {
    attempt: usize,
    /// How many of the channel's events have been heard or are not for this client.
    position: usize,
    user: Option<&'h str>,
    members: BTreeSet<String>,
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
        }
    }

    fn check(mut self) -> Result<Rosters, Violation> {
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
        let presence = self.sessions.into_iter().filter(|(_, session)| session.user.is_some());
        Ok(presence.map(|(channel, session)| (channel.to_owned(), session.members)).collect())
    }

    fn hear(&mut self, heard: &'h Heard) -> Result<(), Violation> {
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
        self.sessions.insert(channel, Session { attempt, position, user, members });
        Ok(())
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
        let Some(session) = self.sessions.get_mut(channel) else {
            let (client, channel) = (self.client, channel.to_owned());
            return Err(Violation::NotSubscribed { client, channel });
        };
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
