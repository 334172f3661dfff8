//! `GET` and `DELETE /rooms/{room}/dlq`: list or forget the dead letters of a room.

use bytes::Bytes;
use uringcast_proto::form;
use uringcast_proto::zps::{server, time};
use uringcast_shard::id::AppIndex;
use uringcast_shard::log::DeadLetter;
use uringcast_shard::{ForgetDeadLetters, ListDeadLetters};

use super::answer::array;
use super::caller::app_of;
use super::error::ZpsError;
use super::room::room;
use super::shard_calls::tell_time;
use crate::endpoint::{Asked, Endpoint};
use crate::shards::spend_read;
use crate::{ApiConfig, ApiError, HttpAnswer, Shards, shards};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DeadLetters {
    app: AppIndex,
    room: String,
    /// At most as many, and those that were given up then or later; `None` is to forget all.
    listed: Option<(u32, u64)>,
}

/// Dead letters that one answer lists, as in the original.
const DEAD_LETTERS_MAX: u64 = 100;

impl Endpoint for DeadLetters {
    const PATH: &'static str = "/rooms/{}/dlq";
    const ALLOW: &'static str = "GET, HEAD, DELETE";
    type Action = Self;

    fn head(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let (app, limits) = app_of(asked)?;
        let room = room(asked.names[0], limits.room)?;
        if asked.head.method == "DELETE" {
            return Ok(Self { app, room, listed: None });
        }
        let limit = number(asked.head.query, "limit")?.unwrap_or(DEAD_LETTERS_MAX);
        let from_unix_ms = number(asked.head.query, "fromFailedAt")?.unwrap_or(0);
        Ok(Self { app, room, listed: Some((limit.min(DEAD_LETTERS_MAX) as u32, from_unix_ms)) })
    }

    fn body(self, _: &ApiConfig, _: &Bytes) -> Result<Self, ApiError> {
        Ok(self)
    }

    async fn answer(wanted: Self, shards: &impl Shards) -> Result<HttpAnswer, ApiError> {
        let Self { app, room, listed } = wanted;
        let spent = spend_read(shards, app).await?;
        tell_time(shards);
        let channel = shards::channel(shards, app, &room);
        let answer = if let Some((limit, from_unix_ms)) = listed {
            let list = ListDeadLetters { channel, limit, from_unix_ms };
            self::list(&room, &shards.ask(list).await)
        } else {
            let count = shards.ask(ForgetDeadLetters { channel, ids: None }).await;
            HttpAnswer::ok(count.to_string().into())
        };
        Ok(answer.with_budget(spent.as_ref()))
    }
}

/// A dead letter as the client reads it.
struct DeadLetterView<'a> {
    /// The letter's id.
    id: &'a str,
    /// The frame of its event, as number 0.
    frame: &'a [u8],
    /// Why it could not be delivered.
    error: &'a str,
    /// How often it was tried.
    attempts: u32,
    /// When it was given up, in milliseconds since 1970.
    failed_unix_ms: u64,
}

fn list(room: &str, letters: &[DeadLetter]) -> HttpAnswer {
    let frames: Vec<Bytes> = letters.iter().map(|letter| letter.draft.frame(0)).collect();
    let views = letters.iter().zip(&frames).map(|(letter, frame)| DeadLetterView {
        id: &letter.id,
        frame,
        error: &letter.error,
        attempts: letter.attempts,
        failed_unix_ms: letter.failed_unix_ms,
    });
    let letters: Vec<String> = views.map(|letter| dead_letter(room, &letter)).collect();
    HttpAnswer::ok(array(letters.iter().map(String::as_str), "[", "]"))
}

fn dead_letter(room: &str, letter: &DeadLetterView<'_>) -> String {
    let text = |text: &str| serde_json::to_string(text).expect("a string always has a JSON form");
    let event = server::envelope_of(letter.frame).unwrap_or("null");
    let mut failed_at = Vec::new();
    time::write(&mut failed_at, letter.failed_unix_ms);
    format!(
        r#"{{"id":{},"room":{},"originalEvent":{event},"error":{},"attempts":{},"failedAt":"{}"}}"#,
        text(letter.id),
        text(room),
        text(letter.error),
        letter.attempts,
        String::from_utf8_lossy(&failed_at),
    )
}

/// The whole number that `query` gives for `name`.
fn number(query: &str, name: &'static str) -> Result<Option<u64>, ZpsError> {
    let found = form::pairs(query).find_map(|(key, value)| value.filter(|_| key == name));
    found.map(|value| value.parse().map_err(|_| ZpsError::Query(name))).transpose()
}
