//! Who is in a presence channel: users, not connections.
//!
//! A user enters with their first subscription and leaves with their last, however many connections
//! on however many cores present them. The roster lives with the channel's owner, so there is one.

use hashbrown::HashMap;

use crate::message::{JoinRefused, Member};

/// The users of one presence channel.
#[derive(Debug, Default)]
pub(super) struct Roster {
    users: HashMap<Box<str>, User, foldhash::fast::RandomState>,
}

#[derive(Debug)]
struct User {
    user_info: Box<str>,
    subscriptions: u32,
}

impl Roster {
    /// Count one more subscription of `member`; true when the user was not there before.
    ///
    /// A user who is there keeps the `user_info` they entered with, as the others know it.
    pub(super) fn enter(&mut self, member: &Member, members_max: u32) -> Result<bool, JoinRefused> {
        if let Some(user) = self.users.get_mut(&member.user_id) {
            user.subscriptions += 1;
            return Ok(false);
        }
        if self.users.len() >= members_max as usize {
            return Err(JoinRefused::PresenceFull { members_max });
        }
        let user = User { user_info: member.user_info.clone(), subscriptions: 1 };
        self.users.insert(member.user_id.clone(), user);
        Ok(true)
    }

    /// Count one subscription of `user_id` less; true when it was the user's last.
    pub(super) fn leave(&mut self, user_id: &str) -> bool {
        let user = self.users.get_mut(user_id).expect("only a user who has entered leaves");
        user.subscriptions -= 1;
        let gone = user.subscriptions == 0;
        if gone {
            self.users.remove(user_id);
        }
        gone
    }

    /// Each user's id and `user_info`.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.users.iter().map(|(id, user)| (&**id, &*user.user_info))
    }

    /// How many users are here.
    pub(super) fn len(&self) -> u32 {
        self.users.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(user_id: &str) -> Member {
        Member { user_id: user_id.into(), user_info: "{}".into() }
    }

    #[test]
    fn a_user_enters_once_and_leaves_with_the_last_subscription() {
        let mut roster = Roster::default();
        assert_eq!(roster.enter(&member("ann"), 9), Ok(true));
        assert_eq!(roster.enter(&member("ann"), 9), Ok(false));
        assert_eq!(roster.len(), 1);
        assert!(!roster.leave("ann"));
        assert!(roster.leave("ann"));
        assert_eq!(roster.len(), 0);
    }

    #[test]
    fn a_full_channel_refuses_strangers_and_takes_second_connections() {
        let mut roster = Roster::default();
        assert_eq!(roster.enter(&member("ann"), 1), Ok(true));
        let refused = Err(JoinRefused::PresenceFull { members_max: 1 });
        assert_eq!(roster.enter(&member("bob"), 1), refused);
        assert_eq!(roster.enter(&member("ann"), 1), Ok(false));
    }
}
