//! `POST /broadcasting/auth` and `/broadcasting/user-auth`: signing subscriptions and users for
//! apps whose own server does not.
//!
//! [`Caller`] is what the head says, [`Caller::decide`] what the app's `AuthPolicy` makes of it
//! and of the body. Encrypted channels are signed like private ones, without the `shared_secret`
//! that their clients need: this server knows no key to derive it from.

mod body;
mod caller;
mod jwt;
mod signin;
mod webhook;

pub use webhook::Question;

pub(super) use caller::Caller;

use serde::Serialize;

use super::answer::Answer;

/// Where subscriptions are signed, as laravel-echo has it by default.
pub(super) const PATH: &str = "/broadcasting/auth";

/// Where users are, as laravel-echo has it by default.
pub(super) const USER_PATH: &str = "/broadcasting/user-auth";

/// Bytes of a body: nobody has shown yet who they are, and a member's data is about 1 KiB.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// A subscription that is signed.
#[derive(Debug, Serialize)]
struct Grant<'a> {
    auth: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_data: Option<&'a str>,
}

impl Grant<'_> {
    fn answer(&self) -> Answer {
        Answer::zintrust(200, self)
    }
}
