//! Dispatch against a pretended clock and pretended endpoints.

use serde_json::Value;
use uringcast_proto::pusher::server;
use uringcast_proto::pusher::webhook::sign;

use super::dispatch::{Dispatch, Output};
use super::endpoint::Depth;
use super::post::{DeadLetter, Post};
use super::*;
use crate::app::{Backoff, RetryPolicy, Webhook, WebhookEvent};
use crate::id::{AppIndex, CoreId, SocketId};
use crate::shard::Fact;

/// A dispatch with the posts that it has started and the letters that it has given up.
struct World {
    dispatch: Dispatch,
    app: Arc<App>,
    ms: u64,
    posts: Vec<(usize, Post)>,
    letters: Vec<DeadLetter>,
}

impl World {
    /// With one app that has `webhooks`.
    fn new(edit: impl FnOnce(&mut WebhookConfig), webhooks: Vec<Webhook>) -> Self {
        let mut config = WebhookConfig::default();
        edit(&mut config);
        let app =
            App { webhooks, connection_count_threshold: 2, ..App::new("app", "key", "secret") };
        Self {
            dispatch: Dispatch::new(config),
            app: Arc::new(app),
            ms: 0,
            posts: Vec::new(),
            letters: Vec::new(),
        }
    }

    /// With one webhook that wants everything.
    fn plain(edit: impl FnOnce(&mut WebhookConfig)) -> Self {
        Self::new(edit, vec![webhook("http://one/")])
    }

    fn now(&self) -> Now {
        Now { at: Millis(self.ms), unix_ms: 1_000_000 + self.ms }
    }

    fn tell(&mut self, channel: &str, fact: Fact) {
        let notice = Notice { app: AppIndex(0), channel: channel.into(), fact };
        let told = AppNotice { app: Arc::clone(&self.app), notice };
        self.dispatch.take(self.now(), told);
        self.poll();
    }

    /// Channels become occupied: the simplest thing to tell.
    fn occupy(&mut self, channels: &[&str]) {
        for channel in channels {
            self.tell(channel, Fact::ChannelOccupied);
        }
    }

    /// Time moves on, step by step to whatever is due on the way.
    fn wait(&mut self, ms: u64) {
        let end = self.ms + ms;
        loop {
            self.dispatch.advance(self.now());
            self.poll();
            let due = self.dispatch.next_due().map_or(end, |due| due.0);
            if self.ms >= end {
                return;
            }
            self.ms = due.clamp(self.ms + 1, end);
        }
    }

    fn poll(&mut self) {
        self.dispatch.check();
        while let Some(output) = self.dispatch.poll_output() {
            match output {
                Output::Post { endpoint, post, .. } => self.posts.push((endpoint, post)),
                Output::Bury(letter) => self.letters.push(letter),
            }
        }
    }

    /// The oldest post in flight arrives; its events, in short.
    fn deliver(&mut self) -> String {
        let (endpoint, post) = self.posts.remove(0);
        self.dispatch.delivered(endpoint);
        self.dispatch.check();
        events(std::str::from_utf8(&post.body).unwrap())
    }

    /// The oldest post in flight fails.
    fn fail(&mut self) {
        let (endpoint, _) = self.posts.remove(0);
        self.dispatch.failed(self.now(), endpoint, "status 500");
        self.poll();
    }
}

fn webhook(url: &str) -> Webhook {
    Webhook { url: url.to_owned(), ..Webhook::default() }
}

/// Each event of a body by its name, with its channel, user or count.
fn events(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    assert!(body["time_ms"].as_u64().unwrap() >= 1_000_000);
    let word = |event: &Value| {
        let fields = ["name", "channel", "user_id", "subscription_count", "connection_count"];
        let present = fields.iter().filter(|field| !event[**field].is_null());
        let words = present.map(|field| event[*field].to_string().replace('"', ""));
        words.collect::<Vec<_>>().join(" ")
    };
    body["events"].as_array().unwrap().iter().map(word).collect::<Vec<_>>().join(", ")
}

fn added(user_id: &str) -> Fact {
    Fact::MemberAdded { user_id: user_id.into() }
}

fn removed(user_id: &str) -> Fact {
    Fact::MemberRemoved { user_id: user_id.into() }
}

