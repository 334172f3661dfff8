// Logged channels with an unmodified pusher-js, and what client/js adds to it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';

import { EventLog } from '../../client/js/uringcast-log.js';
import { configFile } from './harness/config.mjs';
import { emitted, within } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { Proxy } from './harness/proxy.mjs';
import { Random } from './harness/random.mjs';
import { APP, Server } from './harness/server.mjs';
import { World, subscribe } from './harness/world.mjs';

const MODULE = new URL('../../client/js/uringcast-log.js', import.meta.url);
const EVENTS = 10_000;
const BATCH = 50;
const SUCCEEDED = 'pusher:subscription_succeeded';

const KINDS = ['kept', 'private-kept', 'private-encrypted-kept', 'presence-kept', 'cache-kept'];

const APPS = `
[[apps]]
id = "${APP.appId}"
key = "${APP.key}"
secret = "${APP.secret}"
batch_events_max = 50
history = [
    { pattern = "short-*", events_max = 5 },
    { pattern = "kept-*" },
    { pattern = "private-kept-*" },
    { pattern = "private-encrypted-kept-*" },
    { pattern = "presence-kept-*" },
    { pattern = "cache-kept-*" },
]
`;

let world;
before(async () => {
  const config = await configFile({ after }, APPS);
  world = await World.start('--cores', '2', ...config);
});
after(() => world.stop());

let names = 0;
const unique = (prefix) => `${prefix}-${(names += 1)}`;

/** A client with an event log and an inbox of the events `n` of one channel. */
async function follow(t, name, { log: options, at = world, ...rest } = {}) {
  const pusher = at.open(t, rest);
  const log = new EventLog(pusher, options);
  t.after(() => log.stop());
  await emitted(pusher.connection, 'connected');
  const channel = pusher.subscribe(name);
  const inbox = Inbox.of(channel, 'n'); // Events may follow the answer at once.
  await emitted(channel, SUCCEEDED);
  return { pusher, log, channel, inbox };
}

/** Publishes events `n` that are numbered from `from` to `to`, some at a time. */
async function publish(name, from, to, at = world) {
  for (let n = from; n <= to; n += BATCH) {
    const numbers = range(n, Math.min(n + BATCH - 1, to));
    await at.sdk.triggerBatch(numbers.map((data) => ({ channel: name, name: 'n', data })));
  }
}

const numbers = async (inbox, count) => (await inbox.take(count)).map(({ data }) => data);
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** Ends a client's connection as a lost network does; it comes back by itself. */
async function lose({ pusher }) {
  const { connection } = pusher.connection;
  if (!connection) return; // It is lost already.
  const connecting = emitted(pusher.connection, 'connecting');
  connection.transport.socket.close();
  await connecting;
}

describe('the wire', () => {
  test('each event ends with its sequence, however it was published', async (t) => {
    const name = unique('kept-wire');
    const raw = await world.raw(t);
    raw.ask(name);
    assert.match(await raw.text(), /"data":"\{\}","epoch":\d+,"sequence":0\}$/);
    await world.sdk.trigger(name, 'n', 1);
    await world.sdk.trigger([name, 'unlogged'], 'n', 2);
    await world.sdk.triggerBatch([3, 4].map((data) => ({ channel: name, name: 'n', data })));
    for (const n of [1, 2, 3, 4]) {
      const expected = `{"event":"n","channel":"${name}","data":"${n}","sequence":${n}}`;
      assert.equal(await raw.text(), expected);
    }
  });

  test('a client without the module sees what it sees on any channel', async (t) => {
    const name = unique('private-kept-plain');
    const one = await world.listen(t, name, ['n', 'client-n']);
    const two = await world.listen(t, name, ['n', 'client-n']);
    await world.sdk.trigger(name, 'n', { a: '\u{1f4e6}' });
    for (const { inbox } of [one, two]) {
      assert.deepEqual(await inbox.next(), { event: 'n', data: { a: '\u{1f4e6}' } });
    }
    one.channel.trigger('client-n', { b: 1 });
    assert.deepEqual(await two.inbox.next(), { event: 'client-n', data: { b: 1 } });
  });

  test('other channels have no sequence', async (t) => {
    const raw = await world.raw(t);
    await raw.subscribe('unlogged');
    await world.sdk.trigger('unlogged', 'n', { sequence: 3 });
    assert.match(await raw.text(), /"data":"\{\\"sequence\\":3\}"\}$/);
  });
});

