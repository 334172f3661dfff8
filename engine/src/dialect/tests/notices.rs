//! What an app's own server is told: each fact once, by the owner, in the channel's order.

use super::transcript::{check, check_on, check_with};
use super::world::{Limits, World};
use crate::app::{Webhook, WebhookEvent};

/// One webhook that wants `events`, all if there are none.
fn told(events: &[WebhookEvent]) -> impl Fn(&mut Limits) {
    move |limits| limits.webhooks = vec![Webhook { events: events.to_vec(), ..Webhook::default() }]
}

#[test]
fn an_app_without_webhooks_is_told_nothing() {
    check(
        "
        a: subscribe private-room
        a> subscription_succeeded private-room
        a: event private-room client-hi
        a: close
        a> close
        a> cut
        ",
    );
}

#[test]
fn a_channel_is_occupied_by_the_first_and_vacated_by_the_last() {
    check_with(
        told(&[WebhookEvent::ChannelOccupied]),
        "
        a: subscribe room
        a> subscription_succeeded room
        app> channel_occupied room
        b: subscribe room
        b> subscription_succeeded room
        a: unsubscribe room
        b: gone
        app> channel_vacated room
        ",
    );
}

#[test]
fn members_are_told_as_the_others_see_them() {
    check_with(
        told(&[WebhookEvent::MemberAdded, WebhookEvent::MemberRemoved]),
        "
        a: subscribe presence-room as ann
        a> subscription_succeeded presence-room [ann]
        app> member_added presence-room ann
        b: subscribe presence-room as ann
        b> subscription_succeeded presence-room [ann]
        a: unsubscribe presence-room
        b: unsubscribe presence-room
        app> member_removed presence-room ann
        ",
    );
}

#[test]
fn a_channels_facts_come_in_its_order() {
    check_with(
        told(&[]),
        "
        a: subscribe presence-room as ann
        a> subscription_succeeded presence-room [ann]
        app> channel_occupied presence-room
        app> member_added presence-room ann
        a: event presence-room client-1; a: event presence-room client-2; a: gone
        app> client_event presence-room client-1 by ann
        app> client_event presence-room client-2 by ann
        app> member_removed presence-room ann
        app> channel_vacated presence-room
        ",
    );
}

#[test]
fn events_of_the_http_api_are_not_told() {
    check_with(
        told(&[]),
        "
        a: subscribe private-room
        a> subscription_succeeded private-room
        app> channel_occupied private-room
        app> subscription_count private-room 1
        http: publish private-room hi
        a> event private-room hi
        http> published
        a: event private-room client-hi
        app> client_event private-room client-hi
        ",
    );
}

#[test]
fn subscriptions_are_counted_on_all_cores() {
    check_with(
        told(&[WebhookEvent::SubscriptionCount]),
        "
        a: subscribe room
        a> subscription_succeeded room
        app> subscription_count room 1
        b: subscribe room
        b> subscription_succeeded room
        app> subscription_count room 2
        c: subscribe room
        c> subscription_succeeded room
        app> subscription_count room 3
        a: gone
        app> subscription_count room 2
        ",
    );
}

#[test]
fn the_filters_of_a_webhook_decide_by_the_channels_name() {
    let edit = |limits: &mut Limits| {
        let webhook = |prefix: &str, suffix: &str| Webhook {
            events: vec![WebhookEvent::ChannelOccupied],
            channel_prefix: prefix.to_owned(),
            channel_suffix: suffix.to_owned(),
            ..Webhook::default()
        };
        limits.webhooks = vec![webhook("chat-", "-live"), webhook("only", "")];
    };
    check_with(
        edit,
        "
        a: subscribe chat-1-live
        a> subscription_succeeded chat-1-live
        app> channel_occupied chat-1-live
        a: subscribe chat-1
        a> subscription_succeeded chat-1
        a: subscribe x-chat-1-live
        a> subscription_succeeded x-chat-1-live
        a: subscribe only
        a> subscription_succeeded only
        app> channel_occupied only
        ",
    );
}

#[test]
fn connections_are_told_when_they_cross_the_threshold_and_not_between() {
    let edit = |limits: &mut Limits| {
        told(&[WebhookEvent::ConnectionCount])(limits);
        limits.connection_count_threshold = 2;
    };
    check_with(
        edit,
        "
        a: open
        a> established
        b: open
        app> connection_count 2
        b> established
        c: open
        c> established
        a: gone
        b: gone
        app> connection_count 1
        d: open
        app> connection_count 2
        d> established
        ",
    );
}

/// Who is refused is a websocket for as long as it takes to say so, and in no app.
#[test]
fn who_is_turned_away_is_no_connection_of_the_app() {
    let edit = |limits: &mut Limits| {
        told(&[WebhookEvent::ConnectionCount])(limits);
        limits.connection_count_threshold = 2;
        limits.app.connections_max = 1;
    };
    check_with(
        edit,
        "
        a: open
        a> established
        b: open
        b> error 4004
        b> close 4004
        b: gone
        ",
    );
}

/// App 0 belongs to core 0, which ends no earlier than it has heard from the other.
#[test]
fn a_drain_waits_for_the_word_that_nobody_is_connected() {
    let edit = |limits: &mut Limits| {
        told(&[WebhookEvent::ConnectionCount])(limits);
        limits.connection_count_threshold = 1;
    };
    let opened = "a: open on 1\n app> connection_count 1\n a> established";
    let mut world = check_on(2, edit, opened);
    world.shards.iter_mut().for_each(|shard| shard.start_drain(0));
    world.is_mail_held = true;
    world.gone(0);
    world.settle();
    let is_drained = |world: &World| [0, 1].map(|core| world.shards[core].is_drained());
    assert_eq!(is_drained(&world), [false, true]);
    world.is_mail_held = false;
    world.settle();
    assert_eq!(world.take_seen(), [("app".to_owned(), "connection_count 0".to_owned())]);
    assert_eq!(is_drained(&world), [true, true]);
}

#[test]
fn a_cache_channel_with_nothing_to_tell_is_a_miss() {
    check_with(
        told(&[WebhookEvent::CacheMiss]),
        "
        a: subscribe cache-room
        a> subscription_succeeded cache-room
        a> cache_miss cache-room
        app> cache_miss cache-room
        http: publish cache-room hi
        a> event cache-room hi
        http> published
        b: subscribe cache-room
        b> subscription_succeeded cache-room
        b> event cache-room hi
        ",
    );
}
