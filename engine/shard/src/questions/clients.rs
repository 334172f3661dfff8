//! How many connections an app, a user or some channels have.

use std::sync::Arc;

use crate::id::{AppIndex, CoreId, SocketId};
use crate::message::ChannelName;
use crate::question::{Question, QuestionToOne, To};
use crate::{Shard, ShardConfig};

/// How many websockets an app has on this node.
#[derive(Clone, Debug)]
pub struct Connections(pub AppIndex);

impl QuestionToOne for Connections {
    type Answer = u32;

    fn core(&self, config: &ShardConfig) -> CoreId {
        config.app_owner(self.0)
    }

    fn answer(self, shard: &mut Shard) -> u32 {
        shard.owner.app_connections(self.0)
    }
}

/// Close every connection of a user with 4009. The answer is how many are being closed.
#[derive(Clone, Debug)]
pub struct Terminate {
    /// The app.
    pub app: AppIndex,
    /// The user.
    pub user_id: Arc<str>,
}

impl Question for Terminate {
    type Part = u32;
    type Answer = u32;

    fn to(&self, _: &ShardConfig) -> To {
        To::Every
    }

    fn part(self, shard: &mut Shard) -> u32 {
        shard.terminate(self.app, &self.user_id)
    }

    fn whole(self, parts: Vec<(CoreId, u32)>) -> u32 {
        parts.into_iter().map(|(_, part)| part).sum()
    }
}

/// How many connections are subscribed to any of some channels.
#[derive(Clone, Debug)]
pub struct Reach {
    /// The channels.
    pub channels: Arc<[ChannelName]>,
    /// A connection that is not counted.
    pub skip: Option<SocketId>,
}

impl Question for Reach {
    type Part = u32;
    type Answer = u32;

    fn to(&self, _: &ShardConfig) -> To {
        To::Every
    }

    fn part(self, shard: &mut Shard) -> u32 {
        shard.local.reach(&shard.route, &self.channels, self.skip)
    }

    fn whole(self, parts: Vec<(CoreId, u32)>) -> u32 {
        parts.into_iter().map(|(_, part)| part).sum()
    }
}
