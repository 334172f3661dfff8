//! What many cores would cost: the real shards of up to 128 cores, one after the other on this one.
//!
//! Every shard runs its own turns on the messages that the others send it, and each turn is timed
//! apart, so the busiest core is known although all share one. Sockets take everything at once:
//! what the kernel needs for a send is not in here and is added in `docs/scaling.md`, which
//! explains the columns. Not a criterion bench, because the result is a table and not a time.

#![expect(clippy::cast_precision_loss, clippy::print_stdout, reason = "figures for people")]

use std::time::{Duration, Instant};

use uringcast::app::{App, AppPolicy, Apps};
use uringcast::dialect::Dialect;
use uringcast::id::{AppIndex, CoreId};
use uringcast::shard::{ChannelName, Millis, Output, Publication, Shard, ShardConfig};
use uringcast_proto::pusher::server;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // As in the server.

const CORES: [usize; 6] = [1, 2, 4, 16, 64, 128];
const FRAME_BYTES: usize = 267;
const SUBSCRIBERS: usize = 64_000;
/// Events of each measurement, published by the cores in turn.
const EVENTS: usize = 100;
const ROOMS: usize = 6_400;

fn main() {
    println!("one room of {SUBSCRIBERS} subscribers, one event a turn");
    table(1, Load { events: 1, in_a_row: 1 });
    let of = SUBSCRIBERS / ROOMS;
    println!("\n{ROOMS} rooms of {of} subscribers, 64 events a turn, each in another room");
    table(ROOMS, Load { events: 64, in_a_row: 1 });
    println!("\nthe same rooms, 64 events a turn, 16 after each other in 4 rooms");
    table(ROOMS, Load { events: 64, in_a_row: 16 });
}

/// What is published in a turn.
#[derive(Clone, Copy)]
struct Load {
    events: usize,
    /// Events that one core publishes into one room before the next goes on with another.
    in_a_row: usize,
}

fn table(rooms: usize, load: Load) {
    println!("cores  ns/delivery  messages/event  busiest/mean  owner ns/event");
    for cores in CORES {
        let row = Cluster::new(cores, rooms).measure(load);
        println!(
            "{cores:5}  {:11.1}  {:14.2}  {:12.2}  {:14.0}",
            row.ns_per_delivery, row.messages_per_event, row.imbalance, row.owner_ns
        );
    }
}

struct Row {
    /// Time of all cores together, by deliveries.
    ns_per_delivery: f64,
    /// From any core to another.
    messages_per_event: f64,
    /// Time of the core with the most by the mean of all.
    imbalance: f64,
    /// Until the owner has passed an event on: what bounds the events a second of one channel.
    owner_ns: f64,
}

/// All cores of an engine, and what each has spent.
struct Cluster {
    shards: Vec<Shard>,
    spent: Vec<Duration>,
    /// Spent in turns that publish or put in order, before anything is delivered.
    ordering: Duration,
    rooms: Vec<ChannelName>,
    messages: usize,
    deliveries: usize,
}

impl Cluster {
    /// Subscribers are dealt to the cores in turn, as `SO_REUSEPORT` does on the average.
    fn new(cores: usize, rooms: usize) -> Self {
        let mut cluster = Self {
            shards: (0..cores).map(|core| shard(core as u8, cores)).collect(),
            spent: vec![Duration::ZERO; cores],
            ordering: Duration::ZERO,
            rooms: (0..rooms).map(|room| name(&format!("room-{room}"))).collect(),
            messages: 0,
            deliveries: 0,
        };
        for subscriber in 0..SUBSCRIBERS {
            let room = cluster.rooms[subscriber % rooms].as_str().to_owned();
            // A room's subscribers are on different cores, and rooms begin on different ones.
            let core = (subscriber / rooms + subscriber % rooms) % cores;
            let shard = &mut cluster.shards[core];
            let conn = shard.open(1).expect("there is room");
            shard.upgrade(conn, Dialect::Pusher);
            shard.subscribe(conn, &room, None).expect("there is room");
        }
        cluster.settle();
        cluster
    }

