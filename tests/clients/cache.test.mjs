// Cache channels: the last event for those who subscribe later, in all four kinds.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { USERS } from './harness/authorizer.mjs';
import { emitted } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { World } from './harness/world.mjs';

const MISS = 'pusher:cache_miss';
const SUCCEEDED = 'pusher:subscription_succeeded';
const EVENTS = [SUCCEEDED, MISS, 'pusher:member_added', 'news', 'fence', 'client-typing'];
const FENCE = { event: 'fence', data: 'end' };

// The public kind, and those that need a signature.
const KINDS = ['cache-', 'private-cache-', 'private-encrypted-cache-', 'presence-cache-'];

let world;
before(async () => (world = await World.start('--cores', '2')));
after(() => world.stop());

/** A client of its own that subscribes; the inbox has everything from the first answer on. */
async function subscribe(t, name, options) {
  const pusher = await world.connect(t, options);
  const channel = pusher.subscribe(name);
  return { pusher, channel, inbox: Inbox.of(channel, ...EVENTS) };
}

/** Takes the answer and what the cache had to say. */
async function joined({ inbox }) {
  assert.equal((await inbox.next()).event, SUCCEEDED);
  const { event, data } = await inbox.next();
  return { event, data };
}

const news = (data) => ({ event: 'news', data });
const missed = { event: MISS, data: undefined };

for (const kind of KINDS) {
  describe(`${kind} channels`, () => {
    test('a first subscriber is told that there is nothing', async (t) => {
      const name = `${kind}empty`;
      const first = await subscribe(t, name);
      assert.deepEqual(await joined(first), missed);
      await world.sdk.trigger(name, 'news', { n: 1 });
      assert.deepEqual(await first.inbox.next(), news({ n: 1 }));
    });

    test('a later subscriber gets the last event once, then the live ones', async (t) => {
      const name = `${kind}full`;
      const first = await subscribe(t, name);
      assert.deepEqual(await joined(first), missed);
      for (const n of [1, 2, 3]) await world.sdk.trigger(name, 'news', { n });
      const second = await subscribe(t, name, { user: 'grace' });
      assert.deepEqual(await joined(second), news({ n: 3 }));
      await world.sdk.trigger(name, 'fence', 'end');
      assert.deepEqual(await second.inbox.next(), FENCE);
    });

    test('the event is there without any subscriber', async (t) => {
      const name = `${kind}alone`;
      await world.sdk.trigger(name, 'news', 'kept \u{1f4e6}');
      const one = await subscribe(t, name);
      assert.deepEqual(await joined(one), news('kept \u{1f4e6}'));
      one.pusher.disconnect();
      assert.deepEqual(await joined(await subscribe(t, name)), news('kept \u{1f4e6}'));
    });

    test('who subscribes again gets it again', async (t) => {
      const name = `${kind}again`;
      await world.sdk.trigger(name, 'news', 1);
      const { pusher, ...first } = await subscribe(t, name);
      assert.deepEqual(await joined(first), news(1));
      pusher.unsubscribe(name);
      // The connection is read in order: after this answer the channel has been left.
      await emitted(pusher.subscribe('left'), SUCCEEDED);
      await world.sdk.trigger(name, 'news', 2);
      const inbox = Inbox.of(pusher.subscribe(name), ...EVENTS);
      assert.deepEqual(await joined({ inbox }), news(2));
    });

    test('a publisher that leaves its own socket out still fills the cache', async (t) => {
      const name = `${kind}excluded`;
      const first = await subscribe(t, name);
      assert.deepEqual(await joined(first), missed);
      const socketId = first.pusher.connection.socket_id;
      await world.sdk.trigger(name, 'news', 1, { socket_id: socketId });
      await world.sdk.trigger(name, 'fence', 'end');
      assert.deepEqual(await first.inbox.next(), FENCE);
      assert.deepEqual(await joined(await subscribe(t, name)), FENCE);
    });
  });
}

test('an encrypted event is kept as it was encrypted', async (t) => {
  const name = 'private-encrypted-cache-vault';
  await world.sdk.trigger(name, 'news', { code: 'tr\u00e9sor' });
  const pusher = await world.connect(t);
  const relayed = emitted(pusher.connection, 'message', ({ event }) => event === 'news');
  const inbox = Inbox.of(pusher.subscribe(name), ...EVENTS);
  assert.deepEqual(Object.keys((await relayed).data).sort(), ['ciphertext', 'nonce']);
  assert.deepEqual(await joined({ inbox }), news({ code: 'tr\u00e9sor' }));
});

test('a presence cache channel still delivers its members', async (t) => {
  const name = 'presence-cache-room';
  await world.sdk.trigger(name, 'news', 1);
  const ada = await subscribe(t, name, { user: 'ada' });
  assert.deepEqual(await joined(ada), news(1));
  const linus = await subscribe(t, name, { user: 'linus' });
  assert.deepEqual(await joined(linus), news(1));
  assert.equal(linus.channel.members.count, 2);
  assert.deepEqual(linus.channel.members.me, { id: '7', info: USERS.linus.user_info });
  const added = await ada.inbox.next();
  assert.deepEqual([added.event, added.data.id], ['pusher:member_added', '7']);
});

test('cache in the middle of a name makes no cache channel', async (t) => {
  for (const name of ['my-cache-x', 'private-my-cache-x', 'presence-foo-cache-x']) {
    await world.sdk.trigger(name, 'news', 'lost');
    const { channel, inbox } = await subscribe(t, name, { user: 'linus' });
    assert.equal((await inbox.next()).event, SUCCEEDED);
    await world.sdk.trigger(name, 'fence', 'end');
    assert.deepEqual(await inbox.next(), FENCE);
    if (name.startsWith('presence-')) assert.equal(channel.members.count, 1);
  }
});

test('client events are relayed and not kept', async (t) => {
  const name = 'private-cache-chat';
  const [one, two] = [await subscribe(t, name), await subscribe(t, name)];
  for (const member of [one, two]) assert.deepEqual(await joined(member), missed);
  one.channel.trigger('client-typing', { now: true });
  assert.equal((await two.inbox.next()).event, 'client-typing');
  assert.deepEqual(await joined(await subscribe(t, name)), missed);
});

test('a refused subscriber learns nothing of the event', async (t) => {
  const name = 'private-cache-forged';
  await world.sdk.trigger(name, 'news', 'secret');
  const { pusher, channel, inbox } = await subscribe(t, name);
  await emitted(channel, 'pusher:subscription_error');
  const other = Inbox.of(pusher.subscribe('after-the-refusal'), SUCCEEDED);
  await other.next();
  inbox.push('nothing');
  assert.equal(await inbox.next(), 'nothing');
});

test('a batch leaves its last event', async (t) => {
  const events = [1, 2, 3].map((data) => ({ channel: 'cache-batch', name: 'news', data }));
  await world.sdk.triggerBatch(events);
  assert.deepEqual(await joined(await subscribe(t, 'cache-batch')), news(3));
});

test('an event goes with its time', async (t) => {
  const short = await World.configured({ 'pusher.cache_ttl_s': '1' });
  t.after(() => short.stop());
  const ask = async (name) => {
    const pusher = await short.connect(t);
    return joined({ inbox: Inbox.of(pusher.subscribe(name), ...EVENTS) });
  };
  await short.sdk.trigger('cache-short', 'news', 'old');
  let answer = await ask('cache-short');
  for (let tries = 0; answer.event === 'news' && tries < 1_000; tries += 1) {
    assert.deepEqual(answer, news('old'));
    answer = await ask('cache-short');
  }
  assert.deepEqual(answer, missed);
});
