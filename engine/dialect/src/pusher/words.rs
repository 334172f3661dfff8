//! What the shard has to say, as Pusher's clients hear it.

use bytes::Bytes;
use uringcast_proto::pusher::{logged, server, user};
use uringcast_proto::ws::encode;
use uringcast_shard::log::{AckError, Snapshot};
use uringcast_shard::{Begin, Members, OnlineStatus, Word};

use super::refusals;

/// Append `word` as whole frames, and return how many.
pub fn say(word: &Word<'_>, frames: &mut Vec<u8>) -> u32 {
    let frame = match *word {
        Word::Subscribed { channel, members, begin } => subscribed(channel, members, begin),
        Word::JoinRefused { channel, refused } => {
            return append(frames, &refusals::join_refused(channel, refused));
        }
        Word::CacheMiss { channel } => server::cache_miss(channel),
        Word::SubscriptionCount { channel, count } => server::subscription_count(channel, count),
        Word::MemberAdded { channel, user_id, user_info } => {
            server::member_added(channel, user_id, user_info)
        }
        Word::MemberRemoved { channel, user_id } => server::member_removed(channel, user_id),
        Word::Snapshot { channel, snapshot: it } => snapshot(channel, it),
        Word::StartsAfter { channel, sequence, .. } => {
            event("\"uringcast:resumed\"", channel, &format!(r#"{{"after":{sequence}}}"#))
        }
        Word::Lost { channel, first, last, .. } => logged::truncated(channel, first - 1, last + 1),
        Word::Replayed { channel, after, frames: events } => {
            return replayed(channel, after, events, frames);
        }
        Word::AppendRefused { channel, error } => {
            server::error(None, &format!("{channel}: {error}"))
        }
        Word::EnterRefused { channel, error } => {
            server::error(None, &format!("{channel}: {error}"))
        }
        Word::AckRefused { channel, sequence, error } => ack_refused(channel, sequence, error),
        Word::Watched(changes) => watched(changes),
        Word::KeepAlive => Bytes::from_static(encode::PING),
        Word::Ping => {
            frames.extend_from_slice(server::PING);
            return 2; // Its own ping, and a frame that every websocket answers.
        }
        Word::Farewell { ending, reason } => {
            return append(frames, &refusals::farewell(ending, reason));
        }
        // It has no words for users who are entered, and its acks are not answered.
        Word::Present { .. } | Word::UserLeft { .. } | Word::Acked { .. } => return 0,
    };
    append(frames, &[frame])
}

fn append(frames: &mut Vec<u8>, said: &[Bytes]) -> u32 {
    for frame in said {
        frames.extend_from_slice(frame);
    }
    said.len() as u32
}

fn subscribed(channel: &str, members: Option<Members<'_>>, begin: Option<Begin>) -> Bytes {
    let frame = match members {
        Some(members) => server::presence_subscription_succeeded(channel, members.iter()),
        None => server::subscription_succeeded(channel),
    };
    match begin {
        Some(Begin { epoch, after }) => logged::starting_after(&frame, epoch.into(), after),
        None => frame,
    }
}

/// `uringcast:snapshot`: the state of `channel` as of an event; `null` if there is none.
fn snapshot(channel: &str, snapshot: Option<&Snapshot>) -> Bytes {
    let data = snapshot.map_or_else(
        || "null".to_owned(),
        |it| format!(r#"{{"sequence":{},"state":{}}}"#, it.last_sequence, it.state_json),
    );
    event("\"uringcast:snapshot\"", channel, &data)
}

/// An event of this server's own, whose `data` is a JSON value and not a string with one.
fn event(event_json: &str, channel: &str, data_json: &str) -> Bytes {
    server::event(event_json, channel, data_json, None)
}

/// `events` again, between the word that some before them are gone and the word that these are all.
fn replayed(channel: &str, after: u64, events: &[Bytes], frames: &mut Vec<u8>) -> u32 {
    let sequence = |frame: Option<&Bytes>| frame.and_then(|frame| logged::sequence(frame));
    let first = sequence(events.first()).filter(|&first| first > after + 1);
    let truncated = first.map(|first| logged::truncated(channel, after, first));
    let last = sequence(events.last()).unwrap_or(after);
    let end = logged::replayed(channel, after, last);
    append(frames, truncated.as_slice()) + append(frames, events) + append(frames, &[end])
}

fn ack_refused(channel: &str, sequence: u64, error: AckError) -> Bytes {
    server::error(None, &refusals::ack_refused(channel, sequence, error))
}

fn watched(changes: &[(OnlineStatus, Vec<&str>)]) -> Bytes {
    let changes = changes.iter().map(|(status, users)| {
        let status = match status {
            OnlineStatus::Online => user::OnlineStatus::Online,
            OnlineStatus::Offline => user::OnlineStatus::Offline,
        };
        (status, users.clone())
    });
    server::watchlist_events(&changes.collect::<Vec<_>>())
}
