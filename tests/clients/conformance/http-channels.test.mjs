// Chapter "HTTP API": what may be asked about channels and their users.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { checkStatus, refused } from '../harness/api.mjs';
import { member } from '../harness/raw.mjs';
import { awaits, unique } from '../harness/subject.mjs';
import { subscribe, World } from '../harness/world.mjs';

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

const checkRefused = async (path, params, status) =>
  checkStatus(await world.api.request('GET', path, { params }), status);

/** A connection that has joined these channels, as member 1 where that is needed. */
async function joined(t, ...names) {
  const raw = await world.raw(t);
  for (const name of names) {
    await raw.subscribe(name, name.startsWith('presence-') ? member('1', {}) : undefined);
  }
  return raw;
}

describe('GET channels', () => {
  it('is an empty object when there are none', async () => {
    const { channels } = await world.api.get('/channels', { filter_by_prefix: unique('none') });
    assert.deepEqual(channels, {});
  });

  it('lists the occupied channels of every kind', async (t) => {
    const names = ['list', 'private-list', 'presence-list'].map(unique);
    await joined(t, ...names);
    const { channels } = await world.api.get('/channels');
    for (const name of names) assert.deepEqual(channels[name], {});
  });

  it('lists those that begin with a prefix', async (t) => {
    const prefix = unique('prefix');
    await joined(t, `${prefix}-1`, `${prefix}-2`, `x${prefix}`);
    const { channels } = await world.api.get('/channels', { filter_by_prefix: `${prefix}-` });
    assert.deepEqual(channels, { [`${prefix}-1`]: {}, [`${prefix}-2`]: {} });
  });

  it('tells user_count of presence channels', async (t) => {
    const name = unique('presence-list');
    await joined(t, name);
    const other = await world.raw(t);
    await other.subscribe(name, member('2', {}));
    const params = { filter_by_prefix: 'presence-', info: 'user_count' };
    const { channels } = await world.api.get('/channels', params);
    assert.deepEqual(channels[name], { user_count: 2 });
  });

  it('refuses user_count without a presence prefix with 400', awaits('info'), async () => {
    await checkRefused('/channels', { info: 'user_count' }, 400);
    await checkRefused('/channels', { info: 'user_count', filter_by_prefix: 'private-' }, 400);
  });

  it('forgets a channel when its last subscriber has gone', async (t) => {
    const name = unique('vacated');
    const raw = await joined(t, name);
    raw.send('pusher:unsubscribe', { channel: name });
    await raw.untilPong();
    const { channels } = await world.api.get('/channels', { filter_by_prefix: name });
    assert.deepEqual(channels, {});
  });
});

describe('GET channels/{channel}', () => {
  it('tells whether a channel is occupied', async (t) => {
    const name = unique('room');
    assert.deepEqual(await world.api.get(`/channels/${name}`), { occupied: false });
    await joined(t, name);
    assert.deepEqual(await world.api.get(`/channels/${name}`), { occupied: true });
  });

  it('tells subscription_count as connections come and go', async (t) => {
    const name = unique('room');
    const count = async () =>
      (await world.api.get(`/channels/${name}`, { info: 'subscription_count' })).subscription_count;
    const [one, two] = [await world.connect(t), await world.connect(t)];
    await subscribe(one, name);
    await subscribe(two, name);
    assert.equal(await count(), 2);
    two.unsubscribe(name);
    await subscribe(two, unique('elsewhere'));
    assert.equal(await count(), 1);
  });

  it('tells user_count of a presence channel, each user once', async (t) => {
    const name = unique('presence-room');
    await joined(t, name);
    await joined(t, name);
    const info = 'user_count,subscription_count';
    const room = await world.api.get(`/channels/${name}`, { info });
    assert.deepEqual(room, { occupied: true, user_count: 1, subscription_count: 2 });
  });

  it('refuses user_count of other channels with 400', awaits('info'), async () => {
    for (const kind of ['room', 'private-room']) {
      await checkRefused(`/channels/${unique(kind)}`, { info: 'user_count' }, 400);
    }
  });

  it('reads a name with percent escapes', async (t) => {
    const name = unique('a=b@c,d.e;f');
    await joined(t, name);
    assert.deepEqual(await world.api.get(`/channels/${encodeURIComponent(name)}`), {
      occupied: true,
    });
  });

  it('refuses a name that is none with 400', async () => {
    await checkRefused(`/channels/${encodeURIComponent('bad name!')}`, {}, 400);
  });
});

describe('GET channels/{channel}/users', () => {
  it('lists each user once', async (t) => {
    const name = unique('presence-users');
    const clients = ['ada', 'ada', 'linus', 'grace'].map((user) => world.connect(t, { user }));
    for (const client of clients) await subscribe(await client, name);
    const { users } = await world.api.get(`/channels/${name}/users`);
    assert.deepEqual(users.map(({ id }) => id).sort(), ['10', '7', 'grace-1']);
    for (const user of users) assert.deepEqual(Object.keys(user), ['id']);
  });

  it('is an empty list when nobody is there', async () => {
    assert.deepEqual(await world.api.get(`/channels/${unique('presence')}/users`), { users: [] });
  });

  it('is refused for other channels with 400', async () => {
    for (const kind of ['CHANNEL', 'private-room', 'private-encrypted-room', 'cache-room']) {
      await assert.rejects(world.sdk.get({ path: `/channels/${kind}/users` }), refused(400));
    }
  });
});
