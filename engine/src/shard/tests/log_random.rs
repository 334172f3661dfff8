//! Logs under whatever happens: subscribers come with a place, are cut off and come back, fall
//! behind and acknowledge, events end, mail between cores comes when it likes.
//!
//! What must hold for each of them: every event after its place comes once and in order, or it is
//! told that the event is gone, and then it is.

use std::collections::HashMap;

use super::world::{Limits, World};
use crate::id::CoreId;
use crate::log::HistoryRule;
use crate::shard::Shard;

const CHANNELS: [&str; 3] = ["log-0", "log-1", "log-2"];
const NAMES: [&str; 3] = ["ann", "bob", "cid"];
const EVENTS_MAX: u32 = 40;
const TTL_S: u32 = 2;
const SEEDS: u64 = 300;
const STEPS: u32 = 200;

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

/// Where a subscription is to begin.
#[derive(Clone, Copy)]
enum Asked {
    After(u64),
    /// Where the owner says.
    Cursor,
}

/// What one client knows of one channel.
#[derive(Clone, Copy, Default)]
struct Place {
    /// The next event that must come; `None` while it is not subscribed.
    next: Option<u64>,
    /// It has asked to begin here, and has no answer.
    asked: Option<Asked>,
    /// It begins where the owner says, and has heard nothing yet.
    is_by_cursor: bool,
    /// The highest event that it has ever had there.
    seen: u64,
    /// The highest that it has acknowledged.
    acked: u64,
}

struct Game {
    seed: u64,
    random: Random,
    world: World,
    /// By the client's name and the channel.
    places: HashMap<(String, &'static str), Place>,
    truncations: u64,
    events: u64,
}

impl Game {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut limits = Limits::default();
        limits.shard.hash_seed = seed;
        limits.shard.outbox_bytes_soft = 800;
        limits.shard.outbox_bytes_max = 100_000;
        limits.shard.outbox_stall_ms = u64::MAX;
        limits.shard.activity_timeout_ms = 1 << 40;
        limits.shard.log.page_events_max = 1 + random.below(5) as usize;
        limits.shard.log.page_bytes_max = 100 + random.below(400) as usize;
        let rule = HistoryRule { events_max: EVENTS_MAX, ttl_s: TTL_S, ..HistoryRule::new("log*") };
        limits.history = vec![rule];
        let mut world = World::new(1 + random.below(4) as usize, limits);
        world.is_mail_held = true;
        Self { seed, random, world, places: HashMap::new(), truncations: 0, events: 0 }
    }

    fn open(&mut self, name: &str) {
        let core = CoreId(self.random.below(self.world.shards.len() as u64) as u8);
        self.world.connect(name, core);
        self.world.upgrade(self.world.clients.len() - 1);
    }

    fn client(&self, name: &str) -> usize {
        self.world.clients.iter().rposition(|it| it.name == name).unwrap()
    }

    fn step(&mut self) {
        let name = self.random.of(&NAMES);
        let channel = self.random.of(&CHANNELS);
        let client = self.client(name);
        match self.random.below(10) {
            0..4 => self.append(channel),
            4 => self.follow(name, channel),
            5 if self.random.chance(30) => {
                self.world.gone(client);
                self.open(name);
                for ((who, _), place) in &mut self.places {
                    if who == name {
                        (place.next, place.asked, place.is_by_cursor) = (None, None, false);
                    }
                }
            }
            5 => self.ack(name, channel),
            6 => self.world.clients[client].is_stalled ^= true,
            7 => self.world.take_bytes(client, 1 + self.random.below(700) as usize),
            8 => self.wait(),
            _ => {
                for _ in 0..self.random.below(8) {
                    let choice = self.random.below(100) as usize;
                    self.world.pass_any(choice);
                }
            }
        }
        if self.random.chance(70) {
            self.world.settle();
        }
        self.look();
    }

    fn append(&mut self, channel: &'static str) {
        let bytes = self.random.below(200).to_string();
        let count = 1 + self.random.below(3);
        let item = [channel, "one", &bytes];
        let words: Vec<&str> = (0..count)
            .flat_map(|at| {
                let plus: &[&str] = if at == 0 { &[] } else { &["+"] };
                plus.iter().copied().chain(item)
            })
            .collect();
        self.world.append(&words);
    }

    fn follow(&mut self, name: &'static str, channel: &'static str) {
        let client = self.client(name);
        let place = self.places.entry((name.to_owned(), channel)).or_default();
        if place.asked.is_some() {
            return; // Its answer could be taken for that to the question before.
        }
        if self.random.chance(40) {
            place.asked = Some(Asked::Cursor);
            self.world.follow(client, channel, &["cursor"]);
        } else {
            let after = self.random.below(place.seen + 1);
            place.asked = Some(Asked::After(after));
            self.world.follow(client, channel, &["after", &after.to_string()]);
        }
    }