#[test]
fn events_of_a_moment_travel_together_in_their_order() {
    let mut world = World::plain(|_| {});
    world.occupy(&["a"]);
    world.wait(30);
    world.tell("presence-b", added("ann"));
    world.wait(19);
    assert!(world.posts.is_empty(), "50 ms after the first, not earlier");
    world.wait(1);
    let expected = "channel_occupied a, member_added presence-b ann";
    assert_eq!(world.deliver(), expected);
    world.wait(100_000);
    assert!(world.posts.is_empty(), "each is told once");
}

#[test]
fn a_full_batch_leaves_at_once_and_the_rest_waits_for_its_turn() {
    let mut world = World::plain(|config| config.batch_events_max = 2);
    world.occupy(&["a", "b", "c"]);
    world.wait(0);
    assert_eq!(world.deliver(), "channel_occupied a, channel_occupied b");
    world.wait(49);
    assert!(world.posts.is_empty());
    world.wait(1);
    assert_eq!(world.deliver(), "channel_occupied c");
}

#[test]
fn a_batch_has_as_many_bytes_as_its_limit_and_a_larger_event_goes_alone() {
    let event_bytes = r#"{"name":"channel_occupied","channel":"a"}"#.len();
    let mut world = World::plain(|config| config.batch_bytes_max = 2 * (event_bytes as u32 + 1));
    world.occupy(&["a", "b", "c", &"d".repeat(200), "e"]);
    world.wait(50);
    assert_eq!(world.deliver(), "channel_occupied a, channel_occupied b");
    for alone in ["c", &"d".repeat(200), "e"] {
        world.wait(50);
        assert_eq!(world.deliver(), format!("channel_occupied {alone}"));
    }
}

#[test]
fn a_request_is_signed_over_its_exact_bytes_and_its_own_headers_replace_none_of_ours() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let own = [("x-pusher-KEY", "forged"), ("X-Env", "test")];
    let headers = own.map(|(name, value)| (name.to_owned(), value.into())).into();
    let mut world = World::new(|_| {}, vec![Webhook { headers, ..webhook("http://one/") }]);
    world.occupy(&["a"]);
    world.wait(50);
    let (_, post) = &world.posts[0];
    let signature = sign("secret", std::str::from_utf8(&post.body).unwrap());
    let expected = [
        header("X-Env", "test"),
        header("X-Pusher-Key", "key"),
        header("X-Pusher-Signature", &signature),
    ];
    assert_eq!((&*post.url, &post.headers[..]), ("http://one/", &expected[..]));
}

#[test]
fn each_endpoint_hears_what_it_wants() {
    let only = |url: &str, events: &[WebhookEvent], channel_prefix: &str| Webhook {
        events: events.to_vec(),
        channel_prefix: channel_prefix.to_owned(),
        ..webhook(url)
    };
    let members = only("http://members/", &[WebhookEvent::MemberAdded], "");
    let rooms = only("http://rooms/", &[], "presence-r");
    let mut world = World::new(|_| {}, vec![members, rooms]);
    for channel in ["presence-a", "presence-room"] {
        world.occupy(&[channel]);
        world.tell(channel, added("ann"));
    }
    world.wait(50);
    world.posts.sort_by(|(_, one), (_, other)| one.url.cmp(&other.url));
    assert_eq!(world.deliver(), "member_added presence-a ann, member_added presence-room ann");
    assert_eq!(world.deliver(), "channel_occupied presence-room, member_added presence-room ann");
}

#[test]
fn what_is_taken_back_within_the_debounce_is_not_told() {
    let mut world = World::plain(|_| {});
    world.tell("a", Fact::ChannelVacated);
    world.tell("presence-a", removed("ann"));
    world.tell("presence-a", removed("bob"));
    world.wait(2_999);
    world.occupy(&["a"]);
    world.tell("presence-a", added("ann"));
    world.wait(60_000);
    assert_eq!(world.deliver(), "member_removed presence-a bob");
    assert!(world.posts.is_empty());
}

#[test]
fn what_is_taken_back_too_late_is_told_both_times() {
    let mut world = World::plain(|_| {});
    world.tell("a", Fact::ChannelVacated);
    world.wait(3_000);
    world.occupy(&["a"]);
    world.wait(50);
    assert_eq!(world.deliver(), "channel_vacated a, channel_occupied a");
}

