//! Questions to the cores, each a type that knows whom it asks and what the answer is.
//!
//! The asker's core sends a [`Question`] to one core or to all and gathers the parts; when the last
//! one is here the answer is an output, for whoever holds the [`Asked`] of its type. What travels
//! between cores is erased here and nowhere else: a part is for the question that it was asked by,
//! and an answer for what was asked, so neither can be of another type.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use crate::id::CoreId;
use crate::logged::{AppendError, Appended};
use crate::message::{CoreMessage, Counted, Ticket, ToLocal};
use crate::requests::State;
use crate::route::{Route, Way};
use crate::{Output, Shard, ShardConfig};

/// Something that one core or all of them are asked.
pub trait Question: Clone + fmt::Debug + Send + 'static {
    /// What one core says.
    type Part: Send + 'static;
    /// What comes of all parts.
    type Answer: 'static;

    /// Who is asked.
    fn to(&self, config: &ShardConfig) -> To;

    /// What the core of `shard` says.
    fn part(self, shard: &mut Shard) -> Self::Part;

    /// The answer, of one part of each core that was asked, in the order of the cores.
    fn whole(self, parts: Vec<(CoreId, Self::Part)>) -> Self::Answer;

    /// About how much memory the question holds besides itself while it waits for a core.
    fn weight_bytes(&self) -> usize {
        0
    }

    /// About how much memory a part holds while it waits for its asker.
    fn part_bytes(_part: &Self::Part) -> usize {
        0
    }
}

/// Whom a question is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// One core, who alone knows.
    One(CoreId),
    /// Every core knows a part.
    Every,
}

/// Something that one core alone knows: what it says is the answer.
pub trait QuestionToOne: Clone + fmt::Debug + Send + 'static {
    /// What the core says.
    type Answer: Send + 'static;

    /// Who is asked.
    fn core(&self, config: &ShardConfig) -> CoreId;

    /// What the core of `shard` says.
    fn answer(self, shard: &mut Shard) -> Self::Answer;

    /// About how much memory the question holds besides itself while it waits for its core.
    fn weight_bytes(&self) -> usize {
        0
    }

    /// About how much memory the answer holds while it waits for its asker.
    fn answer_bytes(_answer: &Self::Answer) -> usize {
        0
    }
}

impl<Q: QuestionToOne> Question for Q {
    type Part = Q::Answer;
    type Answer = Q::Answer;

    fn to(&self, config: &ShardConfig) -> To {
        To::One(self.core(config))
    }

    fn part(self, shard: &mut Shard) -> Q::Answer {
        self.answer(shard)
    }

    fn whole(self, parts: Vec<(CoreId, Q::Answer)>) -> Q::Answer {
        let Ok([(_, answer)]) = <[_; 1]>::try_from(parts) else { panic!("one core was asked") };
        answer
    }

    fn weight_bytes(&self) -> usize {
        QuestionToOne::weight_bytes(self)
    }

    fn part_bytes(answer: &Q::Answer) -> usize {
        Q::answer_bytes(answer)
    }
}

/// An answer, whose type is known to the [`Asked`] that it is for.
#[derive(Debug)]
pub struct Answer(Erased);

/// The answers that every publish has take no box.
#[derive(Debug)]
enum Erased {
    Published(Option<Vec<Counted>>),
    Appended(Option<Vec<Result<Appended, AppendError>>>),
    /// An `Option` of any other type.
    Other(Box<dyn Any>),
}

impl Answer {
    pub(super) fn new<A: 'static>(answer: A) -> Self {
        Self(Erased::Other(Box::new(Some(answer))))
    }

    pub(super) const fn published(counted: Vec<Counted>) -> Self {
        Self(Erased::Published(Some(counted)))
    }

    pub(super) const fn appended(outcomes: Vec<Result<Appended, AppendError>>) -> Self {
        Self(Erased::Appended(Some(outcomes)))
    }

    /// The answer, once; `None` if it is no `A`. For whoever holds an `Asked<A>` it is one.
    pub fn take<A: 'static>(&mut self) -> Option<A> {
        let any: &mut dyn Any = match &mut self.0 {
            Erased::Published(counted) => counted,
            Erased::Appended(outcomes) => outcomes,
            Erased::Other(other) => &mut **other,
        };
        any.downcast_mut::<Option<A>>()?.take()
    }
}

