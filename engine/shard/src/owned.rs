//! The owner's side of a channel: which cores have a foothold in it, and who is in it.
//!
//! The owner knows cores, not connections. A core has a foothold while it has subscriptions, and
//! every event is passed to each foothold once. Joins, leaves and events are taken in one order,
//! and what each foothold is told keeps that order.

use smallvec::SmallVec;

use crate::app::WebhookEvent;
use crate::counts::Counts;
use crate::id::CoreId;
use crate::message::{ChannelName, Join, JoinRefused, Joined, LocalId, Member, OwnedId, ToLocal};
use crate::notice::Fact;
use crate::outgoing_batch::NOWHERE;
use crate::owner::Owner;
use crate::roster::Roster;
use crate::route::{Route, Way};
use crate::subscription_count::AnnouncedCount;
use crate::word::{Begin, Members, Said};
use crate::{DialectId, Word};

/// A core that has subscriptions to a channel.
#[derive(Clone, Debug)]
pub(super) struct Foothold {
    pub(super) core: CoreId,
    pub(super) local: LocalId,
    pub(super) subscriptions: Counts,
    /// Where events wait for the core, see [`outgoing_batch`](super::outgoing_batch).
    pub(super) delivered_at: u32,
}

/// A channel that this core puts in order.
#[derive(Debug, Default)]
pub(super) struct Owned {
    pub(super) footholds: SmallVec<[Foothold; 1]>,
    /// The dialects that its subscribers speak, a bit each.
    pub(super) heard: u8,
    pub(super) roster: Option<Box<Roster>>,
    /// What its subscribers know of their number, where the app wants them to know.
    pub(super) announced_count: Option<Box<AnnouncedCount>>,
}

impl Owned {
    /// Subscriptions on all cores.
    pub(super) fn subscriptions(&self) -> u32 {
        self.footholds.iter().map(|foothold| foothold.subscriptions.total()).sum()
    }

    fn add(&mut self, core: CoreId, local: LocalId, dialect: DialectId) {
        let held = self.footholds.iter_mut().find(|foothold| foothold.core == core);
        if let Some(foothold) = held {
            foothold.subscriptions.add(dialect);
        } else {
            let (delivered_at, subscriptions) = (NOWHERE, Counts::one(dialect));
            self.footholds.push(Foothold { core, local, subscriptions, delivered_at });
        }
        self.heard |= dialect.bit();
    }

    fn subtract(&mut self, core: CoreId, dialect: DialectId) {
        let position = self.footholds.iter().position(|foothold| foothold.core == core);
        let position = position.expect("only a core with a foothold tells of a leave");
        let subscriptions = &mut self.footholds[position].subscriptions;
        subscriptions.subtract(dialect);
        let is_last_here = subscriptions.of(dialect) == 0;
        if subscriptions.total() == 0 {
            self.footholds.swap_remove(position);
        }
        if is_last_here {
            let heard = self.footholds.iter().map(|foothold| foothold.subscriptions.heard());
            self.heard = heard.fold(0, |all, heard| all | heard);
        }
    }
}

impl Owner {
    /// A connection of some core wants to subscribe.
    pub(super) fn on_join(&mut self, way: &mut Way<'_>, mut join: Join) {
        let index = match self.channels.find_name(&join.channel) {
            Some(index) => index,
            None => self.occupy(way.route, &join.channel),
        };
        let log = self.welcome_to_log(way, &join);
        let outcome = log.and_then(|log| {
            self.admit(way, index, &join)?;
            let count = self.count_in(way.route, index, join.dialect);
            Ok(self.welcome(way.route, index, &join, count, log))
        });
        let welcome = outcome.as_ref().ok();
        let after = welcome.and_then(|it| it.log.as_ref()).map_or(0, |log| log.after);
        let owned = OwnedId { index, generation: self.channels.at(index).generation };
        self.end_outgoing_batch(index, join.core);
        self.vacate_if_empty(way.route, index);
        let Join { core, conn, local, attempt, dialect, .. } = join;
        let user_id = join.member.take().map(|member| member.user_id);
        let is_logged = join.log.is_some();
        let is_page_next = join.log.as_ref().is_some_and(|options| options.with_page);
        let joined = Joined {
            conn,
            local,
            attempt,
            owned,
            dialect,
            user_id,
            is_logged,
            is_page_next,
            outcome,
        };
        way.tell(core, ToLocal::Joined(Box::new(joined)));
        if is_logged {
            self.send_first_page(way, join, after); // Refused or not: one is waited for.
        }
    }

    /// A subscription of `core` has ended.
    pub(super) fn on_leave(
        &mut self,
        way: &mut Way<'_>,
        channel: &ChannelName,
        core: CoreId,
        dialect: DialectId,
        user_id: Option<&str>,
    ) {
        let index = self.channels.find_name(channel).expect("an occupied channel is in the table");
        let owned = &mut self.channels.at(index).value;
        owned.subtract(core, dialect);
        let roster = owned.roster.as_mut();
        let is_gone = match (roster, user_id) {
            (Some(roster), Some(user_id)) => roster.leave(user_id),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => {
                unreachable!("a presence channel's subscriptions, and only they, have a user")
            }
        };
        if is_gone && let Some(user_id) = user_id {
            self.tell_channel(
                way,
                index,
                &Word::MemberRemoved { channel: channel.as_str(), user_id },
            );
            self.notice_member(way.route, index, user_id, false);
        }
        self.notice_subscriptions(way.route, index);
        self.count_out(index);
        self.vacate_if_empty(way.route, index);
    }

