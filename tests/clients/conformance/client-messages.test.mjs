// Chapter "Client -> server": subscribing, leaving, and events that clients send each other.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { emitted } from '../harness/deadline.mjs';
import { member } from '../harness/raw.mjs';
import { needs, unique } from '../harness/subject.mjs';
import { subscribe, World } from '../harness/world.mjs';

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

describe('pusher:subscribe and pusher:unsubscribe', () => {
  it('a public channel may be asked for with and without an empty auth', async (t) => {
    const raw = await world.raw(t);
    for (const auth of ['', undefined]) {
      const channel = unique('room');
      raw.send('pusher:subscribe', { channel, auth });
      assert.equal((await raw.next()).event, 'pusher_internal:subscription_succeeded');
    }
  });

  it('leaving is not answered', async (t) => {
    const [raw, name] = [await world.raw(t), unique('room')];
    await raw.subscribe(name);
    raw.send('pusher:unsubscribe', { channel: name });
    assert.deepEqual(await raw.untilPong(), []);
  });

  it('leaving a channel that was never joined changes nothing', async (t) => {
    const [raw, name] = [await world.raw(t), unique('room')];
    await raw.subscribe(name);
    raw.send('pusher:unsubscribe', { channel: unique('never') });
    await raw.untilPong();
    await world.sdk.trigger(name, 'news', 'x');
    assert.equal((await raw.next()).event, 'news');
  });

  it('fields that the event does not have are ignored', async (t) => {
    const [raw, name] = [await world.raw(t), unique('room')];
    const data = { channel: name, auth: '', later: [1] };
    raw.write(JSON.stringify({ data, id: 7, event: 'pusher:subscribe' }));
    assert.equal((await raw.next()).channel, name);
  });
});

describe('Messages without a meaning', () => {
  const meaningless = {
    'text that is not JSON': 'hello',
    'JSON that is not an object': '[1,2]',
    'a message without an event': '{"data":{}}',
    'an event that is not a string': '{"event":7}',
    'a subscription without a channel': '{"event":"pusher:subscribe","data":{}}',
    'a subscription without data': '{"event":"pusher:subscribe"}',
    'an event of the protocol that does not exist': '{"event":"pusher:no-such-event","data":{}}',
    'a binary frame': Buffer.from([1, 2, 255]),
  };
  for (const [what, frame] of Object.entries(meaningless)) {
    it(`${what} leaves the connection as it was`, async (t) => {
      const [raw, name] = [await world.raw(t), unique('room')];
      await raw.subscribe(name);
      raw.write(frame);
      for (const { event } of await raw.untilPong()) assert.equal(event, 'pusher:error');
      await world.sdk.trigger(name, 'news', 'x');
      assert.equal((await raw.next()).event, 'news');
    });
  }

  for (const event of ['pusher_internal:member_added', 'pusher:news', 'news']) {
    it(`${event} from a client is not relayed`, async (t) => {
      const [name, sender] = [unique('private-room'), await world.raw(t)];
      const other = await world.raw(t);
      for (const raw of [sender, other]) await raw.subscribe(name);
      sender.send(event, { user_id: '1' }, name);
      await sender.untilPong();
      await world.sdk.trigger(name, 'fence', 'end');
      assert.equal((await other.next()).event, 'fence');
    });
  }
});

describe('client- events', needs('client-events'), () => {
  it('reach the others and not their sender', async (t) => {
    const name = unique('private-chat');
    const sender = await world.listen(t, name, ['client-typing', 'fence']);
    const others = [
      await world.listen(t, name, ['client-typing']),
      await world.listen(t, name, ['client-typing']),
    ];
    const data = { text: 'h\u00e9 \u{1f44b}', nested: [1, null, { deep: '"' }] };
    assert(sender.channel.trigger('client-typing', data));
    for (const { inbox } of others) {
      assert.deepEqual(await inbox.next(), { event: 'client-typing', data });
    }
    await world.sdk.trigger(name, 'fence', 'end');
    assert.deepEqual(await sender.inbox.next(), { event: 'fence', data: 'end' });
  });

  it('may carry any JSON', async (t) => {
    const name = unique('private-json');
    const sender = await world.listen(t, name, []);
    const { inbox } = await world.listen(t, name, ['client-any']);
    const values = ['text', 12.5, true, [], {}];
    for (const value of values) sender.channel.trigger('client-any', value);
    const data = (await inbox.take(values.length)).map((message) => message.data);
    assert.deepEqual(data, values);
  });

  it('name their sender on a presence channel', async (t) => {
    const name = unique('presence-chat');
    const sender = await world.listen(t, name, []);
    const { inbox } = await world.listen(t, name, ['client-typing'], { user: 'grace' });
    sender.channel.trigger('client-typing', { now: true });
    const data = { now: true };
    assert.deepEqual(await inbox.next(), { event: 'client-typing', data, user_id: '10' });
  });

  it('cannot choose the user_id that they name', async (t) => {
    const name = unique('presence-chat');
    const [sender, other] = [await world.raw(t), await world.raw(t)];
    await other.subscribe(name, member('1', {}));
    await sender.subscribe(name, member('2', {}));
    assert.equal((await other.next()).event, 'pusher_internal:member_added');
    sender.write(JSON.stringify({ event: 'client-a', channel: name, data: {}, user_id: '1' }));
    assert.equal((await other.next()).user_id, '2');
  });

  it('have no user_id on a private channel', async (t) => {
    const [name, sender, other] = [unique('private-chat'), await world.raw(t), await world.raw(t)];
    for (const raw of [sender, other]) await raw.subscribe(name);
    sender.send('client-a', {}, name);
    assert.equal('user_id' in (await other.next()), false);
  });

  for (const kind of ['public', 'private-encrypted']) {
    it(`are refused on a ${kind} channel, and the connection lives on`, async (t) => {
      const [name, sender, other] = [unique(kind), await world.raw(t), await world.raw(t)];
      for (const raw of [sender, other]) await raw.subscribe(name);
      sender.send('client-typing', {}, name);
      assert.equal((await sender.refusal()).event, 'pusher:error');
      await world.sdk.trigger(name, 'fence', 'end');
      for (const raw of [sender, other]) assert.equal((await raw.next()).event, 'fence');
    });
  }

  it('from outside the channel reach nobody', async (t) => {
    const name = unique('private-closed');
    const { inbox } = await world.listen(t, name, ['client-typing', 'fence']);
    const outsider = await world.connect(t);
    outsider.send_event('client-typing', {}, name);
    // Its connection is read in order: after this answer the event has been dealt with.
    await subscribe(outsider, unique('private-elsewhere'));
    await world.sdk.trigger(name, 'fence', 'end');
    assert.deepEqual(await inbox.next(), { event: 'fence', data: 'end' });
  });

  it('keep their order', async (t) => {
    const name = unique('private-order');
    const [sender, other] = [
      await world.listen(t, name, []),
      await world.listen(t, name, ['client-n']),
    ];
    for (let number = 0; number < 8; number += 1) sender.channel.trigger('client-n', number);
    const numbers = (await other.inbox.take(8)).map(({ data }) => data);
    assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('tell pusher-js why they were refused', async (t) => {
    const sender = await world.listen(t, unique('public-chat'), []);
    const refused = emitted(sender.pusher.connection, 'error');
    sender.channel.trigger('client-typing', {});
    assert.equal(typeof (await refused).data.message, 'string');
    assert.equal(sender.pusher.connection.state, 'connected');
  });
});
