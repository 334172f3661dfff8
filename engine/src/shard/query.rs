//! Questions that more than one core must answer.
//!
//! The asker's core opens a request, sends the question out and gathers the parts; when the last
//! one is here the answer is an output. A publish is such a question, too: it is answered when
//! every core has queued it to its subscribers, in whatever order the cores report.

use super::counters::Counters;
use super::ledger::Decision;
use super::log::{AppendError, Appended, Lags, LogAnswer, Untold};
use super::message::{ChannelInfo, ChannelName, CoreMessage, Counted, Partial, Query, Ticket};
use super::owner::Owned;
use super::quota::Entering;
use super::table::Entry;
use super::{Output, Shard};
use crate::id::CoreId;

/// The whole answer to a question.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Every event is queued to every subscriber it had when its owner took it; who was there, in
    /// no order, where that was asked.
    Published(Vec<Counted>),
    /// What an app asked to do may be done or not.
    Decided(Box<Decision>),
    /// The occupied channels, in no order.
    Channels(Vec<ChannelInfo>),
    /// The users of a presence channel, in no order.
    Users(Vec<Box<str>>),
    /// How many connections of a user are being closed.
    Terminated(u32),
    /// Each core's numbers, in the order of the cores.
    Counters(Vec<(CoreId, Box<Counters>)>),
    /// The channels whose subscribers are furthest behind.
    Lags(Lags),
    /// How many websockets an app has.
    Connections(u32),
    /// How many connections are subscribed to any of the channels asked about.
    Reached(u32),
    /// Whether a connection has entered its app; it has not where the app is full.
    Entered(bool),
    /// What became of each event, in the order of the question.
    Appended(Vec<Result<Appended, AppendError>>),
    /// About a channel's log.
    Log(LogAnswer),
}

/// What became of one event of a log.
type AppendOutcome = Result<Appended, AppendError>;

/// A question that has not been answered in full.
#[derive(Debug)]
pub(super) struct Request {
    serial: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    /// `unrouted` owners have yet to say how many cores they told; `unqueued` is what is known to
    /// be missing. A core may report before the owner does, so it can fall below 0.
    Publish { unrouted: u32, unqueued: i64, counted: Vec<Counted> },
    /// Events of logs. `unrouted` owners have yet to say how many cores they told; `unqueued` is
    /// what is known to be missing, or below 0. Each of the `outcomes` is here once its owner has
    /// answered.
    Append { unrouted: u32, unqueued: i64, outcomes: Vec<Option<AppendOutcome>> },
    /// One core has yet to decide.
    Application,
    /// `missing` parts have yet to come.
    Query { missing: usize, answer: Answer },
    /// The owner of an app has yet to say whether there is room.
    Enter(Entering),
    /// The owner of a log has yet to say what came of acknowledgements; clients are told.
    Acks(Vec<Untold>),
}

impl Shard {
    /// Ask; the answer comes as an [`Output::Answer`] with the ticket returned.
    pub fn query(&mut self, query: &Query) -> Ticket {
        let cores = self.config.cores;
        let (targets, answer) = match query {
            Query::Channels { .. } => (0..cores, Answer::Channels(Vec::new())),
            Query::Channel(name) => (only(name.owner(cores)), Answer::Channels(Vec::new())),
            Query::Users(name) => (only(name.owner(cores)), Answer::Users(Vec::new())),
            Query::Terminate { .. } => (0..cores, Answer::Terminated(0)),
            Query::Counters => (0..cores, Answer::Counters(Vec::new())),
            Query::Lags(_) => (0..cores, Answer::Lags(Lags::default())),
            Query::Connections(app) => (only(self.app_owner(*app)), Answer::Connections(0)),
            Query::Reach { .. } => (0..cores, Answer::Reached(0)),
        };
        let ticket = self.open_request(State::Query { missing: targets.len(), answer });
        for core in targets {
            let query = query.clone();
            self.tell(CoreId(core as u8), CoreMessage::Query { ticket, query });
        }
        ticket
    }

    /// Open the request of a publish of `events` events.
    pub(super) fn open_publish(&mut self, events: u32) -> Ticket {
        assert!(events > 0, "a publish has at least one event");
        let counted = Vec::new(); // Allocates nothing for those who do not ask.
        self.open_request(State::Publish { unrouted: events, unqueued: 0, counted })
    }

    /// Open the request of an append of `events` events.
    pub(super) fn open_append(&mut self, events: usize) -> Ticket {
        assert!(events > 0, "an append has at least one event");
        let outcomes = vec![None; events];
        self.open_request(State::Append { unrouted: events as u32, unqueued: 0, outcomes })
    }

