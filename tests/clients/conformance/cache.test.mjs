// Chapter "Cache channels": the last event of a channel, for whoever subscribes later.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { checkStatus } from '../harness/api.mjs';
import { within } from '../harness/deadline.mjs';
import { Inbox } from '../harness/inbox.mjs';
import { member } from '../harness/raw.mjs';
import { awaits, needs, settings, unique } from '../harness/subject.mjs';
import { World } from '../harness/world.mjs';

const KINDS = ['cache', 'private-cache', 'private-encrypted-cache', 'presence-cache'];

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

/** `channel_data` where the kind of channel needs some. */
const dataFor = (name) => (name.startsWith('presence-') ? member('1', {}) : undefined);

/** What a new subscriber of `name` is told after its subscription has succeeded. */
async function told(t, name) {
  const raw = await world.raw(t);
  await raw.subscribe(name, dataFor(name));
  return raw.untilPong();
}

const publish = (name, data, event = 'news') =>
  world.api.posted('/events', { name: event, channel: name, data });

describe('Cache channels', () => {
  for (const kind of KINDS) {
    it(`${kind}- channels tell of a miss while they are empty`, async (t) => {
      const name = unique(kind);
      assert.deepEqual(await told(t, name), [{ event: 'pusher:cache_miss', channel: name }]);
    });

    it(`${kind}- channels replay their last event`, async (t) => {
      const name = unique(kind);
      await publish(name, 'first');
      await publish(name, 'last');
      assert.deepEqual(await told(t, name), [{ event: 'news', channel: name, data: 'last' }]);
    });
  }

  it('presence-cache- channels have a roster like others', async (t) => {
    const [raw, name] = [await world.raw(t), unique('presence-cache')];
    const { data } = await raw.subscribe(name, member('1', { name: 'Ada' }));
    assert.deepEqual(JSON.parse(data).presence.hash, { 1: { name: 'Ada' } });
  });

  it('replay an event that was published while nobody was there', async (t) => {
    const name = unique('cache');
    const raw = await world.raw(t);
    await raw.subscribe(name);
    raw.send('pusher:unsubscribe', { channel: name });
    await raw.untilPong();
    await publish(name, 'unheard');
    assert.equal((await told(t, name))[0].data, 'unheard');
    assert.equal((await told(t, name))[0].data, 'unheard');
  });

  it('replay an event with its name and its bytes', async (t) => {
    const [raw, name] = [await world.raw(t), unique('cache')];
    const literal = String.raw`"{\"a\": \"caf\u00e9 \/\"}"`;
    await world.api.posted('/events', `{"name":"N\\u00e9","channel":"${name}","data":${literal}}`);
    await raw.subscribe(name);
    const frame = await raw.text();
    assert(frame.includes(`"data":${literal}`), frame);
    assert.equal(JSON.parse(frame).event, 'N\u00e9');
  });

  it('replay the last event of a batch', async (t) => {
    const name = unique('cache');
    const batch = [1, 2, 3].map((number) => ({ channel: name, name: 'news', data: `${number}` }));
    await world.api.posted('/batch_events', { batch });
    assert.equal((await told(t, name))[0].data, '3');
  });

  it('replay an event to the socket that it once left out', async (t) => {
    const [raw, name] = [await world.raw(t), unique('cache')];
    await world.sdk.trigger(name, 'news', 'x', { socket_id: raw.socketId });
    await raw.subscribe(name);
    assert.equal((await raw.next()).data, 'x');
  });

  it('replay once and then go on', async (t) => {
    const name = unique('cache');
    await publish(name, 'before');
    const raw = await world.raw(t);
    await raw.subscribe(name);
    await publish(name, 'after');
    assert.deepEqual([(await raw.next()).data, (await raw.next()).data], ['before', 'after']);
    assert.deepEqual(await raw.untilPong(), []);
  });

  it('do not keep client events', needs('client-events'), async (t) => {
    const [name, sender] = [unique('private-cache'), await world.raw(t)];
    await sender.subscribe(name);
    assert.equal((await sender.next()).event, 'pusher:cache_miss');
    sender.send('client-news', 'from a client', name);
    await sender.untilPong();
    assert.equal((await told(t, name))[0].event, 'pusher:cache_miss');
  });

  for (const kind of ['my-cache', 'private-my-cache', 'presence-my-cache', 'Cache', 'cache_']) {
    it(`${kind}-x is none, for the words are not at its beginning`, async (t) => {
      const name = unique(kind);
      await publish(name, 'x');
      assert.deepEqual(await told(t, name), []);
    });
  }

  it('reach pusher-js as the event or as pusher:cache_miss', async (t) => {
    const [full, empty] = [unique('private-cache'), unique('private-cache')];
    await publish(full, '{"text":"kept"}');
    const pusher = await world.connect(t);
    const inbox = new Inbox('cache channels');
    for (const name of [full, empty]) {
      pusher.channel(name) ?? pusher.subscribe(name);
      for (const event of ['news', 'pusher:cache_miss']) {
        pusher.channel(name).bind(event, (data) => inbox.push({ name, event, data }));
      }
    }
    const byName = (one, other) =>
      [full, empty].indexOf(one.name) - [full, empty].indexOf(other.name);
    const [first, second] = (await inbox.take(2)).sort(byName);
    assert.deepEqual(first, { name: full, event: 'news', data: { text: 'kept' } });
    assert.deepEqual([second.name, second.event], [empty, 'pusher:cache_miss']);
  });

  it('are decrypted by pusher-js from what was kept', async (t) => {
    const name = unique('private-encrypted-cache');
    await world.sdk.trigger(name, 'news', { secret: 1 });
    const pusher = await world.connect(t);
    const inbox = Inbox.of(pusher.subscribe(name), 'news');
    assert.deepEqual((await inbox.next()).data, { secret: 1 });
  });

  it('reach laravel-echo', async (t) => {
    const name = unique('cache');
    await publish(name, '{"id":7}');
    const [echo, inbox] = [await world.echo(t), new Inbox('echo')];
    echo.channel(name).listen('.news', (data) => inbox.push(data));
    assert.deepEqual(await inbox.next(), { id: 7 });
  });

  it('forget their event after the time that is configured', settings, async (t) => {
    const brief = await World.configured({ 'pusher.cache_ttl_s': 1 });
    t.after(() => brief.stop());
    const [raw, name] = [await brief.raw(t), unique('cache')];
    await brief.sdk.trigger(name, 'news', 'x');
    const forgotten = (async () => {
      for (;;) {
        await raw.subscribe(name);
        const { event } = await raw.next();
        if (event === 'pusher:cache_miss') return;
        assert.equal(event, 'news');
        raw.send('pusher:unsubscribe', { channel: name });
      }
    })();
    await within('the event to be forgotten', forgotten);
  });
});

describe('GET channels/{channel}?info=cache', () => {
  it('tells the data and the time that it will be kept', awaits('info'), async () => {
    const name = unique('cache');
    await publish(name, '{"text":"kept"}');
    const { cache } = await world.api.get(`/channels/${name}`, { info: 'cache' });
    assert.equal(cache.data, '{"text":"kept"}');
    assert(Number.isInteger(cache.ttl) && cache.ttl > 0 && cache.ttl <= 1800, `ttl ${cache.ttl}`);
  });

  it('tells of no cache where nothing is kept', awaits('info'), async () => {
    const answer = await world.api.get(`/channels/${unique('cache')}`, { info: 'cache' });
    assert.equal(answer.occupied, false);
    assert.equal(answer.cache ?? null, null);
  });

  it('is refused for other channels with 400', awaits('info'), async () => {
    const params = { info: 'cache' };
    checkStatus(await world.api.request('GET', `/channels/${unique('room')}`, { params }), 400);
  });
});