    fn ack(&mut self, name: &'static str, channel: &'static str) {
        let client = self.client(name);
        let Some(place) = self.places.get_mut(&(name.to_owned(), channel)) else { return };
        place.acked = place.seen;
        let (conn, seen) = (self.world.clients[client].conn, place.seen);
        self.world.shard_of(client).ack(conn, channel, &name.into(), seen);
    }

    fn wait(&mut self) {
        let ms = 100 * (1 + self.random.below(8));
        self.world.wait(ms);
    }

    /// Take in what was received.
    fn look(&mut self) {
        for (who, line) in self.world.take_seen() {
            let words: Vec<&str> = line.split_whitespace().collect();
            self.take(&who, &words);
        }
    }

    fn take(&mut self, who: &str, words: &[&str]) {
        let seed = self.seed;
        let number = |word: &str| word.parse::<u64>().unwrap();
        if who == "http" || who == "app" || words == ["established"] {
            return;
        }
        let channel = CHANNELS.into_iter().find(|it| *it == words[1]).unwrap();
        let key = (who.to_owned(), channel);
        let place = self.places.get_mut(&key).expect("nobody hears what they did not ask for");
        match words {
            ["subscription_succeeded", _] => {
                let asked = place.asked.take().expect("a welcome answers a question");
                (place.next, place.is_by_cursor) = match asked {
                    Asked::After(after) => (Some(after + 1), false),
                    Asked::Cursor => (Some(1), true),
                };
            }
            ["resumed", _, after] => {
                assert!(std::mem::take(&mut place.is_by_cursor), "seed {seed}: not asked for");
                assert!(number(after) <= place.acked, "seed {seed}: beyond what it has");
                place.next = Some(number(after) + 1);
            }
            ["truncated", _, first, last] => {
                assert_eq!(place.next, Some(number(first)), "seed {seed}: {who} {words:?}");
                (place.next, place.is_by_cursor) = (Some(number(last) + 1), false);
                self.truncations += 1;
                for sequence in number(first)..=number(last) {
                    assert!(self.is_gone(channel, sequence), "seed {seed}: {who} {words:?}");
                }
            }
            ["event", _, _, sequence] => {
                assert_eq!(place.next, Some(number(sequence)), "seed {seed}: {who} {words:?}");
                (place.next, place.is_by_cursor) = (Some(number(sequence) + 1), false);
                place.seen = place.seen.max(number(sequence));
                self.events += 1;
            }
            _ => panic!("seed {seed}: {who} {words:?}"),
        }
    }

    /// The owner's log of `channel`: its last event, and whether another is not shown any more.
    fn is_gone(&mut self, channel: &str, sequence: u64) -> bool {
        let (index, shard) = self.owner(channel);
        let Some(index) = index else { return false };
        let now = shard.unix_ms();
        let entry = shard.logs.channels.at(index).value.history.get(sequence);
        entry.is_none_or(|entry| entry.expires_unix_ms <= now)
    }

    fn last(&mut self, channel: &str) -> u64 {
        let (index, shard) = self.owner(channel);
        index.map_or(0, |index| shard.logs.channels.at(index).value.history.last_sequence())
    }

    fn owner(&mut self, channel: &str) -> (Option<u32>, &mut Shard) {
        let channel = self.world.channel(channel);
        let owner = channel.owner(self.world.shards.len());
        let shard = &mut self.world.shards[usize::from(owner.0)];
        (shard.logs.channels.find_name(&channel), shard)
    }

    /// All mail comes, all that waits is read, and all are where they should be.
    fn finish(&mut self) {
        self.world.is_mail_held = false;
        for name in NAMES {
            let client = self.client(name);
            self.world.clients[client].is_stalled = false;
            self.world.take_bytes(client, usize::MAX >> 1);
        }
        self.world.settle();
        self.look();
        let seed = self.seed;
        let places: Vec<_> = self.places.iter().map(|(key, place)| (key.clone(), *place)).collect();
        for ((who, channel), place) in places {
            assert!(place.asked.is_none(), "seed {seed}: {who} is not answered");
            if let Some(next) = place.next {
                assert_eq!(next, self.last(channel) + 1, "seed {seed}: {who} {channel}");
            }
        }
    }
}

#[test]
fn each_gets_what_is_kept_once_in_order_and_is_told_of_the_rest() {
    let (mut events, mut truncations, mut set_backs) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut game = Game::new(seed);
        for name in NAMES {
            game.open(name);
        }
        for _ in 0..STEPS {
            game.step();
        }
        game.finish();
        events += game.events;
        truncations += game.truncations;
        set_backs += game.world.shards.iter().map(|it| it.counters.log_set_backs).sum::<u64>();
    }
    // What never happens is not tested.
    assert!(events > 20 * SEEDS && truncations > SEEDS / 2 && set_backs > SEEDS / 2);
}
