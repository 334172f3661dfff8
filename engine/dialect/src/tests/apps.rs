//! The apps change while their clients are connected.

use uringcast_shard::app::{App, AppPolicy, Apps};
use uringcast_shard::id::{AppIndex, ConnId};
use uringcast_shard::{EVICTIONS_PER_TICK, Millis, Shard};

use super::world::{Limits, World};
use crate::pusher::turn_away;
use crate::{Dialect, Refused};

fn app(id: &str, enabled: bool) -> App {
    let policy = AppPolicy { enabled, ..AppPolicy::default() };
    App { policy, ..App::new(id, id, "secret") }
}

/// A shard that serves the apps `a` and `b`.
fn shard(connections_max: usize) -> Shard {
    let mut limits = Limits::default();
    limits.shard.connections_max = connections_max;
    let config = World::new(1, limits).shards.remove(0).config().clone();
    Shard::new(
        config,
        Apps::new(vec![app("a", true), app("b", true)]).unwrap(),
        &crate::DIALECTS,
        Millis(0),
    )
}

fn connect(shard: &mut Shard, app: u16) -> ConnId {
    let conn = shard.open(0).unwrap();
    assert!(shard.enter(conn, AppIndex(app), false).is_none(), "the app has no limit");
    shard.upgrade(conn, Dialect::Pusher);
    conn
}

fn open(shard: &mut Shard, conns: &[ConnId]) -> usize {
    conns.iter().filter(|conn| shard.speaks(**conn).is_some()).count()
}

#[test]
fn only_clients_of_apps_that_are_gone_or_disabled_are_closed() {
    let mut shard = shard(100);
    let [a, b] = [0, 1].map(|app| connect(&mut shard, app));
    let echo = shard.open(0).unwrap();
    shard.upgrade(echo, Dialect::Echo);
    let next = |shard: &Shard, apps| shard.apps().updated(apps).unwrap();
    let changed = next(&shard, vec![app("b", true), App::new("a", "other", "key")]);
    shard.set_apps(changed);
    assert_eq!(open(&mut shard, &[a, b, echo]), 3, "a key that is rotated out closes nobody");
    let disabled = next(&shard, vec![app("a", true), app("b", false)]);
    shard.set_apps(disabled);
    assert_eq!(open(&mut shard, &[a, echo]), 2);
    assert_eq!(open(&mut shard, &[b]), 0);
    let removed = next(&shard, vec![app("c", true)]);
    shard.set_apps(removed);
    assert_eq!(open(&mut shard, &[echo]), 1, "an echo connection has no app");
    assert_eq!(open(&mut shard, &[a]), 0);
    assert_eq!(shard.apps().app(AppIndex(1)).id, "b", "its slot stays behind");
}

#[test]
fn clients_of_a_large_app_are_closed_over_several_ticks() {
    let mut shard = shard(EVICTIONS_PER_TICK + 1);
    let conns: Vec<_> = (0..=EVICTIONS_PER_TICK).map(|_| connect(&mut shard, 0)).collect();
    let removed = shard.apps().updated(vec![app("b", true)]).unwrap();
    shard.set_apps(removed);
    assert_eq!(open(&mut shard, &conns), 1);
    shard.advance(Millis(100));
    assert_eq!(open(&mut shard, &conns), 0);
}

#[test]
fn clients_of_an_app_that_is_back_stay() {
    let mut shard = shard(EVICTIONS_PER_TICK + 1);
    let conns: Vec<_> = (0..=EVICTIONS_PER_TICK).map(|_| connect(&mut shard, 0)).collect();
    let removed = shard.apps().updated(vec![app("b", true)]).unwrap();
    shard.set_apps(removed);
    let back = shard.apps().updated(vec![app("a", true), app("b", true)]).unwrap();
    shard.set_apps(back);
    shard.advance(Millis(100));
    assert_eq!(open(&mut shard, &conns), 1, "the last one was not closed yet");
}

#[test]
fn a_client_whose_app_goes_while_it_is_let_in_is_closed() {
    let mut shard = shard(100);
    let conn = shard.open(0).unwrap();
    shard.enter(conn, AppIndex(0), false);
    let removed = shard.apps().updated(vec![app("b", true)]).unwrap();
    shard.set_apps(removed);
    shard.upgrade(conn, Dialect::Pusher);
    shard.advance(Millis(100));
    assert_eq!(open(&mut shard, &[conn]), 0);
}

#[test]
fn a_client_that_is_turned_away_counts_in_no_app() {
    let mut shard = shard(100);
    shard = Shard::new(shard.config().clone(), Apps::default(), &crate::DIALECTS, Millis(0));
    let conn = shard.open(0).unwrap();
    shard.upgrade(conn, Dialect::Pusher);
    turn_away(&mut shard, conn, Refused::KeyUnknown);
    shard.end_turn();
    shard.closed(conn, None);
    shard.end_turn();
    assert!(shard.is_vacant());
}

#[test]
fn a_learned_app_is_known_and_not_served() {
    let mut shard = shard(100);
    let next = shard.apps().updated(vec![app("c", true)]).unwrap();
    shard.learn_apps(&next);
    assert_eq!(shard.apps().app(AppIndex(2)).id, "c");
    assert_eq!((shard.apps().by_key("c"), shard.apps().by_key("a")), (None, Some(AppIndex(0))));
}

/// The table that the apps are in may be empty.
#[test]
fn a_client_is_turned_away_where_there_is_no_app_at_all() {
    let config = World::new(1, Limits::default()).shards.remove(0).config().clone();
    let mut shard = Shard::new(config, Apps::default(), &crate::DIALECTS, Millis(0));
    let conn = shard.open(0).unwrap();
    shard.upgrade(conn, Dialect::Pusher);
    turn_away(&mut shard, conn, Refused::KeyUnknown);
    shard.end_turn();
    assert_eq!(open(&mut shard, &[conn]), 0);
    shard.closed(conn, None);
    shard.end_turn();
    assert!(shard.is_vacant());
}

/// The reload falls between the owner's word and the websocket.
#[test]
fn who_is_let_in_while_the_app_goes_is_closed_like_the_others() {
    for (apps, code) in [(vec![], "removed"), (vec![app("a", false)], "disabled")] {
        let mut shard = shard(100);
        let mut limited = app("a", true);
        limited.policy.connections_max = 1;
        let limited = shard.apps().updated(vec![limited]).unwrap();
        shard.set_apps(limited);
        let conn = shard.open(0).unwrap();
        assert!(shard.enter(conn, AppIndex(0), false).is_some(), "the owner is asked");
        let next = shard.apps().updated(apps).unwrap();
        shard.set_apps(next);
        shard.upgrade(conn, Dialect::Pusher);
        shard.advance(Millis(100));
        assert_eq!(open(&mut shard, &[conn]), 0, "{code}");
    }
}

#[test]
fn who_has_yet_to_be_closed_stays_if_the_app_returns() {
    let mut shard = shard(EVICTIONS_PER_TICK + 1);
    let conns: Vec<_> = (0..=EVICTIONS_PER_TICK).map(|_| connect(&mut shard, 0)).collect();
    let removed = shard.apps().updated(vec![app("b", true)]).unwrap();
    shard.set_apps(removed);
    let back = shard.apps().updated(vec![app("a", true), app("b", true)]).unwrap();
    shard.set_apps(back);
    shard.advance(Millis(100));
    assert_eq!(open(&mut shard, &conns), 1);
}