describe('resuming', () => {
  for (const kind of KINDS) {
    test(`what came while a client was away comes once it is back on ${kind}-`, async (t) => {
      const name = unique(kind);
      const client = await follow(t, name);
      for (const n of [1, 2]) await world.sdk.trigger(name, 'n', n);
      assert.deepEqual(await numbers(client.inbox, 2), [1, 2]);
      await lose(client);
      for (const n of [3, 4]) await world.sdk.trigger(name, 'n', n);
      assert.deepEqual(await numbers(client.inbox, 2), [3, 4]);
      await world.sdk.trigger(name, 'n', 5);
      assert.deepEqual(await numbers(client.inbox, 1), [5]);
      assert.equal(client.log.last(name), 5);
    });
  }

  test('a client that has seen nothing yet goes on where it subscribed', async (t) => {
    const name = unique('kept-quiet');
    await world.sdk.trigger(name, 'n', 1);
    const client = await follow(t, name);
    assert.equal(client.log.last(name), 1);
    await lose(client);
    await world.sdk.trigger(name, 'n', 2);
    assert.deepEqual(await numbers(client.inbox, 1), [2]);
  });

  test('a cursor that is kept elsewhere goes on after a reload', async (t) => {
    const name = unique('kept-reload');
    await publish(name, 1, 20);
    const cursors = new Map([[name, 15]]);
    const { inbox, pusher } = await follow(t, name, { log: { cursors } });
    assert.deepEqual(await numbers(inbox, 5), range(16, 20));
    assert.equal(cursors.get(name), 20);
    pusher.disconnect();
    await world.sdk.trigger(name, 'n', 21);
    const again = await follow(t, name, { log: { cursors } });
    assert.deepEqual(await numbers(again.inbox, 1), [21]);
  });

  test('a subscription may begin with the oldest event', async (t) => {
    const name = unique('kept-oldest');
    await publish(name, 1, 1_500);
    const pusher = await world.connect(t);
    const log = new EventLog(pusher);
    log.startAfter(name, 0);
    const inbox = Inbox.of(pusher.subscribe(name), 'n');
    assert.deepEqual(await numbers(inbox, 1_500), range(1, 1_500));
  });

  test('laravel-echo goes on, too', async (t) => {
    const name = unique('kept-echo');
    const echo = await world.echo(t);
    const { pusher } = echo.connector;
    const log = new EventLog(pusher);
    const inbox = Inbox.of(echo.channel(name).subscription, 'n');
    await emitted(pusher.channel(name), SUCCEEDED);
    await world.sdk.trigger(name, 'n', 1);
    assert.deepEqual(await numbers(inbox, 1), [1]);
    await lose({ pusher });
    await world.sdk.trigger(name, 'n', 2);
    assert.deepEqual(await numbers(inbox, 1), [2]);
    assert.equal(log.last(name), 2);
  });

  test('its own client events leave a hole, of which the application may hear', async (t) => {
    const name = unique('private-kept-own');
    const holes = [];
    const client = await follow(t, name, { log: { onGap: (hole) => holes.push(hole) } });
    const other = await follow(t, name);
    const heard = Inbox.of(other.channel, 'client-n');
    client.channel.trigger('client-n', 'mine');
    await heard.next();
    await world.sdk.trigger(name, 'n', 2);
    assert.deepEqual(await numbers(client.inbox, 1), [2]);
    assert.deepEqual(holes, [{ channel: name, after: 0, first: 2 }]);
  });

  test('events that are gone are told', async (t) => {
    const name = unique('short');
    const holes = [];
    const client = await follow(t, name, { log: { onTruncated: (hole) => holes.push(hole) } });
    await world.sdk.trigger(name, 'n', 1);
    assert.deepEqual(await numbers(client.inbox, 1), [1]);
    const told = emitted(client.channel, 'uringcast:truncated');
    await lose(client);
    await publish(name, 2, 20);
    assert.deepEqual(await told, { after: 1, first: 16 });
    assert.deepEqual(holes, [{ channel: name, after: 1, first: 16 }]);
    assert.deepEqual(await numbers(client.inbox, 5), range(16, 20));
  });

  test('a log that began anew is told, and its events come', async (t) => {
    const name = unique('kept-anew');
    const holes = [];
    const log = { cursors: new Map([[name, 700]]), onTruncated: (hole) => holes.push(hole) };
    const { inbox } = await follow(t, name, { log });
    assert.deepEqual(holes, [{ channel: name, after: 700, first: 1 }]);
    await world.sdk.trigger(name, 'n', 1);
    assert.deepEqual(await numbers(inbox, 1), [1]);
  });
});

