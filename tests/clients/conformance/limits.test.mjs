// The limits of the hosted service, each at its value and one past it, and ours that it does not
// publish. Those of names are in names.test.mjs.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { checkStatus, refused } from '../harness/api.mjs';
import { member } from '../harness/raw.mjs';
import { needs, ours, settings, unique } from '../harness/subject.mjs';
import { World } from '../harness/world.mjs';

const DATA_BYTES_MAX = 10 * 1024;
const CHANNELS_MAX = 100;
const BATCH_MAX = 10;
const MEMBERS_MAX = 100;
const USER_ID_MAX = 128;
const USER_INFO_BYTES_MAX = 1024;
const CLIENT_EVENTS_PER_SECOND = 10;

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

/** Members `from` to `to` of a presence channel, each on a connection of its own. */
function members(t, name, from, to) {
  const join = async (_, index) => {
    const raw = await world.raw(t);
    raw.ask(name, member(String(from + index), {}));
    return { raw, answer: await raw.next() };
  };
  return Promise.all(Array.from({ length: to - from }, join));
}

describe('Limits of the HTTP API', () => {
  it('data has 10 KiB and is refused with 413 one byte past it', async (t) => {
    const name = unique('large');
    const { inbox } = await world.listen(t, name, ['news']);
    const largest = '\u00e9'.repeat(DATA_BYTES_MAX / 2);
    await assert.rejects(world.sdk.trigger(name, 'news', `${largest}x`), refused(413));
    await world.sdk.trigger(name, 'news', largest);
    assert.equal((await inbox.next()).data, largest);
  });

  it('data in a batch has the same limit', async () => {
    const event = (data) => ({ channel: unique('large'), name: 'n', data });
    await world.sdk.triggerBatch([event('x'.repeat(DATA_BYTES_MAX))]);
    const batch = [event('x'), event('x'.repeat(DATA_BYTES_MAX + 1))];
    await assert.rejects(world.sdk.triggerBatch(batch), refused(413));
  });

  it('a publish takes 100 channels and not 101', async () => {
    const names = Array.from({ length: CHANNELS_MAX + 1 }, () => unique('many'));
    const event = (channels) => ({ name: 'n', data: 'x', channels });
    await world.api.posted('/events', event(names.slice(1)));
    checkStatus(await world.api.post('/events', event(names)), 400);
  });

  it('a batch takes 10 events and not 11', async () => {
    const event = () => ({ channel: unique('many'), name: 'n', data: 'x' });
    const events = Array.from({ length: BATCH_MAX + 1 }, event);
    await world.sdk.triggerBatch(events.slice(1));
    await assert.rejects(world.sdk.triggerBatch(events), refused(400));
  });

  it('a body beyond any event is refused with 413', async () => {
    const data = 'x'.repeat(2_000_000);
    await assert.rejects(world.sdk.trigger(unique('room'), 'news', data), refused(413));
  });
});

describe('Limits of presence', () => {
  it('a channel takes 100 members and not 101', async (t) => {
    const name = unique('presence-full');
    for (const { answer } of await members(t, name, 0, MEMBERS_MAX)) {
      assert.equal(answer.event, 'pusher_internal:subscription_succeeded');
    }
    const [{ answer }] = await members(t, name, MEMBERS_MAX, MEMBERS_MAX + 1);
    assert.match(answer.event, /^pusher:(subscription_)?error$/);
    const { user_count: count } = await world.api.get(`/channels/${name}`, { info: 'user_count' });
    assert.equal(count, MEMBERS_MAX);
    // Somebody who is there already is no further member.
    const [again] = await members(t, name, 0, 1);
    assert.equal(again.answer.event, 'pusher_internal:subscription_succeeded');
  });

  it('user_id has 128 characters and not 129', async (t) => {
    const [raw, name] = [await world.raw(t), unique('presence-room')];
    raw.ask(name, member('i'.repeat(USER_ID_MAX + 1), {}));
    await raw.refusal();
    await raw.subscribe(name, member('i'.repeat(USER_ID_MAX), {}));
  });

  it('user_info has 1 KiB and not a byte more', async (t) => {
    const [raw, name] = [await world.raw(t), unique('presence-room')];
    const fixed = JSON.stringify({ x: '' }).length;
    const info = (bytes) => ({ x: 'x'.repeat(bytes - fixed) });
    raw.ask(name, member('1', info(USER_INFO_BYTES_MAX + 1)));
    await raw.refusal();
    await raw.subscribe(name, member('1', info(USER_INFO_BYTES_MAX)));
  });
});

describe('Limits of client events', needs('client-events'), () => {
  it('a connection sends 10 a second; the 11th is refused with the message 4301', async (t) => {
    const [name, sender, other] = [unique('private-room'), await world.raw(t), await world.raw(t)];
    for (const raw of [sender, other]) await raw.subscribe(name);
    const sent = CLIENT_EVENTS_PER_SECOND + 1;
    for (let number = 0; number < sent; number += 1) sender.send('client-n', number, name);
    assert.equal((await sender.refusal()).data.code, 4301);
    await world.sdk.trigger(name, 'fence', 'end');
    const numbers = [];
    for (let frame = await other.next(); frame.event !== 'fence'; frame = await other.next()) {
      numbers.push(frame.data);
    }
    assert.deepEqual(
      numbers,
      Array.from({ length: CLIENT_EVENTS_PER_SECOND }, (_, number) => number),
    );
    assert.equal((await sender.next()).event, 'fence');
  });

  it('data has 10 KiB and not a byte more', async (t) => {
    const [name, sender, other] = [unique('private-room'), await world.raw(t), await world.raw(t)];
    for (const raw of [sender, other]) await raw.subscribe(name);
    const data = (bytes) => ({ x: 'x'.repeat(bytes - '{"x":""}'.length) });
    sender.send('client-n', data(DATA_BYTES_MAX + 1), name);
    await sender.refusal();
    sender.send('client-n', data(DATA_BYTES_MAX), name);
    assert.deepEqual((await other.next()).data, data(DATA_BYTES_MAX));
  });
});

describe('Limits of a connection', () => {
  it('a message may have 32 KiB; one byte more closes with 1009', ours, async (t) => {
    const raw = await world.raw(t);
    const message = JSON.stringify({ event: 'pusher:ping', data: {} });
    raw.write(message.padEnd(32_768));
    assert.equal((await raw.next()).event, 'pusher:pong');
    raw.write(message.padEnd(32_769));
    assert.equal((await raw.closed()).code, 1009);
  });

  it('has as many subscriptions as configured and not one more', settings, async (t) => {
    const small = await World.configured({ 'connection.subscriptions_max': 3 });
    t.after(() => small.stop());
    const raw = await small.raw(t);
    for (const name of ['one', 'two', 'three']) await raw.subscribe(name);
    raw.ask('four');
    await raw.refusal();
    raw.send('pusher:unsubscribe', { channel: 'one' });
    await raw.subscribe('four');
  });
});
