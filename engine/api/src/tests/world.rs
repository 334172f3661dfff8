//! Shards without sockets: what is asked is polled, their turns are run, and it is polled again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use uringcast_shard::{Asked, Millis, Output, Shard, ShardConfig, Ticket};

use super::*;
use crate::{Call, CallAnswer, CallOutcome};

/// A few cores, asked on the first.
#[derive(Clone)]
struct World(Rc<Inner>);

struct Inner {
    apps: Apps,
    config: ApiConfig,
    shards: RefCell<Vec<Shard>>,
    waiters: RefCell<HashMap<Ticket, Rc<dyn Waiter>>>,
    /// What every other server says.
    outcome: CallOutcome,
    calls: RefCell<Vec<Call>>,
}

impl Shards for World {
    fn begin<A: 'static>(&self, begin: impl FnOnce(&mut Shard) -> Asked<A>) -> Reply<A> {
        let (asked, reply) = (self.near(begin), Reply::new());
        self.0.waiters.borrow_mut().insert(asked.ticket, reply.waiter());
        reply
    }

    fn near<R>(&self, look: impl FnOnce(&mut Shard) -> R) -> R {
        look(&mut self.0.shards.borrow_mut()[0])
    }

    fn call(&self, call: Call) -> Reply<CallOutcome> {
        self.0.calls.borrow_mut().push(call);
        let reply = Reply::new();
        reply.fill(self.0.outcome.clone());
        reply
    }

    fn apart<T: 'static>(
        &self,
        work: impl Future<Output = T> + 'static,
    ) -> impl Future<Output = T> {
        work
    }
}

impl Facts for World {
    fn config(&self) -> &ApiConfig {
        &self.0.config
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn unix_us(&self) -> u64 {
        NOW_UNIX_S * 1_000_000
    }

    fn random(&self) -> u64 {
        7
    }

    fn is_backlogged(&self) -> bool {
        false
    }

    fn readiness(&self) -> Readiness {
        Readiness::Memory
    }

    fn calls_retried(&self) -> u64 {
        0
    }
}

impl World {
    fn new(cores: usize, app: App) -> Self {
        let apps = Apps::new(vec![app]).unwrap();
        let shard = |core| {
            let config = ShardConfig { core: CoreId(core as u8), cores, ..ShardConfig::default() };
            let mut shard =
                Shard::new(config, apps.clone(), &uringcast_dialect::DIALECTS, Millis(0));
            shard.set_unix_ms(NOW_UNIX_S * 1_000);
            shard
        };
        let shards = RefCell::new((0..cores).map(shard).collect());
        let outcome = Ok(CallAnswer { status: 200, body: r#"{"allowed":true}"#.into() });
        let (waiters, calls, config) = Default::default();
        Self(Rc::new(Inner { apps, config, shards, waiters, outcome, calls }))
    }

    /// The status and the body of the answer to one signed request.
    fn signed(&self, method: &str, path: &str, parameters: &[(&str, &str)], body: &str) -> String {
        let bytes = body.as_bytes();
        let query = sign_request(method, path, parameters, bytes, CREDENTIALS, NOW_UNIX_S);
        self.request(method, path, &query, body, &HeaderMap::new())
    }

    /// The status and the body of the answer to one request with the app's secret.
    fn zps(&self, method: &str, path: &str, body: &str) -> String {
        let bearer = HeaderValue::from_static("Bearer secret-a");
        let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, bearer)]);
        self.request(method, path, "", body, &headers)
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        query: &str,
        body: &str,
        headers: &HeaderMap,
    ) -> String {
        let action = run_with(&self.0.apps, headers, method, path, query, body);
        let mut work = pin!(async { action?.answer(self).await });
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            if let Poll::Ready(answered) = work.as_mut().poll(&mut context) {
                let answer = answered.unwrap_or_else(|error| HttpAnswer::refused(&error));
                return format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
            }
            self.turn();
        }
        panic!("{method} {path} is not answered")
    }

    /// A turn of each core, and what it has for the others and for who asked.
    fn turn(&self) {
        let mut shards = self.0.shards.borrow_mut();
        for core in 0..shards.len() {
            shards[core].end_turn();
            for other in 0..shards.len() {
                if let Some(messages) = shards[core].take_outgoing(CoreId(other as u8)) {
                    shards[other].receive(messages);
                }
            }
            while let Some(output) = shards[core].poll_output() {
                if let Output::Answer(ticket, answer) = output {
                    self.0.waiters.borrow_mut().remove(&ticket).unwrap().hear(answer);
                }
            }
        }
    }
}

fn app() -> App {
    App { history: vec![HistoryRule::new("*:*")], ..App::new("a", "key-a", "secret-a") }
}

