//! Who is in which channel, as the channels' owners know.

use std::sync::Arc;

use crate::id::{AppIndex, CoreId};
use crate::message::{ChannelInfo, ChannelName};
use crate::owned::Owned;
use crate::question::{Question, QuestionToOne, To};
use crate::table::Entry;
use crate::{Shard, ShardConfig};

/// Every occupied channel of an app whose name starts with `prefix`. The answer is in no order.
#[derive(Clone, Debug)]
pub struct Channels {
    /// The app.
    pub app: AppIndex,
    /// What the names start with; empty for all.
    pub prefix: Arc<str>,
}

impl Question for Channels {
    type Part = Vec<ChannelInfo>;
    type Answer = Vec<ChannelInfo>;

    fn to(&self, _: &ShardConfig) -> To {
        To::Every
    }

    fn part(self, shard: &mut Shard) -> Vec<ChannelInfo> {
        // A user's own channel says who is online: it is no channel of the app.
        let is_asked = |entry: &&Entry<Owned>| {
            let name = entry.name.as_str();
            let is_user = entry.name.nature().is_of_user;
            entry.name.app() == self.app && name.starts_with(&*self.prefix) && !is_user
        };
        shard.owner.channels.iter().filter(is_asked).map(info).collect()
    }

    fn whole(self, parts: Vec<(CoreId, Vec<ChannelInfo>)>) -> Vec<ChannelInfo> {
        parts.into_iter().flat_map(|(_, part)| part).collect()
    }

    fn part_bytes(part: &Vec<ChannelInfo>) -> usize {
        part.iter().map(ChannelInfo::weight_bytes).sum()
    }
}

/// One channel; `None` if it is vacant and has no cached event.
#[derive(Clone, Debug)]
pub struct ChannelOf(pub ChannelName);

impl QuestionToOne for ChannelOf {
    type Answer = Option<ChannelInfo>;

    fn core(&self, config: &ShardConfig) -> CoreId {
        self.0.owner(config.cores)
    }

    fn answer(self, shard: &mut Shard) -> Option<ChannelInfo> {
        let found = shard
            .owner
            .channels
            .find_name(&self.0)
            .map(|index| info(shard.owner.channels.at(index)));
        let cache = shard.owner.cached_info(&shard.route, &self.0);
        if found.is_none() && cache.is_none() {
            return None;
        }
        let vacant = || ChannelInfo {
            name: self.0.shared(),
            subscription_count: 0,
            user_count: None,
            cache: None,
        };
        Some(ChannelInfo { cache, ..found.unwrap_or_else(vacant) })
    }

    fn answer_bytes(answer: &Option<ChannelInfo>) -> usize {
        answer.as_ref().map_or(0, ChannelInfo::weight_bytes)
    }
}

/// The users of one presence channel. The answer is in no order.
#[derive(Clone, Debug)]
pub struct UsersOf(pub ChannelName);

impl QuestionToOne for UsersOf {
    type Answer = Vec<Box<str>>;

    fn core(&self, config: &ShardConfig) -> CoreId {
        self.0.owner(config.cores)
    }

    fn answer(self, shard: &mut Shard) -> Vec<Box<str>> {
        let Some(index) = shard.owner.channels.find_name(&self.0) else { return Vec::new() };
        let roster = shard.owner.channels.at(index).value.roster.as_ref();
        roster.map(|it| it.members().map(|(id, _)| id.into()).collect()).unwrap_or_default()
    }

    fn answer_bytes(answer: &Vec<Box<str>>) -> usize {
        answer.iter().map(|id| id.len() + size_of::<Box<str>>()).sum()
    }
}

fn info(entry: &Entry<Owned>) -> ChannelInfo {
    ChannelInfo {
        name: entry.name.shared(),
        subscription_count: entry.value.subscriptions(),
        user_count: entry.value.roster.as_ref().map(|roster| roster.len()),
        cache: None,
    }
}