#[test]
fn a_users_departure_is_taken_back_by_that_user_in_that_channel_only() {
    let mut world = World::plain(|_| {});
    world.tell("presence-a", removed("ann"));
    world.tell("presence-a", added("bob"));
    world.tell("presence-b", added("ann"));
    world.tell("presence-a", Fact::ChannelOccupied);
    world.wait(4_000);
    let arrivals = "member_added presence-a bob, member_added presence-b ann, \
                    channel_occupied presence-a";
    assert_eq!(world.deliver(), arrivals);
    world.wait(50);
    assert_eq!(world.deliver(), "member_removed presence-a ann");
}

#[test]
fn beyond_the_limit_of_departures_the_oldest_are_told_early_and_none_is_lost() {
    let mut world = World::plain(|config| config.debounce_events_max = 2);
    for channel in ["a", "b"] {
        world.tell(channel, Fact::ChannelVacated);
    }
    world.wait(100);
    assert!(world.posts.is_empty());
    world.tell("c", Fact::ChannelVacated);
    world.wait(50);
    assert_eq!(world.deliver(), "channel_vacated a");
    world.occupy(&["b"]);
    world.wait(3_000);
    assert_eq!(world.deliver(), "channel_vacated c");
}

#[test]
fn a_large_channels_count_is_told_every_five_seconds_and_the_last_one_always() {
    let mut world = World::plain(|_| {});
    let count = |subscriptions| Fact::SubscriptionCount { subscriptions };
    world.tell("a", count(100));
    for subscriptions in 101..=103 {
        world.tell("a", count(subscriptions));
    }
    world.wait(50);
    assert_eq!(world.deliver(), "subscription_count a 100, subscription_count a 101");
    world.wait(4_949);
    assert!(world.posts.is_empty());
    world.wait(51);
    assert_eq!(world.deliver(), "subscription_count a 103");
    world.tell("a", count(104));
    world.tell("a", count(99));
    world.wait(60_000);
    assert_eq!(world.deliver(), "subscription_count a 99");
    assert!(world.posts.is_empty(), "a count that has been overtaken is not told");
}

#[test]
fn every_kind_of_event_has_its_name_and_its_detail() {
    let mut world = World::plain(|_| {});
    let frame = server::event("\"client-hi\"", "presence-a", "{\"x\":1}", Some("ann"));
    let socket_id = SocketId::new(CoreId(0), 7, 9);
    world.tell("presence-a", Fact::ClientEvent { frame, socket_id });
    world.tell("cache-a", Fact::CacheMiss);
    world.tell("", Fact::ConnectionCount { connections: 2 });
    world.wait(50);
    let body: Value = serde_json::from_slice(&world.posts[0].1.body).unwrap();
    let expected = serde_json::json!([
        {
            "name": "client_event", "channel": "presence-a", "event": "client-hi",
            "data": "{\"x\":1}", "socket_id": "7.9", "user_id": "ann",
        },
        {"name": "cache_miss", "channel": "cache-a"},
        {"name": "connection_count", "connection_count": 2, "threshold": 2},
    ]);
    assert_eq!(body["events"], expected);
    assert_eq!(body["time_ms"], 1_000_050);
}

#[test]
fn an_endpoint_has_one_request_in_flight_and_gets_the_rest_in_order() {
    let mut world = World::plain(|config| config.batch_events_max = 1);
    world.occupy(&["a", "b", "c"]);
    world.wait(1_000);
    assert_eq!(world.posts.len(), 1);
    for channel in ["a", "b", "c"] {
        assert_eq!(world.deliver(), format!("channel_occupied {channel}"));
        world.wait(0);
    }
}

#[test]
fn a_failed_request_is_sent_again_with_the_same_bytes_after_growing_pauses() {
    let mut world = World::plain(|_| {});
    world.occupy(&["a"]);
    world.wait(50);
    let first = world.posts[0].1.clone();
    for pause_ms in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
        world.fail();
        world.wait(pause_ms - 1);
        assert!(world.posts.is_empty(), "not before {pause_ms} ms");
        world.wait(1);
        assert_eq!(world.posts[0].1, first);
    }
    assert_eq!(world.deliver(), "channel_occupied a");
    world.occupy(&["b"]);
    world.wait(50);
    world.fail();
    world.wait(1_000);
    assert_eq!(world.posts.len(), 1, "after a success the pauses begin anew");
}