    fn measure(mut self, load: Load) -> Row {
        self.publish(load); // Warms caches and lists.
        self.spent.fill(Duration::ZERO);
        (self.ordering, self.messages, self.deliveries) = (Duration::ZERO, 0, 0);
        let turns = EVENTS.div_ceil(load.events);
        for _ in 0..turns {
            self.publish(load);
        }
        let events = (turns * load.events) as f64;
        let total: Duration = self.spent.iter().sum();
        let busiest = self.spent.iter().max().expect("there is a core");
        Row {
            ns_per_delivery: total.as_nanos() as f64 / self.deliveries as f64,
            messages_per_event: self.messages as f64 / events,
            imbalance: busiest.as_secs_f64() * self.spent.len() as f64 / total.as_secs_f64(),
            owner_ns: self.ordering.as_nanos() as f64 / events,
        }
    }

    /// Publish what a turn brings, each row of events to the next room on the next core, and
    /// deliver it.
    fn publish(&mut self, load: Load) {
        for event in 0..load.events {
            let row = event / load.in_a_row;
            let publication = publication(&self.rooms[(row * 37) % self.rooms.len()]);
            let core = row % self.shards.len();
            let started = Instant::now();
            self.shards[core].publish(vec![publication]);
            self.note(core, started, true);
        }
        self.settle();
    }

    /// Run turns and pass messages on until there are none.
    fn settle(&mut self) {
        loop {
            (0..self.shards.len()).for_each(|core| self.turn(core));
            if !self.pass_messages() {
                return;
            }
        }
    }

    fn turn(&mut self, core: usize) {
        let started = Instant::now();
        let shard = &mut self.shards[core];
        shard.end_turn();
        while let Some(output) = shard.poll_output() {
            let Output::Flush(conn) = output else { continue };
            while let Some(segment) = shard.take_send(conn) {
                self.deliveries += segment.frames() as usize;
                shard.landed(conn, segment.len());
            }
        }
        self.note(core, started, false);
    }

    /// Hand each core what the others have for it; whether there was anything.
    fn pass_messages(&mut self) -> bool {
        let mut is_any = false;
        for from in 0..self.shards.len() {
            for to in 0..self.shards.len() {
                let core = CoreId(to as u8);
                let Some(messages) = self.shards[from].take_outgoing(core) else { continue };
                is_any = true;
                self.messages += messages.len();
                let started = Instant::now();
                self.shards[to].receive(messages);
                self.note(to, started, true);
            }
        }
        is_any
    }

    fn note(&mut self, core: usize, started: Instant, is_ordering: bool) {
        let elapsed = started.elapsed();
        self.spent[core] += elapsed;
        if is_ordering {
            self.ordering += elapsed;
        }
    }
}

fn publication(channel: &ChannelName) -> Publication {
    let envelope_bytes = server::event("\"e\"", channel.as_str(), "\"\"", None).len() + 2;
    let data = format!("{:?}", "x".repeat(FRAME_BYTES - envelope_bytes));
    let frame = server::event("\"e\"", channel.as_str(), &data, None);
    Publication { channel: channel.clone(), frame, skip: None, counted_as: None }
}

fn name(room: &str) -> ChannelName {
    ChannelName::new(AppIndex(0), room, uringcast::dialect::nature(room), 1)
}

fn shard(core: u8, cores: usize) -> Shard {
    let config = ShardConfig {
        core: CoreId(core),
        cores,
        hash_seed: 1,
        connections_max: SUBSCRIBERS,
        turned_away_max: 0,
        ..ShardConfig::default()
    };
    let app = App { policy: AppPolicy::default(), ..App::new("id", "key", "secret") };
    Shard::new(
        config,
        Apps::new(vec![app]).expect("one app is unique"),
        &uringcast::dialect::DIALECTS,
        Millis(0),
    )
}
