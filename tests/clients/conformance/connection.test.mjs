// Chapter "Server -> client": `pusher:connection_established` and what keeps a connection alive.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';

import { emitted, within } from '../harness/deadline.mjs';
import { Raw } from '../harness/raw.mjs';
import { external, settings, unique } from '../harness/subject.mjs';
import { World } from '../harness/world.mjs';

let world;
before(async () => (world = await World.subject({ 'connection.activity_timeout_s': 30 })));
after(() => world.stop());

describe('pusher:connection_established', () => {
  it('is the first frame, even for a client that talks at once', async (t) => {
    const raw = Raw.open(t, world);
    await within('the socket to open', once(raw.socket, 'open'));
    raw.send('pusher:ping', {});
    assert.equal((await raw.next()).event, 'pusher:connection_established');
    assert.equal((await raw.next()).event, 'pusher:pong');
  });

  it('has a socket id of two numbers and an activity timeout above zero', async (t) => {
    const { data } = await Raw.open(t, world).next();
    const { socket_id: socketId, activity_timeout: timeout } = JSON.parse(data);
    assert.match(socketId, /^\d+\.\d+$/);
    assert(Number.isInteger(timeout) && timeout > 0, `activity_timeout ${timeout}`);
  });

  it('gives each connection a socket id of its own', async (t) => {
    const raws = await Promise.all(Array.from({ length: 20 }, () => world.raw(t)));
    assert.equal(new Set(raws.map(({ socketId }) => socketId)).size, raws.length);
  });

  it('tells pusher-js its socket id and the activity timeout', async (t) => {
    const pusher = await world.connect(t);
    assert.match(pusher.connection.socket_id, /^\d+\.\d+$/);
    assert(pusher.connection.activityTimeout > 0);
    if (!external) assert.equal(pusher.connection.activityTimeout, 30_000);
  });

  it('gives a client that comes back a new socket id and its channels', async (t) => {
    const name = unique('comeback');
    const { pusher, channel, inbox, socketId } = await world.listen(t, name, ['news']);
    pusher.disconnect();
    const subscribed = emitted(channel, 'pusher:subscription_succeeded');
    pusher.connect();
    await subscribed;
    assert.notEqual(pusher.connection.socket_id, socketId);
    await world.sdk.trigger(name, 'news', 'again');
    assert.deepEqual(await inbox.next(), { event: 'news', data: 'again' });
  });
});

describe('pusher:ping and pusher:pong', () => {
  it('answers every ping of a quiet pusher-js', async (t) => {
    const pusher = await world.connect(t, { activityTimeout: 50 });
    const socketId = pusher.connection.socket_id;
    for (let pong = 0; pong < 3; pong += 1) {
      await emitted(pusher.connection, 'message', ({ event }) => event === 'pusher:pong');
    }
    assert.equal(pusher.connection.socket_id, socketId);
    assert.equal(pusher.connection.state, 'connected');
  });

  it('answers a ping of the websocket protocol with its payload', async (t) => {
    const raw = await world.raw(t);
    const pong = emitted(raw.socket, 'pong');
    raw.socket.ping('payload');
    assert.equal((await pong).toString(), 'payload');
  });

  it('takes a pong that it did not ask for', async (t) => {
    const raw = await world.raw(t);
    raw.send('pusher:pong', {});
    raw.socket.pong();
    assert.deepEqual(await raw.untilPong(), []);
  });

  it('answers a close with a close', async (t) => {
    const raw = await world.raw(t);
    raw.socket.close(1000);
    assert.equal((await raw.closed()).code, 1000);
  });

  it(
    'pings who is silent, keeps who answers and closes the others with 4201',
    settings,
    async (t) => {
      const impatient = await World.configured({
        'connection.activity_timeout_s': 1,
        'connection.pong_timeout_s': 1,
      });
      t.after(() => impatient.stop());
      // By itself the library answers ping frames, and so does every browser.
      const silent = await impatient.raw(t, { autoPong: false });
      const alive = await impatient.raw(t, { autoPong: false });
      const ended = silent.closed();
      assert.equal((await alive.next()).event, 'pusher:ping');
      alive.send('pusher:pong', {});
      assert.equal((await silent.next()).event, 'pusher:ping');
      assert.equal((await alive.next()).event, 'pusher:ping');
      assert.equal((await ended).code, 4201);
      alive.send('pusher:pong', {});
      await alive.untilPong();
    },
  );

  it(
    'keeps who answers the pings of the websocket protocol only, idle or receiving',
    settings,
    async (t) => {
      const impatient = await World.configured({
        'connection.activity_timeout_s': 1,
        'connection.pong_timeout_s': 1,
      });
      t.after(() => impatient.stop());
      // They never look at `pusher:ping`.
      const [idle, receiving] = [await impatient.raw(t), await impatient.raw(t)];
      await receiving.subscribe('room');
      const busy = setInterval(() => impatient.sdk.trigger('room', 'event', ''), 50);
      t.after(() => clearInterval(busy));
      await Promise.all([idle, receiving].map(async ({ socket }) => {
        for (let ping = 0; ping < 5; ping += 1) await emitted(socket, 'ping');
      }));
      clearInterval(busy);
      await idle.untilPong();
      await receiving.untilPong();
    },
  );
});