describe('acks', () => {
  const acked = (client) => {
    const sent = new Inbox('the acks sent');
    const { send_event: sendEvent } = client.pusher.connection;
    client.pusher.connection.send_event = function (name, data, channel) {
      if (name === 'uringcast:ack') sent.push(data);
      return sendEvent.call(this, name, data, channel);
    };
    return sent;
  };

  test('they are batched, kept, and a later client starts there', async (t) => {
    const name = unique('kept-acks');
    const log = { subscriber: 'till-7', ackEvery: 50, ackAfterMs: 100 };
    const client = await follow(t, name, { log });
    const sent = acked(client);
    await publish(name, 1, 120);
    assert.deepEqual(await numbers(client.inbox, 120), range(1, 120));
    const acks = [];
    while (acks.at(-1) !== 120) acks.push((await sent.next()).sequence);
    assert(acks.length < 20 && acks.includes(120), String(acks));
    // The connection is read in order: after this answer the acks have been read.
    await subscribe(client.pusher, 'fence');
    client.pusher.disconnect();
    await publish(name, 121, 130);
    const later = await follow(t, name, { log: { ...log, fromAcked: () => true } });
    assert.deepEqual(await numbers(later.inbox, 10), range(121, 130));
  });

  test('who is signed in need not say who they are', async (t) => {
    const name = unique('kept-user');
    const options = { log: { acks: true, ackEvery: 10, fromAcked: () => true }, user: 'ada' };
    const start = async () => {
      const pusher = world.open(t, { user: options.user });
      const log = new EventLog(pusher, options.log);
      await emitted(pusher.connection, 'connected');
      pusher.signin();
      await emitted(pusher, 'pusher:signin_success');
      return { pusher, log, inbox: Inbox.of(pusher.subscribe(name), 'n') };
    };
    const client = await start();
    await emitted(client.pusher.channel(name), SUCCEEDED);
    await publish(name, 1, 10);
    assert.deepEqual(await numbers(client.inbox, 10), range(1, 10));
    await subscribe(client.pusher, 'fence');
    client.pusher.disconnect();
    await publish(name, 11, 12);
    assert.deepEqual(await numbers((await start()).inbox, 2), [11, 12]);
  });

  test('one of what is not there is refused, and the client goes on', async (t) => {
    const name = unique('kept-beyond');
    const log = { subscriber: 'till-9', fromAcked: () => true };
    const client = await follow(t, name, { log });
    await publish(name, 1, 1);
    assert.deepEqual(await numbers(client.inbox, 1), [1]);
    const ack = { channel: name, sequence: 900, subscriber: log.subscriber };
    client.pusher.send_event('uringcast:ack', ack);
    const error = await emitted(client.pusher.connection, 'error');
    assert.match((error.error ?? error).data.message, /no event has number 900/);
    client.log.flush();
    await subscribe(client.pusher, 'fence');
    await publish(name, 2, 2);
    assert.deepEqual(await numbers(client.inbox, 1), [2]);
    const later = await follow(t, name, { log });
    assert.deepEqual(await numbers(later.inbox, 1), [2]);
  });

  test('nobody in particular is told so', async (t) => {
    const client = await follow(t, unique('kept-nobody'));
    const { name } = client.channel;
    client.pusher.send_event('uringcast:ack', { channel: name, sequence: 1 });
    const error = await emitted(client.pusher.connection, 'error');
    assert.match((error.error ?? error).data.message, /needs a subscriber/);
  });
});

/** The same for a server that may be killed: each batch is tried until it is answered. */
async function publishStubbornly(name, from, to, at) {
  for (let n = from; n <= to; n += BATCH) {
    const numbers = range(n, Math.min(n + BATCH - 1, to));
    const batch = numbers.map((data) => ({ channel: name, name: 'n', data: String(data) }));
    const headers = { 'idempotency-key': `${name}-${n}` };
    const isDone = async () => {
      const { status } = await at.api.post('/batch_events', { batch }, { headers });
      return status === 200;
    };
    while (!(await isDone().catch(() => false))) await new Promise(setImmediate);
  }
}

