// What the server SDK gets beyond a plain publish: attributes, empty bodies, publishes sent twice.

import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { Inbox } from './harness/inbox.mjs';
import { subscribe, World } from './harness/world.mjs';

let world;
before(async () => (world = await World.start('--cores', '2')));
after(() => world.stop());

/** The JSON of an answer that must be a success. */
async function json(response) {
  const { status } = await response;
  assert.equal(status, 200);
  return (await response).json();
}

/** For `assert.rejects`: this status, and a body that says why. */
function refused(status) {
  return (error) => {
    assert.equal(error.status, status, error.body);
    const { error: cause, code } = JSON.parse(error.body);
    assert.notEqual(cause, '');
    assert.equal(code, status);
    return true;
  };
}

describe('info', () => {
  const INFO = 'user_count,subscription_count';

  test('on a trigger is told of each channel', async (t) => {
    for (const user of ['ada', 'ada', 'grace']) {
      await subscribe(await world.connect(t, { user }), 'presence-info');
    }
    await subscribe(await world.connect(t), 'info');
    const channels = ['presence-info', 'info', 'info-empty'];
    assert.deepEqual(await json(world.sdk.trigger(channels, 'n', 'x', { info: INFO })), {
      channels: {
        'presence-info': { user_count: 2, subscription_count: 3 },
        info: { subscription_count: 1 },
        'info-empty': { subscription_count: 0 },
      },
    });
    const one = await json(world.sdk.trigger('info', 'n', 'x', { info: 'user_count' }));
    assert.deepEqual(one, { channels: { info: {} } });
  });

  test('on a batch is told of each event in its order', async (t) => {
    await subscribe(await world.connect(t), 'presence-batch');
    const event = (channel, info) => ({ channel, name: 'n', data: 'x', ...(info && { info }) });
    const events = [event('presence-batch', INFO), event('vacant'), event('vacant', INFO)];
    assert.deepEqual(await json(world.sdk.triggerBatch(events)), {
      batch: [{ user_count: 1, subscription_count: 1 }, {}, { subscription_count: 0 }],
    });
  });

  test('that no channel has is refused', async () => {
    const trigger = (info) => world.sdk.trigger('info', 'n', 'x', { info });
    await assert.rejects(trigger('users'), refused(400));
    await assert.rejects(trigger('cache'), refused(400));
    const batch = [{ channel: 'info', name: 'n', data: 'x', info: 'users' }];
    await assert.rejects(world.sdk.triggerBatch(batch), refused(400));
  });

  test('about users is refused where there can be none', async () => {
    const get = (path, params) => world.sdk.get({ path, params });
    const users = { info: 'user_count' };
    await assert.rejects(get('/channels', users), refused(400));
    await assert.rejects(get('/channels', { ...users, filter_by_prefix: 'pre' }), refused(400));
    await assert.rejects(get('/channels/room', users), refused(400));
    await assert.rejects(get('/channels/room/users'), refused(400));
    await assert.rejects(get('/channels/room', { info: 'cache' }), refused(400));
    const none = await json(get('/channels', { ...users, filter_by_prefix: 'presence-none' }));
    assert.deepEqual(none, { channels: {} });
  });
});

describe('an empty object answers', () => {
  const event = { channel: 'nobody-here', name: 'n', data: 'x' };

  test('a trigger and a batch', async () => {
    assert.deepEqual(await json(world.sdk.trigger('nobody-here', 'n', 'x')), {});
    assert.deepEqual(await json(world.sdk.triggerBatch([{ ...event }, { ...event }])), {});
  });

  test('the end of the connections of nobody', async () => {
    assert.deepEqual(await json(world.sdk.terminateUserConnections('nobody')), {});
  });

  test('the question for channels when there are none', async () => {
    const path = '/channels';
    const params = { filter_by_prefix: 'no-such-prefix-' };
    assert.deepEqual(await json(world.sdk.get({ path, params })), { channels: {} });
  });
});

describe('a publish with an id', () => {
  const isReplayed = (response) => response.headers.get('idempotency-replayed') === 'true';

  test('goes out once, however often it is sent', async (t) => {
    const inbox = Inbox.of(await subscribe(await world.connect(t), 'once'), 'news', 'fence');
    const send = () => world.sdk.trigger('once', 'news', 'x', { id: 'order-7' });
    const responses = [await send(), await send(), await send()];
    assert.deepEqual(responses.map(isReplayed), [false, true, true]);
    for (const response of responses) assert.deepEqual(await json(response), {});
    await world.sdk.trigger('once', 'fence', 'end');
    assert.deepEqual((await inbox.take(2)).map(({ data }) => data), ['x', 'end']);
  });

  test('goes out once when it is sent many times at the same time', async (t) => {
    const inbox = Inbox.of(await subscribe(await world.connect(t), 'race'), 'news', 'fence');
    const send = () => world.sdk.trigger('race', 'news', 'x', { id: 'order-8' });
    const results = await Promise.allSettled(Array.from({ length: 20 }, send));
    const sent = results.filter(({ value }) => value && !isReplayed(value));
    assert.equal(sent.length, 1);
    for (const { reason } of results) if (reason) refused(409)(reason);
    await world.sdk.trigger('race', 'fence', 'end');
    assert.deepEqual((await inbox.take(2)).map(({ data }) => data), ['x', 'end']);
  });

  test('is refused when the id was used for something else', async () => {
    await world.sdk.trigger('room', 'news', 'x', { id: 'order-9' });
    const other = world.sdk.trigger('room', 'news', 'y', { id: 'order-9' });
    await assert.rejects(other, refused(422));
  });
});

/** An agent that is used again believes what an answer says of its connection, or what it does not. */
test('a publish that is too large does no harm to the next one on the same agent', async () => {
  for (let round = 0; round < 10; round += 1) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sdk = world.sdkWith({ agent });
    await assert.rejects(sdk.trigger('room', 'large', 'x'.repeat(800_000)), refused(413));
    assert.equal((await sdk.trigger('room', 'small', 'x')).status, 200);
    agent.destroy();
  }
});
