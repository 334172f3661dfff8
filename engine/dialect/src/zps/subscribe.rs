//! Subscriptions: which rooms, from where on, and which events.

use std::borrow::Cow;
use std::sync::Arc;

use uringcast_proto::zps::client::Subscribe;
use uringcast_proto::zps::server;
use uringcast_shard::{Start, SubscribeError, SubscribeOptions};

use super::access::RoomAction;
use super::act::check;
use super::rules::EVENT_TYPES_MAX;
use super::state::{Deferred, RoomOptions, Rooms};
use super::{Refused, Talk};

/// Subscribe to one room after the other; an error ends the message.
pub(super) fn on_subscribe(talk: &mut Talk<'_>, message: Subscribe<'_>) -> Result<(), Refused> {
    let event_types = event_types(talk, message.event_types)?;
    let start = match (message.from_sequence, message.with_snapshot) {
        (Some(sequence), _) => Start::After(sequence),
        (None, true) => Start::Snapshot,
        (None, false) => Start::Cursor,
    };
    let options = RoomOptions { start, with_snapshot: message.with_snapshot, event_types };
    let rooms = message.rooms.into_iter().map(Cow::into_owned).collect();
    subscribe_all(talk, Rooms { rooms, options })
}

/// End the subscription to a room, if there is one.
pub(super) fn on_unsubscribe(talk: &mut Talk<'_>, room: &str) {
    talk.shard.unsubscribe(talk.conn, room);
    talk.shard.send(talk.conn, server::unsubscribed(room));
}

/// The types that a client wants, if it does not want all.
pub(super) fn event_types(
    talk: &Talk<'_>,
    types: Option<Vec<Cow<'_, str>>>,
) -> Result<Option<Box<[Box<str>]>>, Refused> {
    // The original takes an empty list for no list at all.
    let Some(types) = types.filter(|types| !types.is_empty()) else { return Ok(None) };
    if types.len() > EVENT_TYPES_MAX {
        return Err(Refused::Length { field: "eventTypes", max: EVENT_TYPES_MAX, unit: "types" });
    }
    let max = talk.app().policy.event_name_max as usize;
    if types.iter().any(|it| it.len() > max) {
        return Err(Refused::Length { field: "eventTypes", max, unit: "bytes each" });
    }
    Ok(Some(types.into_iter().map(|it| Box::from(&*it)).collect()))
}

/// Subscribe to the rooms that are left; those behind one that needs an answer wait for it.
pub(super) fn subscribe_all(talk: &mut Talk<'_>, mut left: Rooms) -> Result<(), Refused> {
    while let Some(room) = left.rooms.pop_front() {
        match subscribe(talk, &room, left.options.clone()) {
            Ok(()) => {}
            Err(Refused::Asked) => left.rooms.push_front(room),
            Err(refused) => return Err(refused),
        }
        if !left.rooms.is_empty() && talk.shard.is_held(talk.conn) {
            talk.state.deferred = Some(Box::new(Deferred::Rooms(left)));
            return Ok(());
        }
    }
    Ok(())
}

fn subscribe(talk: &mut Talk<'_>, room: &str, options: RoomOptions) -> Result<(), Refused> {
    let is_wildcard = check(talk, room, RoomAction::Subscribe)?;
    let policy = talk.policy();
    let subscriptions_max = policy.max_subscriptions as usize;
    if !talk.shard.is_subscribed(talk.conn, room)
        && talk.shard.subscriptions(talk.conn) >= subscriptions_max
    {
        return Err(Refused::Subscriptions);
    }
    let fast_forward = policy.cursor_fast_forward && options.start == Start::Cursor;
    if is_wildcard && options.with_snapshot {
        talk.shard.send(talk.conn, server::snapshot(room, None));
    }
    let options = SubscribeOptions {
        start: options.start,
        subscriber_id: Arc::clone(&talk.me.cursor),
        event_types: options.event_types,
        with_snapshot: options.with_snapshot && !is_wildcard,
        fast_forward,
        member: None,
    };
    match talk.shard.subscribe_logged(talk.conn, room, options) {
        // One that is closing hears nothing more.
        Ok(()) | Err(SubscribeError::Closing) => Ok(()),
        Err(SubscribeError::TooMany { .. }) => Err(Refused::Subscriptions),
        Err(SubscribeError::AlreadySubscribed) => unreachable!("a subscription is replaced"),
    }
}
