// Webhooks against a real endpoint, whose signatures the server SDK checks.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { text } from 'node:stream/consumers';

import { within } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { Receiver } from './harness/receiver.mjs';
import { APP } from './harness/server.mjs';
import { subscribe, World } from './harness/world.mjs';

/** TOML of one endpoint. */
function endpoint(url, { events = [], prefix = '', suffix = '', headers = {} } = {}) {
  const fields = Object.entries(headers).map(([name, value]) => `"${name}" = "${value}"`);
  return `[[apps.webhooks]]
    url = "${url}"
    events = ${JSON.stringify(events)}
    channel_prefix = "${prefix}"
    channel_suffix = "${suffix}"
    headers = { ${fields.join(', ')} }\n`;
}

/** A world whose app has these endpoints, with `keys` of the section `webhook`. */
async function start(t, endpoints, keys = {}, app = '') {
  const folder = mkdtempSync(join(tmpdir(), 'uringcast-webhooks-'));
  const config = join(folder, 'uringcast.toml');
  const deadLetters = join(folder, 'dead.jsonl');
  const section = { batch_ms: 20, debounce_ms: 500, dead_letter_file: deadLetters, ...keys };
  const lines = Object.entries(section).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  writeFileSync(
    config,
    `[pusher]\nclient_event_rate = 0\nsubscription_count = true\n[webhook]\n${lines.join('\n')}
    [[apps]]\nid = "${APP.appId}"\nkey = "${APP.key}"\nsecret = "${APP.secret}"\n${app}
    ${endpoints.join('\n')}`,
  );
  const world = await World.start('--config', config, '--drain-timeout', '4');
  t.after(async () => {
    await world.stop();
    rmSync(folder, { recursive: true });
  });
  return { world, config, deadLetters };
}

/** An endpoint that checks with the SDK of the world that `start` makes later. */
async function receive(t) {
  const place = {};
  const receiver = await Receiver.start(() => place.world.sdk);
  const of = (started) => {
    t.after(() => receiver.close()); // After the server, which has something to tell at its end.
    return Object.assign(place, started);
  };
  return { receiver, of };
}

/** Runs the server's program with other arguments; its output and its exit code. */
async function run(...args) {
  const child = spawn(process.env.URINGCAST, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, error] = await within('the command', Promise.all([text(child.stdout), text(child.stderr)]));
  if (child.exitCode === null) await new Promise((exit) => child.once('exit', exit));
  return { out, error, code: child.exitCode };
}