/// What was asked and will be answered with an `A`.
#[derive(Debug)]
pub struct Asked<A> {
    /// The question's name: it comes with the answer.
    pub ticket: Ticket,
    answer: PhantomData<fn() -> A>,
}

impl<A: 'static> Asked<A> {
    pub(super) const fn new(ticket: Ticket) -> Self {
        Self { ticket, answer: PhantomData }
    }

    /// The answer that came with this ticket.
    ///
    /// # Panics
    /// If it came with another one.
    pub fn open(&self, mut answer: Answer) -> A {
        answer.take().expect("an answer has the type that was asked for")
    }
}

/// A question on its way to a core.
#[derive(Debug)]
pub struct Errand(Box<dyn Ask>);

trait Ask: fmt::Debug + Send {
    fn ask(self: Box<Self>, shard: &mut Shard) -> Part;
    fn weight_bytes(&self) -> usize;
}

impl Errand {
    pub(super) fn weight_bytes(&self) -> usize {
        self.0.weight_bytes()
    }
}

/// What a core has said, on its way to the asker.
pub struct Part {
    said: Box<dyn Any + Send>,
    pub(super) bytes: usize,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl<Q: Question> Ask for Q {
    fn ask(self: Box<Self>, shard: &mut Shard) -> Part {
        let part = self.part(shard);
        Part { bytes: Q::part_bytes(&part), said: Box::new(part) }
    }

    fn weight_bytes(&self) -> usize {
        size_of::<Q>() + Question::weight_bytes(self)
    }
}

/// A question that has not been answered in full.
pub(super) trait Gather: fmt::Debug {
    /// Take in what `core` has said; the answer, if it was the last.
    fn take(&mut self, core: CoreId, part: Part) -> Option<Answer>;
}

struct Gathering<Q: Question> {
    /// `None` once it is answered.
    question: Option<Q>,
    /// Parts that have yet to come.
    missing: usize,
    parts: Vec<(CoreId, Q::Part)>,
}

impl<Q: Question> fmt::Debug for Gathering<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gathering").field(&self.question).field(&self.missing).finish()
    }
}

impl<Q: Question> Gather for Gathering<Q> {
    fn take(&mut self, core: CoreId, part: Part) -> Option<Answer> {
        let part = part.said.downcast().expect("a part answers the question that was asked");
        self.parts.push((core, *part));
        self.missing -= 1;
        if self.missing > 0 {
            return None;
        }
        let mut parts = std::mem::take(&mut self.parts);
        parts.sort_unstable_by_key(|(core, _)| *core); // They come in any order.
        self.question.take().map(|question| Answer::new(question.whole(parts)))
    }
}

impl Shard {
    /// Ask `question`; the answer comes as an [`Output::Answer`] with the ticket returned.
    pub fn ask<Q: Question>(&mut self, question: Q) -> Asked<Q::Answer> {
        let cores = match question.to(&self.route.config) {
            To::One(CoreId(core)) => core..core + 1,
            To::Every => 0..self.route.config.cores as u8,
        };
        let errand = |core| (CoreId(core), Errand(Box::new(question.clone())));
        let errands: Vec<_> = cores.map(errand).collect();
        let missing = errands.len();
        let parts = Vec::with_capacity(missing);
        let gathering = Gathering { question: Some(question), missing, parts };
        let ticket = self.route.open_request(State::Question(Box::new(gathering)));
        for (core, errand) in errands {
            if self.route.is_here(core) {
                self.on_ask(ticket, errand);
            } else {
                self.route.send(core, CoreMessage::Ask { ticket, errand });
            }
        }
        self.settle();
        Asked::new(ticket)
    }

    /// This core's part of an answer.
    pub(super) fn on_ask(&mut self, ticket: Ticket, errand: Errand) {
        let (core, part) = (self.route.config.core, errand.0.ask(self));
        let part = ToLocal::Part { ticket, core, part };
        Way::of(&mut self.route, &mut self.local).tell(ticket.core, part);
    }
}

impl Route {
    /// A core has answered its part of a question.
    pub(super) fn on_part(&mut self, ticket: Ticket, core: CoreId, part: Part) {
        let State::Question(gathering) = &mut self.request(ticket).state else {
            unreachable!("a publish is not answered in parts");
        };
        if let Some(answer) = gathering.take(core, part) {
            self.close_request(ticket);
            self.outputs.push_back(Output::Answer(ticket, answer));
        }
    }
}