/** Publishes while the connection is cut at random moments; each event comes once, in order. */
async function survive(t, name, cut, { at = world, publishAll = publish, ...options } = {}) {
  const random = Random.of(t);
  const client = await follow(t, name, { at, ...options });
  const seen = [];
  let wake = () => {};
  client.channel.bind('n', (n) => {
    seen.push(n);
    wake();
  });
  const until = async (count) => {
    while (seen.length < count) await within(`event ${count}`, new Promise((done) => (wake = done)));
  };
  const cuts = Array.from({ length: 5 }, () => random.below(EVENTS)).sort((a, b) => a - b);
  const published = publishAll(name, 1, EVENTS, at);
  for (const moment of cuts) {
    await until(moment);
    await cut(client);
  }
  await published;
  await until(EVENTS);
  assert.deepEqual(seen, range(1, EVENTS), random.seed);
}

describe('a connection that is cut in the middle of 10,000 events', () => {
  test('by the client', (t) => survive(t, unique('kept-cut'), lose), { timeout: 60_000 });

  test('anywhere within a frame', async (t) => {
    const proxy = await Proxy.start(t, world.server);
    await survive(t, unique('kept-proxy'), () => proxy.cut(), { wsPort: proxy.port });
  });

  test('with acks', async (t) => {
    const log = { subscriber: 'till-8', ackEvery: 20 };
    await survive(t, unique('kept-acked'), lose, { log });
  });
});

describe('a server that is killed in the middle of 10,000 events', () => {
  test('loses nothing that it has answered, and each event comes once', async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'uringcast-log-'));
    t.after(() => rm(dir, { recursive: true }));
    const log = `[log]\ndriver = "file"\ndir = "${dir}"\n`;
    const flags = ['--cores', '2', ...(await configFile(t, log + APPS))];
    const at = await World.start(...flags);
    t.after(() => at.stop());
    const cut = async () => {
      const { port } = at.server;
      await at.server.kill();
      at.server = await Server.start({ flags, port });
    };
    await survive(t, unique('kept-killed'), cut, { at, publishAll: publishStubbornly });
  });
});

describe('a server without a disk that is killed', () => {
  test('is known for another one, however many events it has', async (t) => {
    const flags = ['--cores', '2', ...(await configFile(t, APPS))];
    const at = await World.start(...flags);
    t.after(() => at.stop());
    const name = unique('kept-elsewhere');
    const holes = [];
    const log = { subscriber: 'till-10', ackEvery: 3, onTruncated: (hole) => holes.push(hole) };
    const client = await follow(t, name, { at, log });
    const refused = [];
    client.pusher.connection.bind('error', ({ error }) => refused.push(error?.data?.message));
    await publish(name, 1, 5, at);
    assert.deepEqual(await numbers(client.inbox, 5), range(1, 5));
    const { port } = at.server;
    await at.server.kill();
    at.server = await Server.start({ flags, port });
    await publish(name, 101, 107, at);
    assert.deepEqual(await numbers(client.inbox, 7), range(101, 107));
    assert.deepEqual(holes, [{ channel: name, after: 5, first: 1 }]);
    // What it had of the other one it does not acknowledge here.
    client.log.flush();
    await subscribe(client.pusher, 'fence');
    assert.deepEqual(refused.filter(Boolean), []);
  });
});

test('the example of the README runs as it is', async (t) => {
  const readme = await readFile(new URL('README.md', MODULE), 'utf8');
  const [, example] = readme.match(/```js\n(import Pusher[^]*?)```/);
  const runnable = example
    .replace('./uringcast-log.js', MODULE.href)
    .replace('wsPort: 6001', `wsPort: ${world.server.port}`);
  const folder = await mkdtemp(new URL('readme-', import.meta.url).pathname);
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'example.mjs');
  await writeFile(file, runnable);
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  const output = new Inbox('the output of the example');
  createInterface({ input: child.stdout }).on('line', (line) => output.push(line));
  const isThere = async () => {
    const { channels } = await world.api.get('/channels', { filter_by_prefix: 'kept-orders' });
    return 'kept-orders' in channels;
  };
  await within('the example to subscribe', (async () => {
    while (!(await isThere()));
  })());
  await world.sdk.trigger('kept-orders', 'shipped', 'order 7');
  assert.equal(await output.next(), 'order 7 0');
});