/** The letters of a dead-letter file. */
function letters(path) {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

const eventsOf = (path) => letters(path).flatMap(({ body }) => JSON.parse(body).events);

/** The value of one metric without labels. */
async function metric(world, name) {
  const body = await (await fetch(`http://127.0.0.1:${world.server.metricsPort}/metrics`)).text();
  const [, value] = body.match(new RegExp(`^${name} (\\S+)$`, 'm'));
  return Number(value);
}

/** Waits until a condition that nothing announces holds. */
async function poll(what, accept) {
  const deadline = Date.now() + 10_000;
  while (!(await accept())) {
    assert(Date.now() < deadline, `waited in vain for ${what}`);
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

test('every kind of event is told, signed, with the headers of the endpoint', async (t) => {
  const { receiver, of } = await receive(t);
  const headers = { 'X-Env': 'test', 'User-Agent': 'ours' };
  const { world } = of(
    await start(t, [endpoint(receiver.url, { headers })], {}, 'connection_count_threshold = 1'),
  );
  const ada = await world.connect(t, { user: 'ada' });
  assert.deepEqual(await receiver.take(1), [
    { name: 'connection_count', connection_count: 1, threshold: 1 },
  ]);
  const channel = await subscribe(ada, 'presence-cache-room');
  assert.deepEqual(await receiver.take(3), [
    { name: 'channel_occupied', channel: 'presence-cache-room' },
    { name: 'member_added', channel: 'presence-cache-room', user_id: '10' },
    { name: 'cache_miss', channel: 'presence-cache-room' },
  ]);
  channel.trigger('client-hi', { a: 1 });
  channel.trigger('client-hi', 'text "quoted"');
  const told = {
    name: 'client_event',
    channel: 'presence-cache-room',
    event: 'client-hi',
    socket_id: ada.connection.socket_id,
    user_id: '10',
  };
  assert.deepEqual(await receiver.take(2), [
    { ...told, data: '{"a":1}' },
    { ...told, data: 'text "quoted"' },
  ]);
  await subscribe(ada, 'room');
  assert.deepEqual(await receiver.take(2), [
    { name: 'channel_occupied', channel: 'room' },
    { name: 'subscription_count', channel: 'room', subscription_count: 1 },
  ]);
  ada.disconnect();
  const left = await receiver.take(5);
  assert.deepEqual(
    left.map(({ name, channel }) => `${name} ${channel ?? ''}`).sort(),
    [
      'channel_vacated presence-cache-room',
      'channel_vacated room',
      'connection_count ',
      'member_removed presence-cache-room',
      'subscription_count room',
    ],
  );
  for (const { method, url, headers: sent } of receiver.requests) {
    assert.deepEqual([method, url], ['POST', '/webhook']);
    assert.equal(sent['content-type'], 'application/json');
    assert.equal(sent['x-pusher-key'], APP.key);
    assert.deepEqual([sent['x-env'], sent['user-agent']], ['test', 'ours']);
  }
});

test('each endpoint hears what its filters let through', async (t) => {
  const [one, other] = [await receive(t), await receive(t)];
  const { world } = one.of(
    other.of(
      await start(t, [
        endpoint(one.receiver.url, { events: ['channel_occupied'], prefix: 'a-' }),
        endpoint(other.receiver.url, { suffix: '-z', events: ['subscription_count'] }),
      ]),
    ),
  );
  const client = await world.connect(t);
  for (const name of ['a-z', 'b-z', 'a-y']) await subscribe(client, name);
  const occupied = ['a-z', 'a-y'].map((channel) => ({ name: 'channel_occupied', channel }));
  assert.deepEqual(await one.receiver.take(2), occupied);
  const counts = ['a-z', 'b-z'].map((channel) => ({
    name: 'subscription_count',
    channel,
    subscription_count: 1,
  }));
  assert.deepEqual(await other.receiver.take(2), counts);
});

test('events of one moment travel in few requests of limited size', async (t) => {
  const { receiver, of } = await receive(t);
  const keys = { batch_ms: 300, batch_events_max: 10 };
  const { world } = of(
    await start(t, [endpoint(receiver.url, { events: ['channel_occupied'] })], keys),
  );
  const client = await world.connect(t);
  for (let i = 0; i < 35; i += 1) client.subscribe(`room-${i}`);
  const channels = (await receiver.take(35)).map(({ channel }) => channel);
  assert.equal(new Set(channels).size, 35);
  const sizes = receiver.requests.map(({ rawBody }) => JSON.parse(rawBody).events.length);
  assert(Math.max(...sizes) === 10 && sizes.length <= 7, `requests of ${sizes} events`);
});

test('who comes back at once has neither left nor come', async (t) => {
  const { receiver, of } = await receive(t);
  const { world } = of(await start(t, [endpoint(receiver.url)], { debounce_ms: 2_000 }));
  const join = async (user) => {
    const client = await world.connect(t, { user });
    await subscribe(client, 'presence-room');
    return client;
  };
  (await join('ada')).disconnect();
  await receiver.take(2);
  const back = await join('ada');
  // It is in the same order: had the departure been told, it would come before this.
  back.channel('presence-room').trigger('client-hi', 1);
  assert.deepEqual((await receiver.take(1)).map(({ name }) => name), ['client_event']);
  back.disconnect();
  const names = (await receiver.take(2)).map(({ name }) => name);
  assert.deepEqual(names, ['member_removed', 'channel_vacated']);
});

test('an endpoint that fails, hangs or is away gets everything in order when it is back', async (t) => {
  const { receiver, of } = await receive(t);
  const keys = { timeout_s: 1, batch_events_max: 5 };
  const { world } = of(
    await start(t, [endpoint(receiver.url, { events: ['client_event'] })], keys),
  );
  const [sender, listener] = [await world.connect(t), await world.connect(t)];
  const channel = await subscribe(sender, 'private-room');
  const inbox = Inbox.of(await subscribe(listener, 'private-room'), 'client-n');
  let sent = 0;
  const send = async (count) => {
    for (let i = 0; i < count; i += 1) channel.trigger('client-n', sent++);
    await inbox.take(count); // Subscribers get each at once, whatever the endpoint does.
  };
  await send(5);
  await receiver.take(5);

  receiver.answer = 500;
  await send(20);
  await receiver.until('a failure', () => receiver.requests.at(-1).answer === 500);
  receiver.answer = 'hang';
  await receiver.until('a request to hang', () => receiver.requests.at(-1).answer === 'hang');
  await send(20);
  receiver.close();
  await send(20);
  receiver.answer = 200;
  await receiver.reopen();

  const data = (await receiver.take(60, 30_000)).map(({ data }) => Number(data));
  assert.deepEqual(data, Array.from({ length: 60 }, (_, i) => i + 5), 'all, in order, once');
  await poll('an empty queue', async () => (await metric(world, 'uringcast_webhook_queue_batches')) === 0);
  assert.equal(await metric(world, 'uringcast_webhook_dropped_total'), 0);
  assert.equal(await metric(world, 'uringcast_webhook_events_total'), 65);
  assert(await metric(world, 'uringcast_webhook_retries_total') > 0);
});

test('a dead endpoint costs a bounded queue, then dead letters, which can be replayed', async (t) => {
  const { receiver, of } = await receive(t);
  receiver.answer = 'hang';
  const keys = { queue_bytes_max: 1_048_576, timeout_s: 60 };
  const events = ['client_event'];
  const { world, config, deadLetters } = of(
    await start(t, [endpoint(receiver.url, { events })], keys),
  );
  const [sender, listener] = [await world.connect(t), await world.connect(t)];
  const channel = await subscribe(sender, 'private-room');
  const inbox = Inbox.of(await subscribe(listener, 'private-room'), 'client-n');
  const padding = 'x'.repeat(8_000);
  const count = 400; // About three times what the queue holds.
  const got = [];
  for (let i = 0; i < count; i += 1) {
    channel.trigger('client-n', `${i} ${padding}`);
    // Not so many at once that the listener, which is in this process, falls behind.
    if (i % 20 === 19) got.push(...(await inbox.take(20)).map(({ data }) => parseInt(data, 10)));
  }
  assert.deepEqual(got, Array.from({ length: count }, (_, i) => i), 'fan-out goes on');
  const buried = () => metric(world, 'uringcast_webhook_dead_letters_total');
  await poll('dead letters', async () => (await buried()) > 0);
  assert((await metric(world, 'uringcast_webhook_queue_bytes')) <= 1_048_576);

  // At the end of the process what is queued becomes dead letters, too.
  await world.server.stop();
  const kept = eventsOf(deadLetters).map(({ data }) => parseInt(data, 10));
  assert.deepEqual([...kept].sort((a, b) => a - b), got, 'nothing is lost, nothing doubled');
  assert.equal(statSync(deadLetters).mode & 0o777, 0o600);

  const listed = await run('dead-letters', 'list', deadLetters);
  assert.equal(listed.code, 0, listed.error);
  assert.equal(listed.out.trim().split('\n').length, letters(deadLetters).length);
  assert.match(listed.out, new RegExp(`app=${APP.appId} events=\\d+ bytes=\\d+ url=${receiver.url}`));

  receiver.answer = 500;
  const failed = await run('dead-letters', 'replay', deadLetters, '--config', config);
  assert.equal(failed.code, 1);
  assert.match(failed.error, /0 delivered, \d+ left/);
  assert.equal(eventsOf(deadLetters).length, count);

  receiver.answer = 200;
  const replayed = await run('dead-letters', 'replay', deadLetters, '--config', config);
  assert.equal(replayed.code, 0, replayed.error);
  const data = receiver.events.map(({ data }) => parseInt(data, 10));
  assert.deepEqual(data, kept, 'replayed in the order of the file');
  receiver.checkSignatures();
  assert.throws(() => statSync(deadLetters), 'the file is empty and gone');
  assert.equal((await run('dead-letters', 'list', deadLetters)).code, 1);
});

test('endpoints follow the configuration while the server runs', async (t) => {
  const [old, next] = [await receive(t), await receive(t)];
  const events = ['client_event'];
  const started = await start(t, [endpoint(old.receiver.url, { events })]);
  const { world, config } = old.of(next.of(started));
  const client = await world.connect(t);
  const channel = await subscribe(client, 'private-room');
  channel.trigger('client-n', 'old');
  await old.receiver.take(1);

  const before = readFileSync(config, 'utf8');
  writeFileSync(config, before.replace(old.receiver.url, next.receiver.url));
  await poll('the new endpoint', () => {
    channel.trigger('client-n', 'new');
    return next.receiver.events.length > 0;
  });
  await next.receiver.until('signatures', () => true);
  assert(old.receiver.events.every(({ data }) => data === 'new'), 'nothing comes twice');
});

test('what happens while the server stops is told before it ends', async (t) => {
  const { receiver, of } = await receive(t);
  const { world, deadLetters } = of(
    await start(t, [endpoint(receiver.url)], { debounce_ms: 60_000, batch_ms: 60_000 }),
  );
  const channels = Array.from({ length: 8 }, (_, i) => `presence-${i}`); // On all cores.
  await Promise.all(channels.map(async (name) => subscribe(await world.connect(t), name)));
  await world.server.stop();
  for (const channel of channels) {
    const told = receiver.events.filter((event) => event.channel === channel);
    const expected = ['channel_occupied', 'member_added', 'member_removed', 'channel_vacated'];
    assert.deepEqual(told.map(({ name }) => name), expected, channel);
  }
  assert.throws(() => statSync(deadLetters), 'nothing was given up');
});
