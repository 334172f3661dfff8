// The HTTP API through the server SDK: the questions it answers and the requests it refuses.

import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, before, test } from 'node:test';

import { WebSocket } from 'ws';

import { Inbox } from './harness/inbox.mjs';
import { APP } from './harness/server.mjs';
import { subscribe, World } from './harness/world.mjs';

// The default limit of one event's data, which is the hosted service's.
const DATA_BYTES_MAX = 10 * 1024;

let world;
before(async () => (world = await World.start()));
after(() => world.stop());

async function get(path, params) {
  const response = await world.sdk.get({ path, params });
  assert.equal(response.status, 200);
  return response.json();
}

/** Sends a signed request with exactly this body, which the SDK itself would not send. */
async function post(path, body) {
  const target = `/apps/${APP.appId}${path}`;
  const query = world.sdk.createSignedQueryString({ method: 'POST', path: target, body });
  const url = `http://${world.server.host}:${world.server.port}${target}?${query}`;
  return fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
}

/** A refusal has this status and a JSON body that names the cause. */
function refusal(status) {
  return (error) => {
    assert.equal(error.status, status, error.body);
    const cause = JSON.parse(error.body).error;
    assert.equal(typeof cause, 'string');
    assert.notEqual(cause, '');
    return true;
  };
}

async function checkRefused(path, body, status) {
  const response = await post(path, body);
  refusal(status)({ status: response.status, body: await response.text() });
}

test('success is answered with an empty object', async () => {
  const response = await world.sdk.trigger('nobody-here', 'news', 'x');
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), {});
  const batch = await world.sdk.triggerBatch([{ channel: 'nobody-here', name: 'n', data: 'x' }]);
  assert.deepEqual(await batch.json(), {});
});

test('no channels is an empty object', async () => {
  const { channels } = await get('/channels', { filter_by_prefix: 'no-such-prefix-' });
  assert.deepEqual(channels, {});
});

test('lists occupied channels, by prefix and with user counts', async (t) => {
  const ada = await world.connect(t, { user: 'ada' });
  const grace = await world.connect(t, { user: 'grace' });
  await subscribe(ada, 'list-1');
  await subscribe(grace, 'list-2');
  await subscribe(ada, 'presence-list');
  await subscribe(grace, 'presence-list');
  const all = (await get('/channels')).channels;
  for (const name of ['list-1', 'list-2', 'presence-list']) assert.deepEqual(all[name], {});
  const { channels } = await get('/channels', { filter_by_prefix: 'list-' });
  assert.deepEqual(channels, { 'list-1': {}, 'list-2': {} });
  const counted = await get('/channels', { filter_by_prefix: 'presence-', info: 'user_count' });
  assert.deepEqual(counted.channels['presence-list'], { user_count: 2 });
});

test('tells whether a channel is occupied and by how many', async (t) => {
  const [one, two] = [await world.connect(t), await world.connect(t)];
  await subscribe(one, 'occupied');
  await subscribe(two, 'occupied');
  assert.equal((await get('/channels/occupied')).occupied, true);
  const counted = await get('/channels/occupied', { info: 'subscription_count' });
  assert.equal(counted.subscription_count, 2);
  assert.equal((await get('/channels/vacant')).occupied, false);

  two.unsubscribe('occupied');
  await subscribe(two, 'elsewhere');
  const left = await get('/channels/occupied', { info: 'subscription_count' });
  assert.equal(left.subscription_count, 1);
});

test('lists the users of a presence channel, each once', async (t) => {
  const clients = ['ada', 'ada', 'linus', 'grace'].map((user) => world.connect(t, { user }));
  for (const client of clients) await subscribe(await client, 'presence-users');
  const { users } = await get('/channels/presence-users/users');
  assert.deepEqual(users.map(({ id }) => id).sort(), ['10', '7', 'grace-1']);
  const counted = await get('/channels/presence-users', { info: 'user_count' });
  assert.equal(counted.user_count, 3);
  assert.deepEqual(await get('/channels/presence-empty/users'), { users: [] });
});

test('only presence channels have users', async () => {
  await assert.rejects(world.sdk.get({ path: '/channels/public/users' }), refusal(400));
});

test('a wrong secret, key or app is refused', async () => {
  const send = (options) => world.sdkWith(options).trigger('room', 'news', 'x');
  await assert.rejects(send({ secret: 'wrong' }), refusal(401));
  await assert.rejects(send({ key: 'wrong' }), refusal(401));
  await assert.rejects(send({ appId: 'wrong' }), refusal(404));
});

