//! What stands before and after what, and who does not get what.

use super::transcript::{check, check_on, check_with};

#[test]
fn a_join_stands_between_the_events_of_one_turn() {
    check_on(
        1,
        |_| {},
        "
        a: subscribe room
        a> subscription_succeeded room
        b: open
        b> established
        http: publish room one; b: subscribe room; http: publish room two
        a> event room one
        a> event room two
        b> subscription_succeeded room
        b> event room two
        http> published
        http> published
        ",
    );
}

#[test]
fn a_join_on_another_core_stands_where_the_owner_put_it() {
    check_on(
        2,
        |_| {},
        "
        a: open on 0
        a> established
        a: subscribe room-on-1
        a> subscription_succeeded room-on-1
        b: open on 0
        b> established
        mail: hold
        http: publish room-on-1 one; b: subscribe room-on-1; http: publish room-on-1 two
        mail: release
        a> event room-on-1 one
        a> event room-on-1 two
        b> subscription_succeeded room-on-1
        b> event room-on-1 two
        http> published
        http> published
        ",
    );
}

#[test]
fn who_comes_back_in_one_turn_misses_only_what_came_while_away() {
    check_on(
        1,
        |_| {},
        "
        a: subscribe room
        a> subscription_succeeded room
        a: unsubscribe room; http: publish room one; a: subscribe room; http: publish room two
        a> subscription_succeeded room
        a> event room two
        http> published
        http> published
        ",
    );
}

#[test]
fn the_sender_of_a_client_event_does_not_get_it() {
    check(
        "
        a: subscribe private-room
        a> subscription_succeeded private-room
        b: subscribe private-room
        b> subscription_succeeded private-room
        c: subscribe private-room
        c> subscription_succeeded private-room
        a: event private-room client-one
        b> event private-room client-one
        c> event private-room client-one
        b: event private-room client-two
        a> event private-room client-two
        c> event private-room client-two
        ",
    );
}

#[test]
fn a_senders_own_events_are_cut_out_of_the_middle_of_a_turn() {
    check_on(
        1,
        |_| {},
        "
        a: subscribe private-room
        a> subscription_succeeded private-room
        b: subscribe private-room
        b> subscription_succeeded private-room
        a: event private-room client-1; b: event private-room client-2; \
        b: event private-room client-3; \
        a: event private-room client-4; http: publish private-room five
        a> event private-room client-2
        a> event private-room client-3
        a> event private-room five
        b> event private-room client-1
        b> event private-room client-4
        b> event private-room five
        http> published
        ",
    );
}

#[test]
fn an_event_of_the_http_api_can_leave_out_one_connection() {
    check(
        "
        a: subscribe room
        a> subscription_succeeded room
        b: subscribe room
        b> subscription_succeeded room
        http: publish room one except b
        a> event room one
        http> published
        http: publish room two except a
        b> event room two
        http> published
        ",
    );
}

#[test]
fn a_connection_in_the_slot_of_an_excluded_one_gets_the_event() {
    check_on(
        2,
        |_| {},
        "
        a: open on 1
        a> established
        a: subscribe room-on-0
        a> subscription_succeeded room-on-0
        mail: hold
        http: publish room-on-0 one except a
        a: gone
        b: open on 1
        b> established
        b: subscribe room-on-0
        mail: release
        b> subscription_succeeded room-on-0
        http> published
        http: publish room-on-0 two
        b> event room-on-0 two
        http> published
        ",
    );
}

#[test]
fn client_events_need_a_confirmed_subscription_to_a_channel_that_allows_them() {
    check(
        "
        a: event private-room client-one
        a> error null
        a: subscribe room
        a> subscription_succeeded room
        a: event room client-one
        a> error null
        ",
    );
}

#[test]
fn client_events_above_the_rate_are_refused_until_the_second_is_over() {
    check_with(
        |limits| limits.app.client_event_rate = 2,
        "
        a: subscribe private-room
        a> subscription_succeeded private-room
        b: subscribe private-room
        b> subscription_succeeded private-room
        a: event private-room client-1; a: event private-room client-2; \
        a: event private-room client-3
        a> error 4301
        b> event private-room client-1
        b> event private-room client-2
        b: event private-room client-4
        a> event private-room client-4
        time: 1000
        a: event private-room client-5
        b> event private-room client-5
        ",
    );
}
