// Chapter "Server -> client": the events of channels. What the server SDK publishes is what
// pusher-js clients get.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Inbox } from '../harness/inbox.mjs';
import { unique } from '../harness/subject.mjs';
import { subscribe, World } from '../harness/world.mjs';

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

describe('Events of channels', () => {
  it('have event, channel and data, and nothing else', async (t) => {
    const [raw, name] = [await world.raw(t), unique('room')];
    await raw.subscribe(name);
    await world.sdk.trigger(name, 'news', 'text');
    assert.deepEqual(await raw.next(), { event: 'news', channel: name, data: 'text' });
  });

  it('reach every subscriber of their channel and nobody else', async (t) => {
    const [here, there] = [unique('room'), unique('room')];
    const one = await world.listen(t, here, ['news']);
    const two = await world.listen(t, here, ['news']);
    const elsewhere = await world.listen(t, there, ['news']);
    await world.sdk.trigger(here, 'news', { text: 'hello' });
    await world.sdk.trigger(there, 'news', 'fence');
    for (const { inbox } of [one, two]) {
      assert.deepEqual(await inbox.next(), { event: 'news', data: { text: 'hello' } });
    }
    assert.deepEqual(await elsewhere.inbox.next(), { event: 'news', data: 'fence' });
  });

  it('go to several channels with one trigger', async (t) => {
    const names = [unique('many'), unique('private-many'), unique('presence-many')];
    const listeners = await Promise.all(names.map((name) => world.listen(t, name, ['news'])));
    await world.sdk.trigger(names, 'news', { to: 'all' });
    for (const { inbox } of listeners) {
      assert.deepEqual(await inbox.next(), { event: 'news', data: { to: 'all' } });
    }
  });

  it('reach a connection once for each of its channels', async (t) => {
    const [raw, names] = [await world.raw(t), [unique('both'), unique('both')]];
    for (const name of names) await raw.subscribe(name);
    await world.sdk.trigger(names, 'news', 'x');
    const channels = [(await raw.next()).channel, (await raw.next()).channel];
    assert.deepEqual(channels.sort(), names.sort());
  });

  it('of a batch arrive in its order', async (t) => {
    const [name, aside] = [unique('batch'), unique('batch')];
    const { inbox } = await world.listen(t, name, ['first', 'second']);
    const other = await world.listen(t, aside, ['news']);
    await world.sdk.triggerBatch([
      { channel: name, name: 'first', data: { n: 1 } },
      { channel: aside, name: 'news', data: 'two' },
      { channel: name, name: 'second', data: [3] },
      { channel: name, name: 'first', data: { n: 4 } },
    ]);
    assert.deepEqual(await inbox.take(3), [
      { event: 'first', data: { n: 1 } },
      { event: 'second', data: [3] },
      { event: 'first', data: { n: 4 } },
    ]);
    assert.deepEqual(await other.inbox.next(), { event: 'news', data: 'two' });
  });

  it('arrive once each and in order, a thousand of them', async (t) => {
    const name = unique('order');
    const { inbox } = await world.listen(t, name, ['tick']);
    for (let start = 0; start < 1000; start += 10) {
      const numbers = Array.from({ length: 10 }, (_, offset) => start + offset);
      await world.sdk.triggerBatch(numbers.map((data) => ({ channel: name, name: 'tick', data })));
    }
    const numbers = (await inbox.take(1000)).map(({ data }) => data);
    assert.deepEqual(
      numbers,
      Array.from({ length: 1000 }, (_, number) => number),
    );
  });

  it('leave out the excluded socket alone', async (t) => {
    const name = unique('exclude');
    const sender = await world.listen(t, name, ['news']);
    const other = await world.listen(t, name, ['news']);
    await world.sdk.trigger(name, 'news', 'single', { socket_id: sender.socketId });
    await world.sdk.triggerBatch([
      { channel: name, name: 'news', data: 'batched', socket_id: sender.socketId },
      { channel: name, name: 'news', data: 'fence' },
    ]);
    assert.deepEqual(await sender.inbox.next(), { event: 'news', data: 'fence' });
    const texts = (await other.inbox.take(3)).map(({ data }) => data);
    assert.deepEqual(texts, ['single', 'batched', 'fence']);
  });

  it('end with the subscription and begin anew with the next', async (t) => {
    const [name, kept] = [unique('leave'), unique('keep')];
    const { pusher, inbox: left } = await world.listen(t, name, ['news']);
    const keeping = Inbox.of(await subscribe(pusher, kept), 'news');
    pusher.unsubscribe(name);
    // The server reads a connection in order, so once it has answered this the channel is left.
    await subscribe(pusher, unique('seen'));
    await world.sdk.trigger([name, kept], 'news', 'while away');
    assert.equal((await keeping.next()).data, 'while away');

    const again = Inbox.of(await subscribe(pusher, name), 'news');
    await world.sdk.trigger(name, 'news', 'back');
    assert.equal((await again.next()).data, 'back');
    left.push('nothing else');
    assert.equal(await left.next(), 'nothing else');
  });

  it('from the HTTP API have no user_id, on presence channels either', async (t) => {
    const name = unique('presence-api');
    const { inbox } = await world.listen(t, name, ['news']);
    await world.sdk.trigger(name, 'news', 'from the API');
    assert.deepEqual(await inbox.next(), { event: 'news', data: 'from the API' });
  });

  it('reach bindings of the whole client and global ones', async (t) => {
    const name = unique('global');
    const { pusher } = await world.listen(t, name, []);
    const inbox = new Inbox('global');
    pusher.bind_global((event, data) => inbox.push([event, data]));
    await world.sdk.trigger(name, 'news', 1);
    assert.deepEqual(await inbox.next(), ['news', 1]);
  });
});
