//! Signing in: who is behind a connection, and whom that user wants to hear of.
//!
//! A signature that does not match ends the connection, as hosted Pusher has it. What the app's
//! server has signed and nobody can use is answered, and the connection lives on without a user.

use uringcast_proto::pusher::auth::{self, AuthError};
use uringcast_proto::pusher::codes::Code;
use uringcast_proto::pusher::server;
use uringcast_proto::pusher::user::{User, UserError};
use uringcast_shard::app::{App, AppKey};
use uringcast_shard::id::ConnId;
use uringcast_shard::{Ending, Refusal, Shard, SigninError};

use super::{complain, member_limits};

/// Why nobody has signed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("{0}")]
    Auth(#[from] AuthError),
    #[error("{0}")]
    User(#[from] UserError),
    #[error("{0}")]
    Signin(#[from] SigninError),
}

/// Sign `conn` in as the user of `user_data`, or say why not.
pub(super) fn on_signin(shard: &mut Shard, app: &App, conn: ConnId, auth: &str, user_data: &str) {
    if let Err(refused) = sign_in(shard, app, conn, auth, user_data) {
        refuse(shard, conn, &refused);
    }
}

fn sign_in(
    shard: &mut Shard,
    app: &App,
    conn: ConnId,
    auth: &str,
    user_data: &str,
) -> Result<(), Refused> {
    let id = shard.socket_id(conn).ok_or(SigninError::Closing)?.to_string();
    let AppKey { key, secret } = app.key_or_primary(auth.split(':').next().unwrap_or_default());
    auth::verify_user(key, secret, auth, &id, user_data)?;
    let user = User::parse(user_data, member_limits(&app.policy))?;
    let is_new = shard.sign_in(conn, &user.id, &user.user_info_json)?;
    shard.send(conn, server::signin_success(user_data));
    if is_new {
        watch(shard, conn, &user.watchlist, app.policy.watchlist_max);
    }
    Ok(())
}

/// Watch all of a watchlist or, if it is too long, nobody: who is signed in stays so.
fn watch(shard: &mut Shard, conn: ConnId, watchlist: &[String], users_max: u32) {
    let users = watchlist.len();
    if users <= users_max as usize {
        return shard.watch(conn, watchlist);
    }
    let code = Code::WatchlistFull;
    let text = format!("{}: {users} users, at most {users_max} are allowed", code.text());
    complain(shard, conn, Some(code), &text, Refusal::Watchlist);
}

fn refuse(shard: &mut Shard, conn: ConnId, refused: &Refused) {
    let text = refused.to_string();
    match refused {
        Refused::Auth(_) => {
            shard.refuse(Refusal::Signature);
            shard.end(conn, Ending::Unauthorized, &text);
        }
        Refused::User(_) => complain(shard, conn, None, &text, Refusal::Signin),
        Refused::Signin(SigninError::OtherUser) => {
            complain(shard, conn, Some(Code::Unauthorized), &text, Refusal::Signin);
        }
        Refused::Signin(SigninError::Closing) => {} // It hears nothing more.
    }
}
