//! What a client or an asker was told, as one line of a transcript.

use uringcast_proto::pusher::webhook::Relayed;
use uringcast_proto::ws::Opcode;
use uringcast_proto::ws::client::Frame;
use uringcast_shard::log::AckError;
use uringcast_shard::{
    Answer, AppendError, Appended, CachedInfo, ChannelInfo, ChannelLag, ChannelLogInfo, Counted,
    Fact, Lags, Notice, Reserved, SnapshotError, Spent,
};

use super::said::{message, sorted};

/// A frame that a client received.
pub(super) fn render(frame: &Frame<'_>) -> String {
    assert!(frame.is_final, "the server does not fragment");
    match frame.opcode {
        Opcode::Text => message(&serde_json::from_slice(frame.payload).unwrap()),
        Opcode::Close => {
            let code = frame.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            code.map_or_else(|| "close".to_owned(), |code| format!("close {code}"))
        }
        Opcode::Ping => "ping frame".to_owned(),
        Opcode::Continuation | Opcode::Binary | Opcode::Pong => {
            panic!("the dialect sends no {:?}", frame.opcode)
        }
    }
}

/// The answer to something that is asked for by its own name.
pub(super) fn answer(mut answer: Answer) -> String {
    if let Some(counted) = answer.take::<Vec<Counted>>() {
        let word = |it: &Counted| {
            format!("{}:{}{}", it.place, it.subscription_count, users(it.user_count))
        };
        return if counted.is_empty() {
            "published".to_owned()
        } else {
            sorted(counted.iter().map(word).collect())
        };
    }
    if let Some(outcomes) = answer.take() {
        return appended(outcomes);
    }
    if let Some(spent) = answer.take::<Spent>() {
        let word = if spent.is_admitted { "spent" } else { "not spent" };
        return format!("{word}, {} left", spent.remaining);
    }
    if let Some(reserved) = answer.take() {
        return match reserved {
            Reserved::First(_) => "first".to_owned(),
            Reserved::Running => "running".to_owned(),
            Reserved::Done(kept) => format!("done {}", kept.status),
            Reserved::OtherBody => "other body".to_owned(),
        };
    }
    if answer.take::<()>().is_some() {
        return "settled".to_owned();
    }
    if let Some(outcome) = answer.take::<Result<(), SnapshotError>>() {
        return format!("SnapshotSet({outcome:?})");
    }
    if let Some(outcome) = answer.take::<Result<(), AckError>>() {
        return format!("Acked({outcome:?})");
    }
    panic!("nobody says how {answer:?} is to be read");
}

pub(super) fn channels(channels: impl IntoIterator<Item = ChannelInfo>) -> String {
    let word = |info: ChannelInfo| {
        let cached = |it: CachedInfo| format!("={}@{}", it.data_json, it.ttl_s);
        let cached = info.cache.map_or(String::new(), cached);
        format!("{}:{}{}{cached}", info.name, info.subscription_count, users(info.user_count))
    };
    sorted(channels.into_iter().map(word).collect())
}

pub(super) fn names(names: Vec<Box<str>>) -> String {
    sorted(names.into_iter().map(String::from).collect())
}

pub(super) fn lags(lags: &Lags) -> String {
    let word = |it: &ChannelLag| format!("{}:{}", it.channel, it.events);
    let worst: Vec<String> = lags.worst.iter().map(word).collect();
    format!("lags {} of {}", worst.join(" "), lags.lagging)
}

pub(super) fn info(info: Option<ChannelLogInfo>) -> String {
    let Some(info) = info else { return "no info".to_owned() };
    let ChannelLogInfo { first_sequence, last_sequence, cursors, lag, .. } = info;
    format!("info {first_sequence} to {last_sequence}, {cursors} cursor, lag {lag}")
}

fn users(count: Option<u32>) -> String {
    count.map_or(String::new(), |users| format!("/{users}"))
}

/// What an app's server is to be told.
pub(super) fn notice(notice: &Notice) -> String {
    let (event, channel) = (notice.fact.event().name(), &notice.channel);
    match &notice.fact {
        Fact::ChannelOccupied | Fact::ChannelVacated | Fact::CacheMiss => {
            format!("{event} {channel}")
        }
        Fact::MemberAdded { user_id } | Fact::MemberRemoved { user_id } => {
            format!("{event} {channel} {user_id}")
        }
        Fact::ClientEvent { frame, .. } => {
            let relayed = Relayed::parse(frame).unwrap();
            let user = relayed
                .user_id_json
                .map_or_else(String::new, |user| format!(" by {}", user.trim_matches('"')));
            format!("{event} {channel} {}{user}", relayed.event_json.trim_matches('"'))
        }
        Fact::SubscriptionCount { subscriptions } => format!("{event} {channel} {subscriptions}"),
        Fact::ConnectionCount { connections } => format!("{event} {connections}"),
    }
}

/// Numbers of events, or why they were not appended.
fn appended(outcomes: Vec<Result<Appended, AppendError>>) -> String {
    let word = |outcome: Result<Appended, AppendError>| match outcome {
        Ok(Appended { sequence, is_duplicate: false, .. }) => sequence.to_string(),
        Ok(Appended { sequence, is_duplicate: true, .. }) => format!("{sequence} again"),
        Err(error) => error.to_string(),
    };
    let words: Vec<String> = outcomes.into_iter().map(word).collect();
    format!("appended {}", words.join(", "))
}