    /// An owner says what became of one event.
    pub(super) fn on_appended(
        &mut self,
        ticket: Ticket,
        place: u32,
        cores: u32,
        outcome: AppendOutcome,
    ) {
        if let State::Append { outcomes, .. } = &mut self.request(ticket).state {
            outcomes[place as usize] = Some(outcome);
        }
        self.progress_publish(ticket, 1, i64::from(cores));
    }

    /// The owner of a channel has answered a question about its log.
    pub(super) fn on_log_answer(&mut self, ticket: Ticket, answer: LogAnswer) {
        match (self.requests.remove(ticket.index as usize).state, answer) {
            (State::Acks(untold), LogAnswer::Acked(outcome)) => {
                let of_all = |error| untold.iter().map(|it| it.refused(error)).collect();
                let refused: Vec<_> = outcome.err().map(of_all).unwrap_or_default();
                self.on_acked(untold, &refused);
            }
            (State::Acks(untold), LogAnswer::TurnAcked(refused)) => {
                self.on_acked(untold, &refused);
            }
            (_, answer) => self.outputs.push_back(Output::Answer(ticket, Answer::Log(answer))),
        }
    }

    /// Open the request of acknowledgements, of which clients are told what came.
    pub(super) fn open_acks(&mut self, untold: Vec<Untold>) -> Ticket {
        self.open_request(State::Acks(untold))
    }

    /// Open the request of a connection that waits to be let in.
    pub(super) fn open_entry(&mut self, entering: Entering) -> Ticket {
        self.open_request(State::Enter(entering))
    }

    /// Close it: the owner has answered.
    pub(super) fn close_entry(&mut self, ticket: Ticket) -> Entering {
        let State::Enter(entering) = self.request(ticket).state else {
            unreachable!("only an entry is answered by an app's owner");
        };
        self.requests.remove(ticket.index as usize);
        entering
    }

    /// Open the request of something that one core decides.
    pub(super) fn open_application(&mut self) -> Ticket {
        self.open_request(State::Application)
    }

    pub(super) fn on_routed(&mut self, ticket: Ticket, cores: u32, count: Option<Counted>) {
        if let State::Publish { counted, .. } = &mut self.request(ticket).state {
            counted.extend(count);
        }
        self.progress_publish(ticket, 1, i64::from(cores));
    }

    pub(super) fn on_decided(&mut self, ticket: Ticket, decision: Box<Decision>) {
        self.requests.remove(ticket.index as usize);
        self.outputs.push_back(Output::Answer(ticket, Answer::Decided(decision)));
    }

    pub(super) fn on_queued(&mut self, ticket: Ticket) {
        self.progress_publish(ticket, 0, -1);
    }

    /// This core's part of an answer.
    pub(super) fn on_query(&mut self, ticket: Ticket, query: &Query) {
        let partial = match query {
            Query::Channels { app, prefix } => {
                // A user's own channel says who is online: it is no channel of the app.
                let is_asked = |entry: &&Entry<Owned>| {
                    let name = entry.name.as_str();
                    let is_user = entry.name.nature().is_of_user;
                    entry.name.app() == *app && name.starts_with(&**prefix) && !is_user
                };
                Partial::Channels(self.owned.iter().filter(is_asked).map(info).collect())
            }
            Query::Channel(name) => {
                Partial::Channels(self.channel_info(name).into_iter().collect())
            }
            Query::Users(name) => {
                let found = self.owned.find_name(name).map(|index| users(self.owned.at(index)));
                Partial::Users(found.unwrap_or_default())
            }
            Query::Terminate { app, user_id } => Partial::Terminated(self.terminate(*app, user_id)),
            Query::Counters => Partial::Counters(self.config.core, Box::new(self.counters())),
            Query::Lags(max) => Partial::Lags(self.lags(*max as usize), *max),
            Query::Connections(app) => Partial::Connections(self.app_connections(*app)),
            Query::Reach { channels, skip } => Partial::Reached(self.reach(channels, *skip)),
        };
        self.tell(ticket.core, CoreMessage::Answer { ticket, partial });
    }

    fn channel_info(&mut self, name: &ChannelName) -> Option<ChannelInfo> {
        let found = self.owned.find_name(name).map(|index| info(self.owned.at(index)));
        let cache = self.cached_info(name);
        if found.is_none() && cache.is_none() {
            return None;
        }
        let vacant = || ChannelInfo {
            name: name.shared(),
            subscription_count: 0,
            user_count: None,
            cache: None,
        };
        Some(ChannelInfo { cache, ..found.unwrap_or_else(vacant) })
    }

    /// Who is in `channel`, for the publish of an event that has this place in it.
    pub(super) fn occupancy(&mut self, channel: &ChannelName, place: u32) -> Counted {
        let Some(index) = self.owned.find_name(channel) else {
            let user_count = channel.nature().has_members.then_some(0);
            return Counted { place, subscription_count: 0, user_count };
        };
        let owned = &self.owned.at(index).value;
        Counted {
            place,
            subscription_count: owned.subscriptions(),
            user_count: owned.roster.as_ref().map(|roster| roster.len()),
        }
    }

