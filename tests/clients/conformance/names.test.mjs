// Chapter "Names": of channels, events and users.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { checkStatus } from '../harness/api.mjs';
import { member } from '../harness/raw.mjs';
import { needs, unique } from '../harness/subject.mjs';
import { World } from '../harness/world.mjs';

const CHANNEL_NAME_MAX = 200;

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

/** `prefix` made as long as `length`, with something unique in it. */
const padded = (prefix, length) => unique(prefix).padEnd(length, 'x');

async function publish(fields) {
  return world.api.post('/events', { name: 'n', channel: unique('room'), data: 'x', ...fields });
}

async function checkSubscriptionRefused(t, name) {
  const raw = await world.raw(t);
  raw.ask(name);
  await raw.refusal();
}

describe('Names of channels', () => {
  it('may have letters, digits and any of _ - = @ , . ;', async (t) => {
    const [raw, name] = [await world.raw(t), unique('aZ09_-=@,.;')];
    await raw.subscribe(name);
    await world.sdk.trigger(name, 'news', 'x');
    assert.equal((await raw.next()).channel, name);
  });

  for (const name of ['a b', 'a/b', 'a:b', 'a!', 'a*', 'a#b', 'caf\u00e9', 'a\n', 'a"b']) {
    it(`may not be ${JSON.stringify(name)}`, async (t) => {
      await checkSubscriptionRefused(t, name);
      checkStatus(await publish({ channel: name }), 400);
    });
  }

  it('may not be empty', async (t) => {
    await checkSubscriptionRefused(t, '');
    checkStatus(await publish({ channel: '' }), 400);
  });

  it('may have 200 bytes', async (t) => {
    const [raw, name] = [await world.raw(t), padded('long', CHANNEL_NAME_MAX)];
    await raw.subscribe(name);
    await world.sdk.trigger(name, 'news', 'x');
    assert.equal((await raw.next()).channel, name);
  });

  it('may not have 201 bytes', async (t) => {
    const name = padded('long', CHANNEL_NAME_MAX + 1);
    await checkSubscriptionRefused(t, name);
    checkStatus(await publish({ channel: name }), 400);
  });

  it('tell upper case from lower case', async (t) => {
    const [raw, name] = [await world.raw(t), unique('room')];
    await raw.subscribe(name);
    await world.sdk.trigger(name.toUpperCase(), 'news', 'other');
    await world.sdk.trigger(name, 'news', 'same');
    assert.equal((await raw.next()).data, 'same');
  });

  it('decide by their beginning and not by their middle who may join', async (t) => {
    const raw = await world.raw(t);
    for (const name of [
      'my-private-room',
      'my-presence-room',
      'Private-room',
      'private',
      'presence',
    ]) {
      raw.ask(unique(name).replace(/^(private|presence)-.*/, '$1'), undefined, '');
      assert.equal((await raw.next()).event, 'pusher_internal:subscription_succeeded');
    }
  });

  it('with # in front may be published to and not asked for', async (t) => {
    checkStatus(await publish({ channel: '#server-to-user-1' }), 200);
    await checkSubscriptionRefused(t, '#server-to-user-1');
    await checkSubscriptionRefused(t, `#${unique('room')}`);
  });
});

describe('Names of events', () => {
  it('may have any text', async (t) => {
    const [raw, name] = [await world.raw(t), unique('room')];
    await raw.subscribe(name);
    for (const event of [
      'App\\Events\\OrderShipped',
      'n\u00e9ws \u{1f4f0}',
      '"',
      'client-x',
      ' ',
    ]) {
      await world.sdk.trigger(name, event, 'x');
      assert.equal((await raw.next()).event, event);
    }
  });

  it('may have 200 bytes and not 201', async () => {
    checkStatus(await publish({ name: 'n'.repeat(200) }), 200);
    checkStatus(await publish({ name: 'n'.repeat(201) }), 400);
  });

  it('of clients may have 200 bytes and not 201', needs('client-events'), async (t) => {
    const [name, sender, other] = [unique('private-room'), await world.raw(t), await world.raw(t)];
    for (const raw of [sender, other]) await raw.subscribe(name);
    const event = 'client-'.padEnd(200, 'x');
    sender.send(`${event}x`, {}, name);
    await sender.refusal();
    sender.send(event, {}, name);
    assert.equal((await other.next()).event, event);
  });
});

describe('Names of users', () => {
  it('may be text or a number, which is the same user', async (t) => {
    const name = unique('presence-room');
    const [text, number] = [await world.raw(t), await world.raw(t)];
    await text.subscribe(name, member('10', {}));
    const { data } = await number.subscribe(name, member(10, {}));
    assert.deepEqual(JSON.parse(data).presence.ids, ['10']);
    assert.deepEqual(await text.untilPong(), []);
  });

  it('may have any text', async (t) => {
    const [raw, name] = [await world.raw(t), unique('presence-room')];
    const id = 'a"b \\ \u00e9 \u{1f427}';
    const { data } = await raw.subscribe(name, member(id, { x: 1 }));
    assert.deepEqual(JSON.parse(data).presence.hash, { [id]: { x: 1 } });
    assert.deepEqual(await world.api.get(`/channels/${name}/users`), { users: [{ id }] });
  });
});
