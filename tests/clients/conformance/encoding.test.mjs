// Chapter "Double encoding": which messages carry `data` as a string that holds JSON, and which as
// JSON. Strict client libraries fail on the other form.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { member, Raw } from '../harness/raw.mjs';
import { needs, ours, unique } from '../harness/subject.mjs';
import { World } from '../harness/world.mjs';

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

/** Checks that `frame` is `event` with a string as data, and returns what the string holds. */
function decoded(frame, event) {
  assert.equal(frame.event, event);
  assert.equal(typeof frame.data, 'string', `data of ${event}`);
  return JSON.parse(frame.data);
}

describe('Double encoding', () => {
  it('greets with a string', async (t) => {
    const greeting = await Raw.open(t, world).next();
    const data = decoded(greeting, 'pusher:connection_established');
    assert.deepEqual(Object.keys(data).sort(), ['activity_timeout', 'socket_id']);
  });

  it('confirms subscriptions with a string', async (t) => {
    const raw = await world.raw(t);
    for (const kind of ['encoding', 'private-encoding', 'private-encrypted-encoding']) {
      const answer = await raw.subscribe(unique(kind));
      assert.deepEqual(decoded(answer, 'pusher_internal:subscription_succeeded'), {});
    }
    const answer = await raw.subscribe(unique('presence-encoding'), member('1', { name: 'Ada' }));
    const { presence } = decoded(answer, 'pusher_internal:subscription_succeeded');
    assert.equal(presence.count, 1);
  });

  it('announces members with strings', async (t) => {
    const name = unique('presence-encoding');
    const [watcher, other] = [await world.raw(t), await world.raw(t)];
    await watcher.subscribe(name, member('1', { name: 'Ada' }));
    await other.subscribe(name, member('2', { name: 'Grace' }));
    const added = decoded(await watcher.next(), 'pusher_internal:member_added');
    assert.deepEqual(added, { user_id: '2', user_info: { name: 'Grace' } });
    other.send('pusher:unsubscribe', { channel: name });
    const removed = decoded(await watcher.next(), 'pusher_internal:member_removed');
    assert.deepEqual(removed, { user_id: '2' });
  });

  it('relays the data of events as strings', async (t) => {
    const [name, raw] = [unique('encoding'), await world.raw(t)];
    await raw.subscribe(name);
    await world.sdk.trigger(name, 'news', { text: 'hello' });
    assert.deepEqual(decoded(await raw.next(), 'news'), { text: 'hello' });
  });

  it('sends errors with an object', async (t) => {
    const raw = await world.raw(t);
    raw.ask(unique('private-encoding'), undefined, 'no:signature');
    const frames = await raw.untilPong();
    assert(frames.length > 0, 'a refusal');
    for (const { event, data } of frames) assert.equal(typeof data, 'object', `data of ${event}`);
  });

  it('answers pings with an object', async (t) => {
    const raw = await world.raw(t);
    raw.send('pusher:ping', {});
    assert.deepEqual(await raw.next(), { event: 'pusher:pong', data: {} });
  });

  it('takes the data of requests as an object or as a string that holds one', async (t) => {
    const raw = await world.raw(t);
    for (const form of [(data) => data, JSON.stringify]) {
      const [name, kept] = [unique('encoding'), unique('encoding')];
      for (const channel of [name, kept]) {
        raw.send('pusher:subscribe', form({ channel, auth: '' }));
        assert.equal((await raw.next()).channel, channel);
      }
      raw.send('pusher:unsubscribe', form({ channel: name }));
      assert.deepEqual(await raw.untilPong(), []);
      await world.sdk.trigger([name, kept], 'news', 'x');
      assert.equal((await raw.next()).channel, kept);
    }
  });

  it('answers a ping whatever its data is', async (t) => {
    const raw = await world.raw(t);
    for (const data of [undefined, {}, '{}', '']) {
      raw.send('pusher:ping', data);
      assert.equal((await raw.next()).event, 'pusher:pong');
    }
  });

  it('relays published data byte for byte, its escapes included', ours, async (t) => {
    const [name, raw] = [unique('encoding'), await world.raw(t)];
    await raw.subscribe(name);
    const literals = [
      String.raw`"caf\u00e9 \/ \ud83d\ude00 \u2028"`,
      '"caf\u00e9 \u{1f600} \u2028"',
      String.raw`"{\"a\":[1,  2.0e0,\n\"\\u00e9\"]}"`,
    ];
    for (const literal of literals) {
      await world.api.posted('/events', `{"name":"e","channel":"${name}","data":${literal}}`);
      const frame = await raw.text();
      assert(frame.includes(`"data":${literal}`), `${literal} became ${frame}`);
    }
  });

  it('relays the data of client events as it came', needs('client-events'), async (t) => {
    const [name, sender, other] = [
      unique('private-encoding'),
      await world.raw(t),
      await world.raw(t),
    ];
    for (const raw of [sender, other]) await raw.subscribe(name);
    const values = [{ a: 1 }, '{"a":1}', 'text', [1, null], 12.5, true];
    for (const value of values) {
      sender.send('client-any', value, name);
      assert.deepEqual((await other.next()).data, value);
    }
  });

  it('lets pusher-js parse data that is JSON and keep what is not', async (t) => {
    const name = unique('encoding');
    const { inbox } = await world.listen(t, name, ['news']);
    for (const text of ['', 'not json', '{"open":', ' 01 ']) {
      await world.sdk.trigger(name, 'news', text);
      assert.equal((await inbox.next()).data, text);
    }
    await world.sdk.trigger(name, 'news', '{"a":[1]}');
    assert.deepEqual((await inbox.next()).data, { a: [1] });
  });

  it('leaves text of every script as it is', async (t) => {
    const name = unique('encoding');
    const { inbox } = await world.listen(t, name, ['news', 'n\u00e9ws \u{1f4f0}']);
    const family = '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}';
    const text = `caf\u00e9 \u4f60\u597d ${family} \u2028 "\\" </script>\n\t\u0000`;
    await world.sdk.trigger(name, 'news', text);
    await world.sdk.trigger(name, 'n\u00e9ws \u{1f4f0}', { [text]: [text, null, 1.5, true] });
    assert.equal((await inbox.next()).data, text);
    const second = { event: 'n\u00e9ws \u{1f4f0}', data: { [text]: [text, null, 1.5, true] } };
    assert.deepEqual(await inbox.next(), second);
  });
});
