//! What was asked for and is not answered yet.
//!
//! The asker's core opens a request, sends out what it is about and gathers what comes back; when
//! all is here the answer is an output. A publish is one, too: it is answered when every core has
//! queued it to its subscribers, in whatever order the cores report. What is merely asked is a
//! [`Question`](super::Question), which gathers its own parts.

use crate::Output;
use crate::local::Local;
use crate::logged::{AppendError, Appended, LogAnswer, Untold};
use crate::message::{ChannelName, CoreMessage, Counted, Ticket, ToLocal};
use crate::owner::Owner;
use crate::question::{Answer, Gather};
use crate::quota::Entering;
use crate::route::Route;

/// What became of one event of a log.
type AppendOutcome = Result<Appended, AppendError>;

/// A question that has not been answered in full.
#[derive(Debug)]
pub(super) struct Request {
    serial: u32,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    /// `unrouted` owners have yet to say how many cores they told; `unqueued` is what is known to
    /// be missing. A core may report before the owner does, so it can fall below 0.
    Publish { unrouted: u32, unqueued: i64, counted: Vec<Counted> },
    /// Events of logs. `unrouted` owners have yet to say how many cores they told; `unqueued` is
    /// what is known to be missing, or below 0. Each of the `outcomes` is here once its owner has
    /// answered.
    Append { unrouted: u32, unqueued: i64, outcomes: Vec<Option<AppendOutcome>> },
    /// Parts of the answer have yet to come.
    Question(Box<dyn Gather>),
    /// The owner of a log has yet to say what came of an acknowledgement or a snapshot.
    Log,
    /// The owner of an app has yet to say whether there is room.
    Enter(Entering),
    /// The owner of a log has yet to say what came of acknowledgements; clients are told.
    Acks(Vec<Untold>),
}

impl Local {
    /// The owner of a log says what came of an acknowledgement or a snapshot.
    pub(super) fn on_log_answer(&mut self, route: &mut Route, ticket: Ticket, answer: LogAnswer) {
        match (route.close_request(ticket), answer) {
            (State::Acks(untold), LogAnswer::Acked(outcome)) => {
                let of_all = |error| untold.iter().map(|it| it.refused(error)).collect();
                let refused: Vec<_> = outcome.err().map(of_all).unwrap_or_default();
                self.on_acked(route, untold, &refused);
            }
            (State::Acks(untold), LogAnswer::TurnAcked(refused)) => {
                self.on_acked(route, untold, &refused);
            }
            (State::Log, LogAnswer::Acked(outcome)) => route.answer(ticket, Answer::new(outcome)),
            (State::Log, LogAnswer::SnapshotSet(outcome)) => {
                route.answer(ticket, Answer::new(outcome));
            }
            (state, answer) => unreachable!("{state:?} is not answered by {answer:?}"),
        }
    }
}

impl Owner {
    /// Who is in `channel`, for the publish of an event that has this place in it.
    pub(super) fn occupancy(&mut self, channel: &ChannelName, place: u32) -> Counted {
        let Some(index) = self.channels.find_name(channel) else {
            let user_count = channel.nature().has_members.then_some(0);
            return Counted { place, subscription_count: 0, user_count };
        };
        let owned = &self.channels.at(index).value;
        Counted {
            place,
            subscription_count: owned.subscriptions(),
            user_count: owned.roster.as_ref().map(|roster| roster.len()),
        }
    }
}

impl Route {
    /// Tell who waits for it that an event has been queued on this core.
    pub(super) fn tell_queued(&mut self, ticket: Ticket) {
        if self.is_here(ticket.core) {
            self.on_queued(ticket);
        } else {
            // It leaves this core after the turn's end, when the event is in every outbox.
            self.send(ticket.core, CoreMessage::ToLocal(ToLocal::Queued { ticket }));
        }
    }

    /// The turn is over: all that it has published is in the outboxes of this core.
    pub(super) fn answer_publishes(&mut self) {
        let answers = self.published.drain(..);
        let answer = |(ticket, counted)| Output::Answer(ticket, Answer::published(counted));
        self.outputs.extend(answers.map(answer));
        let answers = self.appended.drain(..);
        let answer = |(ticket, outcomes)| Output::Answer(ticket, Answer::appended(outcomes));
        self.outputs.extend(answers.map(answer));
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
        let State::Enter(entering) = self.close_request(ticket) else {
            unreachable!("only an entry is answered by an app's owner");
        };
        entering
    }

    /// Open the request of something that the owner of a log is to keep.
    pub(super) fn open_keeping(&mut self) -> Ticket {
        self.open_request(State::Log)
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.outputs.push_back(Output::Answer(ticket, answer));
    }

    pub(super) fn on_routed(&mut self, ticket: Ticket, cores: u32, count: Option<Counted>) {
        if let State::Publish { counted, .. } = &mut self.request(ticket).state {
            counted.extend(count);
        }
        self.progress_publish(ticket, 1, i64::from(cores));
    }

    pub(super) fn on_queued(&mut self, ticket: Ticket) {
        self.progress_publish(ticket, 0, -1);
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

    pub(super) fn open_request(&mut self, state: State) -> Ticket {
        let serial = self.next_serial();
        let index = self.requests.insert(Request { serial, state }) as u32;
        Ticket { core: self.config.core, index, serial }
    }

    pub(super) fn request(&mut self, ticket: Ticket) -> &mut Request {
        let request = &mut self.requests[ticket.index as usize];
        assert_eq!(request.serial, ticket.serial, "a request is open until its last part");
        request
    }

    /// Its answer is here.
    pub(super) fn close_request(&mut self, ticket: Ticket) -> State {
        self.request(ticket); // It is this one, and not another in its place.
        self.requests.remove(ticket.index as usize).state
    }

    fn finish(&mut self, ticket: Ticket) {
        match self.close_request(ticket) {
            // What was gathered on this core is in no outbox before the turn's end.
            State::Publish { counted, .. } => self.published.push((ticket, counted)),
            State::Append { outcomes, .. } => {
                let outcomes = outcomes.into_iter().map(|it| it.expect("all answers have come"));
                self.appended.push((ticket, outcomes.collect()));
            }
            State::Question(_) => unreachable!("parts of an answer are gathered by the question"),
            State::Log => unreachable!("the owner of a log says all at once"),
            State::Enter(_) => unreachable!("an entry is closed by its own answer"),
            State::Acks(_) => unreachable!("acknowledgements have an answer of their own"),
        }
    }
}
