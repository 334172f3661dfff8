// Public channels: what the server SDK publishes is what pusher-js clients get.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Inbox } from './harness/inbox.mjs';
import { subscribe, World } from './harness/world.mjs';

let world;
before(async () => (world = await World.start()));
after(() => world.stop());

async function listen(t, name, ...events) {
  const pusher = await world.connect(t);
  const inbox = Inbox.of(await subscribe(pusher, name), ...events);
  return { pusher, inbox, socketId: pusher.connection.socket_id };
}

test('an event reaches every subscriber of its channel and nobody else', async (t) => {
  const [one, two] = [await listen(t, 'room-a', 'news'), await listen(t, 'room-a', 'news')];
  const elsewhere = await listen(t, 'room-b', 'news');
  await world.sdk.trigger('room-a', 'news', { text: 'hello' });
  await world.sdk.trigger('room-b', 'news', 'fence');
  for (const { inbox } of [one, two]) {
    assert.deepEqual(await inbox.next(), { event: 'news', data: { text: 'hello' } });
  }
  assert.deepEqual(await elsewhere.inbox.next(), { event: 'news', data: 'fence' });
});

test('one trigger publishes to several channels', async (t) => {
  const names = ['many-1', 'many-2', 'many-3'];
  const listeners = await Promise.all(names.map((name) => listen(t, name, 'news')));
  await world.sdk.trigger(names, 'news', { to: 'all' });
  for (const { inbox } of listeners) {
    assert.deepEqual(await inbox.next(), { event: 'news', data: { to: 'all' } });
  }
});

test('a batch is delivered in its order', async (t) => {
  const { inbox } = await listen(t, 'batch', 'first', 'second');
  const other = await listen(t, 'batch-other', 'news');
  await world.sdk.triggerBatch([
    { channel: 'batch', name: 'first', data: { n: 1 } },
    { channel: 'batch-other', name: 'news', data: 'two' },
    { channel: 'batch', name: 'second', data: [3] },
    { channel: 'batch', name: 'first', data: { n: 4 } },
  ]);
  assert.deepEqual(await inbox.take(3), [
    { event: 'first', data: { n: 1 } },
    { event: 'second', data: [3] },
    { event: 'first', data: { n: 4 } },
  ]);
  assert.deepEqual(await other.inbox.next(), { event: 'news', data: 'two' });
});

test('a batch with one bad item delivers nothing', async (t) => {
  const { inbox } = await listen(t, 'atomic', 'news');
  const batch = [
    { channel: 'atomic', name: 'news', data: 'good' },
    { channel: 'bad name!', name: 'news', data: 'bad' },
  ];
  await assert.rejects(world.sdk.triggerBatch(batch), { status: 400 });
  await world.sdk.trigger('atomic', 'news', 'fence');
  assert.deepEqual(await inbox.next(), { event: 'news', data: 'fence' });
});

test('the excluded socket alone does not get the event', async (t) => {
  const sender = await listen(t, 'exclude', 'news');
  const other = await listen(t, 'exclude', 'news');
  await world.sdk.trigger('exclude', 'news', 'single', { socket_id: sender.socketId });
  await world.sdk.triggerBatch([
    { channel: 'exclude', name: 'news', data: 'batched', socket_id: sender.socketId },
    { channel: 'exclude', name: 'news', data: 'fence' },
  ]);
  assert.deepEqual(await sender.inbox.next(), { event: 'news', data: 'fence' });
  const texts = (await other.inbox.take(3)).map(({ data }) => data);
  assert.deepEqual(texts, ['single', 'batched', 'fence']);
});

test('a thousand events arrive once each and in order', async (t) => {
  const { inbox } = await listen(t, 'order', 'tick');
  for (let start = 0; start < 1000; start += 10) {
    const numbers = Array.from({ length: 10 }, (_, offset) => start + offset);
    const batch = numbers.map((data) => ({ channel: 'order', name: 'tick', data }));
    await world.sdk.triggerBatch(batch);
  }
  const numbers = (await inbox.take(1000)).map(({ data }) => data);
  assert.deepEqual(numbers, Array.from({ length: 1000 }, (_, number) => number));
});

test('unsubscribing ends one channel, and subscribing again begins it anew', async (t) => {
  const { pusher, inbox: left } = await listen(t, 'leave', 'news');
  const kept = Inbox.of(await subscribe(pusher, 'keep'), 'news');
  pusher.unsubscribe('leave');
  // The server reads a connection in order, so once it has answered this the channel is left.
  await subscribe(pusher, 'leave-seen');
  await world.sdk.trigger(['leave', 'keep'], 'news', 'while away');
  assert.equal((await kept.next()).data, 'while away');

  const again = Inbox.of(await subscribe(pusher, 'leave'), 'news');
  await world.sdk.trigger('leave', 'news', 'back');
  assert.equal((await again.next()).data, 'back');
  left.push('nothing else');
  assert.equal(await left.next(), 'nothing else');
});

test('text of every script arrives as it was sent', async (t) => {
  const { inbox } = await listen(t, 'unicode', 'news', 'n\u00e9ws \u{1f4f0}');
  const family = '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}';
  const text = `caf\u00e9 \u4f60\u597d ${family} \u2028 "\\" </script>\n\t\u0000`;
  await world.sdk.trigger('unicode', 'news', text);
  await world.sdk.trigger('unicode', 'n\u00e9ws \u{1f4f0}', { [text]: [text, null, 1.5, true] });
  assert.equal((await inbox.next()).data, text);
  assert.deepEqual(await inbox.next(), {
    event: 'n\u00e9ws \u{1f4f0}',
    data: { [text]: [text, null, 1.5, true] },
  });
});

test('data that is not JSON arrives as the string it is', async (t) => {
  const { inbox } = await listen(t, 'plain', 'news');
  for (const text of ['', 'not json', '{"open":', ' 01 ']) {
    await world.sdk.trigger('plain', 'news', text);
    assert.equal((await inbox.next()).data, text);
  }
});
