// Connecting, staying connected and being refused.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { emitted } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { errorCode, subscribe, World } from './harness/world.mjs';

let world;
before(async () => (world = await World.start('--activity-timeout', '30')));
after(() => world.stop());

test('connects and is given a socket id and the activity timeout', async (t) => {
  const pusher = await world.connect(t);
  assert.match(pusher.connection.socket_id, /^\d+\.\d+$/);
  assert.equal(pusher.connection.activityTimeout, 30_000);
});

test('two connections have two socket ids', async (t) => {
  const [one, other] = [await world.connect(t), await world.connect(t)];
  assert.notEqual(one.connection.socket_id, other.connection.socket_id);
});

test('a quiet client pings and every ping is answered', async (t) => {
  const pusher = await world.connect(t, { activityTimeout: 50 });
  const socketId = pusher.connection.socket_id;
  for (let pong = 0; pong < 3; pong += 1) {
    await emitted(pusher.connection, 'message', ({ event }) => event === 'pusher:pong');
  }
  assert.equal(pusher.connection.socket_id, socketId);
  assert.equal(pusher.connection.state, 'connected');
});

test('a wrong key is refused with 4001 and the client gives up', async (t) => {
  const pusher = world.open(t, { key: 'no-such-key' });
  const states = [];
  pusher.connection.bind('state_change', ({ current }) => states.push(current));
  const [code] = await Promise.all([errorCode(pusher), emitted(pusher.connection, 'disconnected')]);
  assert.equal(code, 4001);
  // A refusal that pusher-js takes for an outage would leave it connecting, with a timer to retry.
  assert.deepEqual(states, ['disconnected']);
  assert.equal(pusher.connection.retryTimer ?? null, null);
});

test('a client that comes back gets a new socket id and its channels', async (t) => {
  const pusher = await world.connect(t);
  const channel = await subscribe(pusher, 'comeback');
  const inbox = Inbox.of(channel, 'news');
  const socketId = pusher.connection.socket_id;
  pusher.disconnect();
  const subscribed = emitted(channel, 'pusher:subscription_succeeded');
  pusher.connect();
  await subscribed;
  assert.notEqual(pusher.connection.socket_id, socketId);
  await world.sdk.trigger('comeback', 'news', 'again');
  assert.deepEqual(await inbox.next(), { event: 'news', data: 'again' });
});
