// Chapter "HTTP API": `POST events` and `POST batch_events`.

import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, before, describe, it } from 'node:test';

import { checkStatus, refused } from '../harness/api.mjs';
import { member } from '../harness/raw.mjs';
import { awaits, ours, unique } from '../harness/subject.mjs';
import { World } from '../harness/world.mjs';

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

/** A body of `POST events`, with some fields replaced or, by `undefined`, left out. */
const event = (fields) => ({ name: 'n', channel: unique('room'), data: 'x', ...fields });

const checkRefused = async (path, body, status) =>
  checkStatus(await world.api.post(path, body), status);

describe('POST events', () => {
  it('is answered with an empty object', async () => {
    const response = await world.sdk.trigger(unique('nobody-here'), 'news', 'x');
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), {});
  });

  it('takes channel as well as channels', async (t) => {
    const [raw, name] = [await world.raw(t), unique('room')];
    await raw.subscribe(name);
    assert.deepEqual(await world.api.posted('/events', event({ channel: name, data: 'one' })), {});
    const several = event({ channel: undefined, channels: [name], data: 'several' });
    assert.deepEqual(await world.api.posted('/events', several), {});
    assert.deepEqual([(await raw.next()).data, (await raw.next()).data], ['one', 'several']);
  });

  it('tells subscription_count and user_count when asked for info', awaits('info'), async (t) => {
    const [raw, plain, room] = [await world.raw(t), unique('room'), unique('presence-room')];
    await raw.subscribe(plain);
    await raw.subscribe(room, member('1', {}));
    const counts = { info: 'subscription_count' };
    const one = await (await world.sdk.trigger(plain, 'news', 'x', counts)).json();
    assert.deepEqual(one, { channels: { [plain]: { subscription_count: 1 } } });
    const both = { info: 'subscription_count,user_count' };
    const two = await (await world.sdk.trigger(room, 'news', 'x', both)).json();
    assert.deepEqual(two, { channels: { [room]: { subscription_count: 1, user_count: 1 } } });
  });

  it('tells of every channel when asked for info', awaits('info'), async (t) => {
    const [raw, here, empty] = [await world.raw(t), unique('room'), unique('room')];
    await raw.subscribe(here);
    const response = await world.sdk.trigger([here, empty], 'n', 'x', {
      info: 'subscription_count',
    });
    const { channels } = await response.json();
    assert.equal(channels[here].subscription_count, 1);
    assert.equal(channels[empty]?.subscription_count ?? 0, 0);
  });

  it('takes a socket_id of nobody', async () => {
    await world.sdk.trigger(unique('room'), 'news', 'x', { socket_id: '1.1' });
  });

  it('takes a body whatever its content type is', async () => {
    const body = JSON.stringify(event({}));
    const headers = { 'content-type': 'text/plain' };
    checkStatus(await world.api.request('POST', '/events', { body, headers }), 200);
  });

  for (const [what, fields] of Object.entries({
    'no channel': { channel: undefined },
    'no name': { name: undefined },
    'an empty name': { name: '' },
    'no data': { data: undefined },
    'an empty list of channels': { channel: undefined, channels: [] },
    'channels that are no list of strings': { channel: undefined, channels: [1] },
    'a name that is no string': { name: 1 },
    'a socket_id that is none': { socket_id: 'nobody' },
  })) {
    it(`refuses ${what} with 400`, () => checkRefused('/events', event(fields), 400));
  }

  for (const body of ['{"name":', '[]', '"text"', 'null']) {
    it(`refuses ${body} with 400`, () => checkRefused('/events', body, 400));
  }
});

describe('POST batch_events', () => {
  it('is answered with an empty object', async () => {
    const events = [event({}), event({ name: 'event2', data: 'test2' })];
    const response = await world.sdk.triggerBatch(events);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), {});
  });

  it('tells what each event asked for in their order', awaits('info'), async (t) => {
    const [raw, plain, room] = [await world.raw(t), unique('room'), unique('presence-room')];
    await raw.subscribe(plain);
    await raw.subscribe(room, member('1', {}));
    const { batch } = await world.api.posted('/batch_events', {
      batch: [
        event({ channel: plain, info: 'subscription_count' }),
        event({ channel: plain }),
        event({ channel: room, info: 'user_count,subscription_count' }),
      ],
    });
    const counts = [{ subscription_count: 1 }, {}, { subscription_count: 1, user_count: 1 }];
    assert.deepEqual(batch, counts);
  });

  it('delivers nothing when one event is bad', async (t) => {
    const name = unique('atomic');
    const { inbox } = await world.listen(t, name, ['news']);
    const batch = [event({ channel: name, name: 'news' }), event({ channel: 'bad name!' })];
    await assert.rejects(world.sdk.triggerBatch(batch), refused(400));
    await world.sdk.trigger(name, 'news', 'fence');
    assert.deepEqual(await inbox.next(), { event: 'news', data: 'fence' });
  });

  it('refuses a batch that is no list of events with 400', async () => {
    for (const batch of [1, {}, [1], [{}], undefined]) {
      await checkRefused('/batch_events', { batch }, 400);
    }
  });
});

describe('Requests', () => {
  it('to a path that does not exist are answered with 404', async () => {
    await assert.rejects(world.sdk.get({ path: '/no-such-thing' }), refused(404));
  });

  it('of one kept-alive connection are served in order', async (t) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const name = unique('keep-alive');
    const { inbox } = await world.listen(t, name, ['tick']);
    const sdk = world.sdkWith({ agent });
    const numbers = Array.from({ length: 50 }, (_, number) => number);
    await Promise.all(numbers.map((number) => sdk.trigger(name, 'tick', number)));
    const seen = (await inbox.take(numbers.length)).map(({ data }) => data);
    assert.deepEqual(seen, numbers);
  });

  it('to /up are answered while the server is up', ours, async () => {
    checkStatus(await world.api.send('GET', '/up'), 200);
  });

  it('are answered as JSON', async () => {
    const good = await world.api.request('GET', '/channels');
    const bad = await world.api.request('GET', '/channels', { params: { auth_version: '2' } });
    for (const { headers } of [good, bad]) {
      assert.match(headers.get('content-type'), /^application\/json/);
    }
  });
});