#[test]
fn what_has_failed_for_five_minutes_is_a_dead_letter_and_what_came_later_is_tried() {
    let mut world = World::plain(|_| {});
    world.occupy(&["a"]);
    world.wait(250_000);
    let (began, mut is_later_told) = (world.ms, false);
    while world.letters.is_empty() {
        world.fail();
        while world.posts.is_empty() && world.letters.is_empty() {
            world.wait(1_000);
        }
        if !is_later_told && world.ms > began + 100_000 {
            is_later_told = true;
            world.occupy(&["b"]);
        }
    }
    let failing_ms = world.ms - began;
    assert!((300_000..=361_000).contains(&failing_ms), "{failing_ms}");
    let [letter] = &world.letters[..] else { panic!("{:?}", world.letters) };
    assert_eq!(events(&letter.body), "channel_occupied a");
    assert_eq!((&*letter.app_id, &*letter.url, letter.events), ("app", "http://one/", 1));
    assert_eq!(letter.reason, "status 500");
    world.wait(60_000);
    assert_eq!(world.deliver(), "channel_occupied b");
}

#[test]
fn an_endpoint_with_a_policy_is_tried_as_that_says() {
    let retry = RetryPolicy {
        backoff: Backoff::Linear,
        attempts_max: 3,
        delay_base_ms: 1_000,
        delay_max_ms: 60_000,
    };
    let webhooks = vec![Webhook { retry: Some(retry), ..webhook("http://one/") }];
    let mut world = World::new(|config| config.batch_events_max = 1, webhooks);
    world.occupy(&["a", "b"]);
    world.wait(100);
    for pause_ms in [1_000, 2_000] {
        world.fail();
        world.wait(pause_ms - 10);
        assert!(world.posts.is_empty(), "it is not time yet");
        world.wait(10);
        assert_eq!(world.posts.len(), 1);
    }
    world.fail();
    assert_eq!(world.letters.len(), 1, "the third attempt was the last");
    world.wait(10);
    assert_eq!(world.deliver(), "channel_occupied b");
}

#[test]
fn a_slow_endpoint_loses_nothing_however_old_its_queue_is() {
    let mut world = World::plain(|config| config.batch_events_max = 1);
    world.occupy(&["a", "b"]);
    world.wait(400_000);
    world.deliver();
    world.wait(400_000);
    world.fail();
    assert!(world.letters.is_empty(), "it has failed once, just now");
    world.wait(1_000);
    assert_eq!(world.deliver(), "channel_occupied b");
}

#[test]
fn a_queue_holds_as_much_as_its_limits_and_the_newest_beyond_it_are_dead_letters() {
    for is_by_bytes in [false, true] {
        let one_bytes =
            r#"{"time_ms":1000000,"events":[{"name":"channel_occupied","channel":"a"}]}"#;
        let mut world = World::plain(|config| {
            config.batch_events_max = 1;
            if is_by_bytes {
                config.queue_bytes_max = 2 * one_bytes.len() as u32;
            } else {
                config.queue_batches_max = 2;
            }
        });
        world.occupy(&["a", "b"]);
        world.wait(0);
        assert!(world.letters.is_empty());
        world.occupy(&["c"]);
        world.wait(0);
        let letters: Vec<String> = world.letters.iter().map(|it| events(&it.body)).collect();
        assert_eq!(letters, ["channel_occupied c"]);
        world.deliver();
        world.occupy(&["d"]);
        world.wait(0);
        assert_eq!(world.letters.len(), 1, "there is room again");
    }
}

#[test]
fn all_queues_together_hold_as_much_as_their_limit() {
    let one_bytes = r#"{"time_ms":1000000,"events":[{"name":"channel_occupied","channel":"a"}]}"#;
    let limit = |config: &mut WebhookConfig| {
        config.batch_events_max = 1;
        config.queue_total_bytes_max = 3 * one_bytes.len() as u32;
    };
    let mut world = World::new(limit, vec![webhook("http://one/"), webhook("http://two/")]);
    world.occupy(&["a"]);
    world.wait(0);
    assert!(world.letters.is_empty());
    world.occupy(&["b"]);
    world.wait(0);
    assert_eq!(world.letters.len(), 1);
    for _ in 0..3 {
        world.deliver();
        world.wait(0);
    }
    assert_eq!(world.dispatch.depth(), Depth::default());
}