#[test]
fn what_can_be_read_is_answered_by_all_cores() {
    for cores in [1, 3] {
        let world = World::new(cores, app());
        let get = |path: &str| world.signed("GET", path, &[], "");
        assert_eq!(get("/apps/a/channels"), r#"200 {"channels":{}}"#);
        assert_eq!(get("/apps/a/channels/x"), r#"200 {"occupied":false}"#);
        assert_eq!(get("/apps/a/channels/presence-x/users"), r#"200 {"users":[]}"#);
        assert_eq!(get("/apps/a/connections"), r#"200 {"connections":0}"#);
        let terminated = world.signed("POST", "/apps/a/users/u/terminate_connections", &[], "{}");
        assert_eq!(terminated, "200 {}");
        assert_eq!(get("/up"), r#"200 {"health":"OK"}"#);
        assert_eq!(get("/ready"), r#"503 {"ready":false,"cause":"memory"}"#);
        assert!(world.zps("GET", "/health", "").starts_with(r#"200 {"status":"degraded""#));
    }
}

#[test]
fn a_publish_is_answered_when_its_owner_has_queued_it() {
    for cores in [1, 3] {
        let world = World::new(cores, app());
        let event = |more: &str| format!(r#"{{"name":"e","channel":"x","data":"1"{more}}}"#);
        let publish = |body: &str| world.signed("POST", "/apps/a/events", &[], body);
        assert_eq!(publish(&event("")), "200 {}");
        let counted = publish(&event(r#","info":"subscription_count""#));
        assert_eq!(counted, r#"200 {"channels":{"x":{"subscription_count":0}}}"#);
        let published: u64 =
            world.0.shards.borrow_mut().iter_mut().map(|it| it.counters_mut().publishes).sum();
        assert_eq!(published, 2);
    }
}

#[test]
fn a_named_publish_is_carried_out_once_and_a_budget_is_spent() {
    let policy = AppPolicy { idempotency_window_s: 60, publish_rate: 1, ..AppPolicy::default() };
    let world = World::new(3, App { policy, ..app() });
    let publish = |data: &str, id: &str| {
        let body = format!(r#"{{"name":"e","channel":"x","data":"{data}","id":"{id}"}}"#);
        world.signed("POST", "/apps/a/events", &[], &body)
    };
    assert_eq!(publish("1", "k"), "200 {}");
    assert_eq!(publish("1", "k"), "200 {}", "it is answered as before and costs nothing");
    assert!(publish("2", "k").starts_with("422 "));
    assert!(publish("1", "other").starts_with("429 "));
}

#[test]
fn a_policy_is_called_before_anything_is_published() {
    let url = Some("http://policy".to_owned());
    let world = World::new(1, App { publish_policy_url: url, ..app() });
    let event = event_json("e", "x", "1");
    assert_eq!(world.signed("POST", "/apps/a/events", &[], &event), "200 {}");
    let calls = world.0.calls.borrow();
    assert_eq!((calls.len(), calls[0].url.as_str()), (1, "http://policy"));
}

#[test]
fn a_room_keeps_what_is_published_and_gives_it_again() {
    for cores in [1, 3] {
        let world = World::new(cores, app());
        let event = r#"{"room":"chat:1","type":"t","payload":{"n":1}}"#;
        let published = world.zps("POST", "/events", event);
        assert!(published.starts_with("200 {") && published.contains(r#""n":1"#), "{published}");
        let replayed = world.zps("POST", "/replay", r#"{"room":"chat:1","fromSequence":0}"#);
        assert!(replayed.contains(r#""n":1"#), "{replayed}");
        let ack = |sequence| {
            let body = format!(r#"{{"room":"chat:1","subscriberId":"ann","sequence":{sequence}}}"#);
            world.zps("POST", "/ack", &body)
        };
        assert!(ack(1).starts_with("204 "), "{}", ack(1));
        assert!(ack(9).starts_with("409 "), "{}", ack(9));
        let snapshot = "/rooms/chat:1/snapshot";
        assert_eq!(world.zps("GET", snapshot, ""), "200 null");
        let kept = world.zps("PUT", snapshot, r#"{"lastSequence":1,"state":[1]}"#);
        assert_eq!((world.zps("GET", snapshot, ""), kept.contains("[1]")), (kept.clone(), true));
        assert_eq!(world.zps("GET", "/rooms/chat:1/dlq", ""), "200 []");
        assert_eq!(world.zps("POST", "/rooms/chat:1/dlq/replay", ""), "200 []");
        assert_eq!(world.zps("DELETE", "/rooms/chat:1/dlq", ""), "200 0");
    }
}
