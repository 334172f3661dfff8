// Chapter "Auth strings": which subscriptions the application has signed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { member } from '../harness/raw.mjs';
import { authString } from '../harness/sign.mjs';
import { unique } from '../harness/subject.mjs';
import { World } from '../harness/world.mjs';

const KINDS = ['private', 'private-encrypted', 'presence', 'private-cache', 'presence-cache'];

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

/** `channel_data` where the kind of channel needs some. */
const dataFor = (kind) => (kind.startsWith('presence') ? member('1', {}) : undefined);

/** Checks that a subscription with this signature is refused as unauthorized. */
async function checkUnauthorized(raw, channel, data, auth) {
  raw.ask(channel, data, auth);
  const error = await raw.refusal();
  if (error) assert.equal(error.data.code, null, JSON.stringify(error));
  // Nobody else sees that somebody tried.
  assert.equal((await world.api.get(`/channels/${channel}`)).occupied, false);
}

describe('Auth strings', () => {
  for (const kind of KINDS) {
    it(`are wanted for ${kind} channels`, async (t) => {
      const [raw, data] = [await world.raw(t), dataFor(kind)];
      const name = unique(kind);
      await checkUnauthorized(raw, name, data, '');
      await checkUnauthorized(raw, name, data, `${world.app.key}:${'0'.repeat(64)}`);
      await raw.subscribe(name, data);
    });
  }

  it('of the server SDK and those of the description are the same', async (t) => {
    const [raw, name] = [await world.raw(t), unique('presence-room')];
    const grant = world.sdk.authorizeChannel(raw.socketId, name, { user_id: '1', user_info: {} });
    assert.equal(grant.auth, raw.sign(name, grant.channel_data));
    await raw.subscribe(name, grant.channel_data);
  });

  it('are for one socket', async (t) => {
    const [raw, other, name] = [await world.raw(t), await world.raw(t), unique('private-room')];
    await checkUnauthorized(raw, name, undefined, other.sign(name));
  });

  it('are for one channel', async (t) => {
    const [raw, name] = [await world.raw(t), unique('private-room')];
    await checkUnauthorized(raw, name, undefined, raw.sign(unique('private-room')));
  });

  it('need the secret', async (t) => {
    const [raw, name] = [await world.raw(t), unique('private-room')];
    const app = { key: world.app.key, secret: 'wrong' };
    await checkUnauthorized(raw, name, undefined, authString(app, [raw.socketId, name]));
  });

  it('name the key', async (t) => {
    const [raw, name] = [await world.raw(t), unique('private-room')];
    const { secret } = world.app;
    const wrong = authString({ key: 'wrong', secret }, [raw.socketId, name]);
    for (const auth of [wrong, wrong.replace('wrong:', ':'), wrong.replace('wrong:', '')]) {
      await checkUnauthorized(raw, name, undefined, auth);
    }
  });

  it('cover channel_data byte for byte', async (t) => {
    const [raw, name] = [await world.raw(t), unique('presence-room')];
    const spaced = '{ "user_id" : "1",  "user_info": {"a":1.0} }';
    await checkUnauthorized(raw, name, spaced.replace('"1"', '"2"'), raw.sign(name, spaced));
    await checkUnauthorized(raw, name, spaced.replaceAll(' ', ''), raw.sign(name, spaced));
    await raw.subscribe(name, spaced);
  });

  it('cover channel_data of private channels too', async (t) => {
    const [raw, name] = [await world.raw(t), unique('private-room')];
    await checkUnauthorized(raw, name, member('1', {}), raw.sign(name));
    await raw.subscribe(name, member('1', {}));
  });

  it('end where they end', async (t) => {
    const [raw, name] = [await world.raw(t), unique('private-room')];
    const auth = raw.sign(name);
    for (const wrong of [auth.slice(0, -1), `${auth}0`, `${auth}:`, ` ${auth}`]) {
      await checkUnauthorized(raw, name, undefined, wrong);
    }
  });

  it('that are no text are refused', async (t) => {
    const [raw, name] = [await world.raw(t), unique('private-room')];
    for (const auth of [null, 1, {}, []]) {
      raw.ask(name, undefined, auth);
      await raw.refusal();
    }
  });
});

describe('channel_data', () => {
  it('must be there for a presence channel', async (t) => {
    const [raw, name] = [await world.raw(t), unique('presence-room')];
    raw.ask(name);
    await raw.refusal();
  });

  for (const data of [
    'hello',
    '[]',
    '{}',
    '{"user_id":null}',
    '{"user_id":""}',
    '{"user_id":{}}',
  ]) {
    it(`${data} is refused although it is signed`, async (t) => {
      const [raw, name] = [await world.raw(t), unique('presence-room')];
      raw.ask(name, data);
      await raw.refusal();
      assert.deepEqual(await world.api.get(`/channels/${name}/users`), { users: [] });
    });
  }
});
