//! ZinTrust's side of the HTTP API.
//!
//! Its servers publish to the same path as Pusher's libraries, with a secret instead of a
//! signature, a laxer body and answers of their own.

mod consult;
mod draft;
mod error;
mod review;
mod secret;

pub use error::ZinTrustError;
pub(super) use review::Drafts;
pub(super) use review::Review;

pub(super) use consult::{call, shown};
pub(super) use draft::ZinTrustDraft;
pub use secret::bearer;
pub(super) use secret::{is_publish_secret, sent_secret};