    pub(super) fn on_answer(&mut self, ticket: Ticket, partial: Partial) {
        let request = self.request(ticket);
        let State::Query { missing, answer } = &mut request.state else {
            unreachable!("a publish is not answered in parts");
        };
        match (answer, partial) {
            (Answer::Channels(all), Partial::Channels(part)) => all.extend(part),
            (Answer::Users(all), Partial::Users(part)) => all.extend(part),
            (Answer::Counters(all), Partial::Counters(core, part)) => all.push((core, part)),
            (Answer::Lags(all), Partial::Lags(part, max)) => all.merge(part, max as usize),
            (Answer::Terminated(all), Partial::Terminated(part))
            | (Answer::Reached(all), Partial::Reached(part)) => *all += part,
            (Answer::Connections(all), Partial::Connections(part)) => *all = part,
            (
                Answer::Published(_)
                | Answer::Decided(_)
                | Answer::Channels(_)
                | Answer::Users(_)
                | Answer::Terminated(_)
                | Answer::Counters(_)
                | Answer::Lags(_)
                | Answer::Connections(_)
                | Answer::Reached(_)
                | Answer::Entered(_)
                | Answer::Appended(_)
                | Answer::Log(_),
                _,
            ) => {
                unreachable!("a part answers the question that was asked")
            }
        }
        *missing -= 1;
        if *missing == 0 {
            self.finish(ticket);
        }
    }

    /// The counters with what is a level and not a count.
    fn counters(&self) -> Counters {
        let mut counters = self.counters.clone();
        let outgoing = self.outgoing.iter().map(|to| to.messages.len() as u64);
        counters.mailbox_depth += outgoing.sum::<u64>();
        counters.retained_bytes = self.retained.bytes() as u64;
        counters.cached_events = self.cache.len() as u64;
        counters.cached_bytes = self.cache.bytes() as u64;
        counters.sockets = self.connections.len() as u64;
        counters.log = self.log_levels();
        (counters.sinks.in_flight, counters.sinks.pausing) = self.sink_levels();
        counters
    }

    fn progress_publish(&mut self, ticket: Ticket, routed: u32, queued: i64) {
        let (State::Publish { unrouted, unqueued, .. } | State::Append { unrouted, unqueued, .. }) =
            &mut self.request(ticket).state
        else {
            unreachable!("only a publish is routed and queued");
        };
        *unrouted -= routed;
        *unqueued += queued;
        if *unrouted == 0 && *unqueued == 0 {
            self.finish(ticket);
        }
    }

    fn open_request(&mut self, state: State) -> Ticket {
        let serial = self.next_serial();
        let index = self.requests.insert(Request { serial, state }) as u32;
        Ticket { core: self.config.core, index, serial }
    }

    fn request(&mut self, ticket: Ticket) -> &mut Request {
        let request = &mut self.requests[ticket.index as usize];
        assert_eq!(request.serial, ticket.serial, "a request is open until its last part");
        request
    }

    fn finish(&mut self, ticket: Ticket) {
        let request = self.requests.remove(ticket.index as usize);
        match request.state {
            // What was gathered on this core is in no outbox before the turn's end.
            State::Publish { counted, .. } => self.published.push((ticket, counted)),
            State::Append { outcomes, .. } => {
                let outcomes = outcomes.into_iter().map(|it| it.expect("all answers have come"));
                self.appended.push((ticket, outcomes.collect()));
            }
            State::Application => unreachable!("a decision is the whole answer"),
            State::Query { answer, .. } => {
                self.outputs.push_back(Output::Answer(ticket, in_order(answer)));
            }
            State::Enter(_) => unreachable!("an entry is closed by its own answer"),
            State::Acks(_) => unreachable!("acknowledgements have an answer of their own"),
        }
    }
}

fn only(core: CoreId) -> std::ops::Range<usize> {
    let core = usize::from(core.0);
    core..core + 1
}

/// The cores answer in any order; a reader of the numbers expects theirs.
fn in_order(mut answer: Answer) -> Answer {
    if let Answer::Counters(all) = &mut answer {
        all.sort_unstable_by_key(|(core, _)| *core);
    }
    answer
}

fn info(entry: &Entry<Owned>) -> ChannelInfo {
    ChannelInfo {
        name: entry.name.shared(),
        subscription_count: entry.value.subscriptions(),
        user_count: entry.value.roster.as_ref().map(|roster| roster.len()),
        cache: None,
    }
}

fn users(entry: &Entry<Owned>) -> Vec<Box<str>> {
    let roster = entry.value.roster.as_ref();
    roster.map(|roster| roster.members().map(|(id, _)| id.into()).collect()).unwrap_or_default()
}