    /// Count the subscription in, and tell the others of a new user.
    fn admit(&mut self, way: &mut Way<'_>, index: u32, join: &Join) -> Result<(), JoinRefused> {
        let name = join.channel.as_str();
        let members_max = way.route.apps.app(join.channel.app()).policy.presence_members_max;
        let owned = &mut self.channels.at(index).value;
        let Some(member) = &join.member else {
            owned.add(join.core, join.local, join.dialect);
            self.notice_subscriptions(way.route, index);
            return Ok(());
        };
        let roster = owned.roster.as_mut().expect("members join presence channels only");
        if roster.enter(member, members_max)? {
            // Before the joiner has a foothold: the others are told, the joiner is not.
            let Member { user_id, user_info } = member;
            self.tell_channel(way, index, &Word::MemberAdded { channel: name, user_id, user_info });
            self.notice_member(way.route, index, &member.user_id, true);
        }
        let owned = &mut self.channels.at(index).value;
        owned.add(join.core, join.local, join.dialect);
        Ok(())
    }

    /// Tell the subscribers of the channel at `owned` something in its order, in the form of the
    /// first dialect that is heard there; nothing if nobody is.
    pub(super) fn tell_channel(&mut self, way: &mut Way<'_>, owned: u32, word: &Word<'_>) {
        let heard = self.channels.at(owned).value.heard;
        if heard != 0 {
            self.tell_channel_as(way, owned, DialectId(heard.trailing_zeros() as u8), word);
        }
    }

    /// Tell the subscribers of the channel at `owned` something in its order, in the form of
    /// `dialect`.
    pub(super) fn tell_channel_as(
        &mut self,
        way: &mut Way<'_>,
        owned: u32,
        dialect: DialectId,
        word: &Word<'_>,
    ) {
        let Said { bytes, frames } = way.route.row(dialect).said(std::slice::from_ref(word));
        if frames > 0 {
            debug_assert_eq!(frames, 1, "a channel is told one frame");
            self.fan_out(way, owned, bytes, None, None);
        }
    }

    /// What a new subscriber of the channel at `owned` is told first.
    pub(super) fn subscribed_word(
        &mut self,
        route: &Route,
        owned: u32,
        join: &Join,
        begin: Option<Begin>,
    ) -> Said {
        let row = route.row(join.dialect);
        let channel = join.channel.as_str();
        let members = self.channels.at(owned).value.roster.as_deref().map(Members);
        row.said(&[Word::Subscribed { channel, members, begin }])
    }

    fn occupy(&mut self, route: &mut Route, name: &ChannelName) -> u32 {
        let roster = name.nature().has_members.then(Box::default);
        let announced_count = route.announced_count_of(name);
        route.counters.channels += 1;
        let index = self
            .channels
            .insert(name.clone(), Owned { roster, announced_count, ..Owned::default() });
        self.notice(route, index, WebhookEvent::ChannelOccupied, || Fact::ChannelOccupied);
        index
    }

    fn vacate_if_empty(&mut self, route: &mut Route, index: u32) {
        if self.channels.at(index).value.footholds.is_empty() {
            route.counters.channels -= 1;
            self.notice(route, index, WebhookEvent::ChannelVacated, || Fact::ChannelVacated);
            let channel = self.channels.at(index).name.clone();
            self.note_vacated(&channel);
            self.channels.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{App, AppPolicy, Apps};
    use crate::plain::PLAIN;
    use crate::{Millis, Output, Shard, ShardConfig};

    #[test]
    fn a_channel_is_not_told_what_its_dialect_has_no_word_for() {
        let policy = AppPolicy { subscription_count: true, ..AppPolicy::default() };
        let app = App { policy, ..App::new("id", "key", "secret") };
        let apps = Apps::new(vec![app]).unwrap();
        let mut shard = Shard::new(ShardConfig::default(), apps, &PLAIN, Millis(0));
        let conn = shard.open(1).unwrap();
        shard.upgrade(conn, DialectId(0));
        shard.subscribe(conn, "news", None).unwrap();
        shard.end_turn();
        assert!(shard.owner.channels.iter().all(|it| it.value.announced_count.is_some()));
        let is_sent = |output| matches!(output, Output::Flush(_));
        assert!(!std::iter::from_fn(|| shard.poll_output()).any(is_sent));
    }

    /// Cores and dialects come and go in every order, and each is heard as long as it is there.
    #[test]
    fn a_dialect_is_heard_as_long_as_any_core_has_a_subscription_in_it() {
        let (local, mut owned) = (LocalId { index: 0, generation: 0 }, Owned::default());
        let mut there: Vec<(CoreId, DialectId)> = Vec::new();
        let mut random = 7_u64;
        for step in 0..2_000 {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let choice = (random >> 33) as usize;
            if there.len() < 8 && choice.is_multiple_of(2) {
                let (core, dialect) =
                    (CoreId((choice / 2 % 3) as u8), DialectId((choice / 6 % 3) as u8));
                owned.add(core, local, dialect);
                there.push((core, dialect));
            } else if !there.is_empty() {
                let (core, dialect) = there.swap_remove(choice / 2 % there.len());
                owned.subtract(core, dialect);
            }
            let heard = there.iter().fold(0, |all, (_, dialect)| all | dialect.bit());
            assert_eq!((owned.heard, owned.subscriptions()), (heard, there.len() as u32), "{step}");
            for foothold in &owned.footholds {
                let of_core = there.iter().filter(|(core, _)| *core == foothold.core).count();
                assert_eq!(foothold.subscriptions.total() as usize, of_core, "step {step}");
            }
        }
    }
}
