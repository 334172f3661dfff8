// Chapter "Server -> client": `pusher_internal:subscription_count`, for apps that ask for it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Inbox } from '../harness/inbox.mjs';
import { member } from '../harness/raw.mjs';
import { needs, settings, unique } from '../harness/subject.mjs';
import { World } from '../harness/world.mjs';

const COUNT = 'pusher_internal:subscription_count';
const counted = needs('subscription-count');

let world;
before(async () => (world = await World.subject({ 'pusher.subscription_count': true })));
after(() => world.stop());

/** The number in the next frame, which must be a count. */
async function nextCount(raw, channel) {
  const frame = await raw.next();
  assert.deepEqual([frame.event, frame.channel, typeof frame.data], [COUNT, channel, 'string']);
  return JSON.parse(frame.data).subscription_count;
}

describe('pusher_internal:subscription_count', () => {
  for (const kind of ['room', 'private-room', 'private-encrypted-room', 'cache-room']) {
    it(`tells everyone on ${kind} of each change`, counted, async (t) => {
      const [name, first, second] = [unique(kind), await world.raw(t), await world.raw(t)];
      await first.subscribe(name);
      if (kind === 'cache-room') assert.equal((await first.next()).event, 'pusher:cache_miss');
      assert.equal(await nextCount(first, name), 1);
      await second.subscribe(name);
      if (kind === 'cache-room') assert.equal((await second.next()).event, 'pusher:cache_miss');
      assert.equal(await nextCount(second, name), 2);
      assert.equal(await nextCount(first, name), 2);
      second.send('pusher:unsubscribe', { channel: name });
      assert.equal(await nextCount(first, name), 1);
    });
  }

  it('counts a connection that ends', counted, async (t) => {
    const [name, first, second] = [unique('room'), await world.raw(t), await world.raw(t)];
    await first.subscribe(name);
    assert.equal(await nextCount(first, name), 1);
    await second.subscribe(name);
    assert.equal(await nextCount(first, name), 2);
    second.socket.terminate();
    assert.equal(await nextCount(first, name), 1);
  });

  it('is not told on presence channels', counted, async (t) => {
    const [name, first, second] = [unique('presence-room'), await world.raw(t), await world.raw(t)];
    await first.subscribe(name, member('1', {}));
    await second.subscribe(name, member('2', {}));
    await world.sdk.trigger(name, 'fence', 'end');
    const events = [(await first.next()).event, (await first.next()).event];
    assert.deepEqual(events, ['pusher_internal:member_added', 'fence']);
    assert.equal((await second.next()).event, 'fence');
  });

  it('surfaces in pusher-js as pusher:subscription_count', counted, async (t) => {
    const name = unique('room');
    const pusher = await world.connect(t);
    const channel = pusher.subscribe(name);
    const inbox = Inbox.of(channel, 'pusher:subscription_count');
    assert.deepEqual((await inbox.next()).data, { subscription_count: 1 });
    const other = await world.raw(t);
    await other.subscribe(name);
    assert.deepEqual((await inbox.next()).data, { subscription_count: 2 });
    assert.equal(channel.subscriptionCount, 2);
  });

  it('is told at most every 5 s above 100 subscribers', counted, async (t) => {
    const [name, watcher] = [unique('room'), await world.raw(t)];
    await watcher.subscribe(name);
    const join = async () => {
      const raw = await world.raw(t);
      await raw.subscribe(name);
      return raw;
    };
    await Promise.all(Array.from({ length: 100 }, join));
    while ((await nextCount(watcher, name)) < 101);
    for (let more = 0; more < 3; more += 1) await join();
    await world.sdk.trigger(name, 'fence', 'end');
    assert.equal((await watcher.next()).event, 'fence');
    // The last number comes in the end, and only it.
    assert.equal(await nextCount(watcher, name), 104);
  });

  it('is not told unless the app asks for it', settings, async (t) => {
    const plain = await World.configured({});
    t.after(() => plain.stop());
    const [name, first, second] = [unique('room'), await plain.raw(t), await plain.raw(t)];
    for (const raw of [first, second]) await raw.subscribe(name);
    await plain.sdk.trigger(name, 'fence', 'end');
    for (const raw of [first, second]) assert.equal((await raw.next()).event, 'fence');
  });
});
