//! Tests of the shard and its dialects together, driven as the I/O layer drives them.
//!
//! They stand outside the shard and see only what it shows to everyone.
//!
//! Most are transcripts: `a: subscribe room` is what client a does, `a> event room one` what it
//! must receive, and anything that is received and not expected fails. See [`transcript`]
//! for the words and [`world`] for what stands in for the sockets and the mailboxes.

mod answers;
mod apps;
mod batching;
mod cache;
mod client_events;
mod deflate;
mod entered;
mod expiry;
mod forms;
mod ledger;
mod life;
mod log;
mod log_ask;
mod log_hold;
mod log_limits;
mod log_sinks;
mod log_slow;
mod log_unkept;
mod notices;
mod presence;
mod quota;
mod read;
mod render;
mod replies;
mod said;
mod signs_of_life;
mod slow;
mod subscribe;
mod subscription_count;
mod transcript;
mod transcripts;
mod user;
mod watch;
mod world;
mod written;
