//! Presence channels: users and not connections, over all cores.

use super::transcript::{check, check_on, check_with};
use crate::shard::Shard;

/// A user is announced for their first socket and withdrawn after their last, not once per socket.
#[test]
fn member_events_count_users_not_sockets() {
    check(
        "
        a: subscribe presence-room as ann
        a> subscription_succeeded presence-room [ann]
        b1: subscribe presence-room as bob
        a> member_added presence-room bob
        b1> subscription_succeeded presence-room [ann bob]
        b2: subscribe presence-room as bob
        b2> subscription_succeeded presence-room [ann bob]
        b1: unsubscribe presence-room
        b2: gone
        a> member_removed presence-room bob
        ",
    );
}

#[test]
fn a_user_who_leaves_and_comes_back_is_announced_again() {
    check(
        "
        a: subscribe presence-room as ann
        a> subscription_succeeded presence-room [ann]
        b: subscribe presence-room as bob
        a> member_added presence-room bob
        b> subscription_succeeded presence-room [ann bob]
        b: unsubscribe presence-room; b: subscribe presence-room as bob
        a> member_removed presence-room bob
        a> member_added presence-room bob
        b> subscription_succeeded presence-room [ann bob]
        ",
    );
}

#[test]
fn a_close_takes_the_user_out_at_once() {
    check(
        "
        a: subscribe presence-room as ann
        a> subscription_succeeded presence-room [ann]
        b: subscribe presence-room as bob
        a> member_added presence-room bob
        b> subscription_succeeded presence-room [ann bob]
        b: close 1000
        a> member_removed presence-room bob
        b> close 1000
        b> cut
        http: users presence-room
        http> [ann]
        ",
    );
}

#[test]
fn a_full_channel_refuses_strangers_and_takes_second_connections() {
    check_with(
        |limits| limits.app.presence_members_max = 1,
        "
        a1: subscribe presence-room as ann
        a1> subscription_succeeded presence-room [ann]
        b: subscribe presence-room as bob
        b> subscription_error presence-room LimitReached 403
        b> error 4004
        a2: subscribe presence-room as ann
        a2> subscription_succeeded presence-room [ann]
        http: channels
        http> [presence-room:2/1]
        a1: gone
        a2: gone
        b: subscribe presence-room as bob
        b> subscription_succeeded presence-room [bob]
        ",
    );
}

#[test]
fn a_channel_that_lets_nobody_in_leaves_nothing_behind() {
    let mut world = check_on(
        2,
        |limits| limits.app.presence_members_max = 0,
        "
        a: open on 0
        a> established
        a: subscribe presence-on-1 as ann
        a> subscription_error presence-on-1 LimitReached 403
        a> error 4004
        ",
    );
    world.gone(0);
    world.settle();
    assert!(world.shards.iter().all(Shard::is_vacant));
}

#[test]
fn a_client_event_on_a_presence_channel_says_who_sent_it() {
    check(
        "
        a: subscribe presence-room as ann
        a> subscription_succeeded presence-room [ann]
        b: subscribe presence-room as bob
        a> member_added presence-room bob
        b> subscription_succeeded presence-room [ann bob]
        b: event presence-room client-hi
        a> event presence-room client-hi by bob
        ",
    );
}

#[test]
fn a_member_who_left_before_the_answer_comes_and_goes_for_the_others() {
    check_on(
        2,
        |_| {},
        "
        a: open on 1
        a> established
        a: subscribe presence-on-1 as ann
        a> subscription_succeeded presence-on-1 [ann]
        b: open on 0
        b> established
        mail: hold
        b: subscribe presence-on-1 as bob; b: unsubscribe presence-on-1
        mail: pass 0 1
        a> member_added presence-on-1 bob
        mail: release
        a> member_removed presence-on-1 bob
        ",
    );
}
