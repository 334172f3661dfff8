//! What a request wants from the engine.

use super::answer::Answer;
use super::broadcasting::Question;
use super::info::Info;
use super::publish::{Publication, Reply};
use super::zintrust::Review;
use super::zps::ZpsAction;
use crate::id::AppIndex;
use crate::shard::{Budget, Cost, Once};

/// What a request asks for, checked and complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Say that the process is up.
    Up,
    /// Say whether the process should get new clients.
    Ready,
    /// Publish all of these, in this order, before answering.
    Publish(Publish),
    /// Answer this: a subscription is signed.
    Granted(Answer),
    /// Ask the app's server whether a subscription is to be signed.
    Consult(Box<Question>),
    /// Ask the app's policy first, then publish what it decides.
    Review(Box<Review>),
    /// List the occupied channels whose name begins with `prefix`.
    Channels {
        /// The app.
        app: AppIndex,
        /// `filter_by_prefix`.
        prefix: Option<String>,
        /// What to tell about each.
        info: Info,
    },
    /// Tell about one channel.
    Channel {
        /// The app.
        app: AppIndex,
        /// The channel's name, valid.
        channel: String,
        /// The attributes to tell.
        info: Info,
    },
    /// List the users of a presence channel.
    Users {
        /// The app.
        app: AppIndex,
        /// The channel's name, valid.
        channel: String,
    },
    /// Count the app's connections.
    Connections {
        /// The app.
        app: AppIndex,
    },
    /// Do what zero-pub-sub's backend client asks.
    Zps(ZpsAction),
    /// Close every connection of one user.
    Terminate {
        /// The app.
        app: AppIndex,
        /// The user whose connections are closed.
        user_id: String,
    },
}

/// Events to publish, and how to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The app.
    pub app: AppIndex,
    /// The events, in their order.
    pub publications: Vec<Publication>,
    /// What the answer tells.
    pub reply: Reply,
    /// What names this publish, if the publisher may send it again.
    pub once: Option<Once>,
}

impl Publish {
    /// What it takes out of its app's budget: one for each channel that each event goes to.
    pub fn cost(&self) -> Cost {
        let amount = self.publications.len() as u32;
        Cost { app: self.app, budget: Budget::Publish, amount }
    }
}

impl Action {
    /// What it takes out of its app's budgets.
    pub fn cost(&self) -> Option<Cost> {
        match self {
            // What a review decides is paid for when it is published.
            Self::Up | Self::Ready | Self::Review(_) | Self::Granted(_) | Self::Consult(_) => None,
            Self::Zps(action) => action.cost(),
            Self::Publish(publish) => Some(publish.cost()),
            Self::Channels { app, .. }
            | Self::Channel { app, .. }
            | Self::Users { app, .. }
            | Self::Connections { app }
            | Self::Terminate { app, .. } => {
                Some(Cost { app: *app, budget: Budget::Read, amount: 1 })
            }
        }
    }
}