#[test]
fn one_dead_endpoint_keeps_no_other_waiting() {
    let mut world = World::new(|_| {}, vec![webhook("http://dead/"), webhook("http://well/")]);
    world.occupy(&["a"]);
    world.wait(50);
    world.posts.sort_by(|(_, one), (_, other)| one.url.cmp(&other.url));
    world.fail();
    world.deliver();
    world.occupy(&["b"]);
    world.wait(50);
    assert_eq!(world.posts[0].1.url, "http://well/");
    assert_eq!(world.deliver(), "channel_occupied b");
}

#[test]
fn a_changed_app_keeps_the_queue_of_an_endpoint_and_signs_with_its_new_key() {
    let mut world = World::plain(|config| config.batch_events_max = 1);
    world.occupy(&["a", "b"]);
    world.wait(0);
    let webhooks = vec![webhook("http://new/"), webhook("http://one/")];
    world.app = Arc::new(App { webhooks, ..App::new("app", "key-2", "secret-2") });
    world.occupy(&["c"]);
    world.deliver();
    world.wait(0);
    let mut urls: Vec<_> = world.posts.iter().map(|(_, post)| &*post.url).collect();
    urls.sort_unstable();
    assert_eq!(urls, ["http://new/", "http://one/"]);
    assert!(world.posts.iter().all(|(_, post)| post.headers[0].1 == "key-2"));
}

/// At once if nothing waits for it, and otherwise with its last batch, however that ends.
#[test]
fn an_endpoint_that_no_app_has_any_more_goes_when_nothing_waits_for_it() {
    let webhooks = |urls: &[&str]| urls.iter().map(|url| webhook(url)).collect();
    let edit = |config: &mut WebhookConfig| config.batch_events_max = 1;
    let mut world = World::new(edit, webhooks(&["http://one/", "http://two/"]));
    world.occupy(&["a", "b"]);
    world.wait(0);
    world.deliver();
    world.wait(0);
    let change = |world: &mut World, urls| {
        let webhooks = webhooks(urls);
        world.app = Arc::new(App { webhooks, ..App::new("app", "key", "secret") });
        world.occupy(&["c"]);
        world.wait(0);
        world.dispatch.check()
    };
    assert_eq!(change(&mut world, &["http://three/"]), 3, "both have posts in flight");
    while world.posts.iter().any(|(_, post)| &*post.url != "http://three/") {
        world.deliver();
        world.wait(0);
    }
    assert_eq!(world.dispatch.check(), 1);
    while !world.posts.is_empty() {
        world.deliver();
        world.wait(0);
    }
    assert_eq!(change(&mut world, &["http://four/"]), 1, "nothing waited for the third");
    assert_eq!(world.posts[0].1.url, "http://four/");
}

#[test]
fn at_the_end_no_count_is_held_back() {
    let mut world = World::plain(|_| {});
    let count = |subscriptions| Fact::SubscriptionCount { subscriptions };
    world.tell("a", count(101));
    world.tell("a", count(102));
    world.dispatch.hurry(world.now());
    world.tell("a", count(103));
    world.tell("a", count(104));
    world.wait(0);
    let counts = [101, 102, 103, 104].map(|count| format!("subscription_count a {count}"));
    assert_eq!(world.deliver(), counts.join(", "));
    assert!(world.dispatch.is_idle());
}

#[test]
fn at_the_end_everything_is_sent_at_once_and_what_is_left_is_given_up() {
    let mut world = World::plain(|_| {});
    world.tell("presence-a", removed("ann"));
    world.occupy(&["a"]);
    world.dispatch.hurry(world.now());
    world.wait(0);
    assert_eq!(world.posts.len(), 1);
    world.tell("b", Fact::ChannelVacated);
    world.wait(0);
    assert!(!world.dispatch.is_idle());
    world.dispatch.give_up(world.now());
    world.poll();
    let letters: Vec<String> = world.letters.iter().map(|it| events(&it.body)).collect();
    let expected = ["channel_occupied a, member_removed presence-a ann", "channel_vacated b"];
    assert_eq!(letters, expected);
    assert!(world.dispatch.is_idle());
}
