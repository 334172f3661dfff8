// Restarts: a server that is told to end sends its clients to whoever listens next.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { emitted } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { Server } from './harness/server.mjs';
import { errorCode, subscribe, World } from './harness/world.mjs';

// pusher-js comes back at once after 4200, but repeats a refused TCP connect only after 15 s.
const REFUSED_RETRY_MS = 30_000;

test('a drained server closes with 4200 and its clients find the next on that port', async (t) => {
  const world = await World.start();
  t.after(() => world.stop());
  const pusher = await world.connect(t);
  const channel = await subscribe(pusher, 'private-drain');
  const inbox = Inbox.of(channel, 'news');
  const code = errorCode(pusher);
  const event = 'pusher:subscription_succeeded';
  const resubscribed = emitted(channel, event, () => true, REFUSED_RETRY_MS);

  await world.server.stop();
  assert.equal(await code, 4200);

  const successor = await Server.start({ port: world.server.port });
  t.after(() => successor.stop());
  const fresh = await world.connect(t);
  const freshInbox = Inbox.of(await subscribe(fresh, 'private-drain'), 'news');
  await world.sdk.trigger('private-drain', 'news', 'at once');
  assert.equal((await freshInbox.next()).data, 'at once');

  await resubscribed;
  await world.sdk.trigger('private-drain', 'news', 'after the drain');
  assert.deepEqual(await inbox.next(), { event: 'news', data: 'after the drain' });
});
