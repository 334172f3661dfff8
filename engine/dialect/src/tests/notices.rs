//! What an app's own server is told: each fact once, by the owner, in the channel's order.

use uringcast_shard::app::{Webhook, WebhookEvent};

use super::transcript::{check_on, check_with};
use super::world::{Limits, World};

/// One webhook that wants `events`, all if there are none.
fn told(events: &[WebhookEvent]) -> impl Fn(&mut Limits) {
    move |limits| limits.webhooks = vec![Webhook { events: events.to_vec(), ..Webhook::default() }]
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