test('an old timestamp and a changed body are refused', async () => {
  const target = `/apps/${APP.appId}/events`;
  const body = JSON.stringify({ name: 'news', channel: 'room', data: 'x' });
  const origin = `http://${world.server.host}:${world.server.port}`;
  const signed = world.sdk.createSignedQueryString({ method: 'POST', path: target, body });
  const changed = await fetch(`${origin}${target}?${signed}`, { method: 'POST', body: `${body} ` });
  refusal(401)({ status: changed.status, body: await changed.text() });

  const now = Date.now;
  Date.now = () => now() - 700_000;
  const stale = world.sdk.createSignedQueryString({ method: 'POST', path: target, body });
  Date.now = now;
  const late = await fetch(`${origin}${target}?${stale}`, { method: 'POST', body });
  refusal(401)({ status: late.status, body: await late.text() });
});

test('data up to the limit is delivered, one byte more is refused with 413', async (t) => {
  const pusher = await world.connect(t);
  const inbox = Inbox.of(await subscribe(pusher, 'large'), 'news');
  const largest = '\u00e9'.repeat(DATA_BYTES_MAX / 2);
  await assert.rejects(world.sdk.trigger('large', 'news', `${largest}x`), refusal(413));
  await world.sdk.trigger('large', 'news', largest);
  assert.equal((await inbox.next()).data, largest);
});

test('a body beyond any event is refused with 413', async () => {
  const data = 'x'.repeat(2_000_000);
  await assert.rejects(world.sdk.trigger('room', 'news', data), refusal(413));
});

test('bad names and bad bodies are refused with 400', async () => {
  const event = (fields) => JSON.stringify({ name: 'n', channel: 'room', data: 'x', ...fields });
  await checkRefused('/events', event({ channel: 'bad name!' }), 400);
  await checkRefused('/events', event({ channel: 'x'.repeat(201) }), 400);
  await checkRefused('/events', event({ name: 'x'.repeat(201) }), 400);
  await checkRefused('/events', event({ channel: undefined }), 400);
  await checkRefused('/events', event({ data: undefined }), 400);
  await checkRefused('/events', '{"name":', 400);
  await checkRefused('/batch_events', JSON.stringify({ batch: 1 }), 400);
});

test('a publish takes 100 channels and a batch 10 events, not one more', async () => {
  const names = Array.from({ length: 101 }, (_, number) => `many-${number}`);
  const event = (channels) => JSON.stringify({ name: 'n', data: 'x', channels });
  assert.equal((await post('/events', event(names.slice(1)))).status, 200);
  await checkRefused('/events', event(names), 400);

  const events = names.slice(0, 11).map((channel) => ({ channel, name: 'n', data: 'x' }));
  await world.sdk.triggerBatch(events.slice(1));
  await assert.rejects(world.sdk.triggerBatch(events), refusal(400));
});

test('a path that does not exist is answered with 404', async () => {
  await assert.rejects(world.sdk.get({ path: '/no-such-thing' }), refusal(404));
});

test('a kept-alive connection serves many requests in order', async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const pusher = await world.connect(t);
  const inbox = Inbox.of(await subscribe(pusher, 'keep-alive'), 'tick');
  const sdk = world.sdkWith({ agent });
  const numbers = Array.from({ length: 50 }, (_, number) => number);
  await Promise.all(numbers.map((number) => sdk.trigger('keep-alive', 'tick', number)));
  const seen = (await inbox.take(numbers.length)).map(({ data }) => data);
  assert.deepEqual(seen, numbers);
});

test('data is relayed byte for byte, its escapes included', async (t) => {
  const url = `ws://${world.server.host}:${world.server.port}/app/${APP.key}?protocol=7`;
  const socket = new WebSocket(url);
  t.after(() => socket.terminate());
  const inbox = new Inbox('the raw socket');
  socket.on('message', (frame) => inbox.push(frame.toString()));
  assert.match(await inbox.next(), /pusher:connection_established/);
  socket.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel: 'bytes' } }));
  assert.match(await inbox.next(), /pusher_internal:subscription_succeeded/);

  const literals = [
    String.raw`"caf\u00e9 \/ \ud83d\ude00 \u2028"`,
    '"caf\u00e9 \u{1f600} \u2028"',
    String.raw`"{\"a\":[1,  2.0e0,\n\"\\u00e9\"]}"`,
  ];
  for (const literal of literals) {
    const response = await post('/events', `{"name":"e","channel":"bytes","data":${literal}}`);
    assert.equal(response.status, 200);
    const frame = await inbox.next();
    assert(frame.includes(`"data":${literal}`), `${literal} became ${frame}`);
  }
});

test('the server says that it is up', async () => {
  const response = await fetch(`http://${world.server.host}:${world.server.port}/up`);
  assert.equal(response.status, 200);
});
