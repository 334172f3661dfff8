// Chapter "HTTP signature": which requests are the app's own.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { checkStatus, refused } from '../harness/api.mjs';
import { signedParams } from '../harness/sign.mjs';
import { settings, unique } from '../harness/subject.mjs';
import { World } from '../harness/world.mjs';

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

const event = () => JSON.stringify({ name: 'n', channel: unique('room'), data: 'x' });

/** `seconds` from now, as a request says it. */
const timestamp = (seconds) => String(Math.floor(Date.now() / 1000) + seconds);

async function checkPost(params, status) {
  checkStatus(await world.api.request('POST', '/events', { params, body: event() }), status);
}

async function checkGet(params, status) {
  checkStatus(await world.api.request('GET', '/channels', { params }), status);
}

/** Sends a request with the signature of another. */
async function checkMoved({ signed, sent }, status) {
  const { method, path, body = '' } = { ...signed, path: world.api.path(signed.path) };
  const query = new URLSearchParams(signedParams(world.app, { method, path, body }));
  const target = `${world.api.path(sent.path ?? signed.path)}?${query}${sent.more ?? ''}`;
  const options = { body: sent.body ?? (body || undefined) };
  checkStatus(await world.api.send(sent.method ?? method, target, options), status);
}

describe('HTTP signature', () => {
  it('of the server SDK is taken, for GET and POST', async () => {
    assert.equal((await world.sdk.get({ path: '/channels' })).status, 200);
    assert.equal((await world.sdk.trigger(unique('room'), 'news', 'x')).status, 200);
  });

  it('covers values as they are before they are escaped', async () => {
    await checkGet({ filter_by_prefix: 'a=b@c,d.e;f-' }, 200);
    await checkGet({ filter_by_prefix: 'caf\u00e9 & more' }, 200);
  });

  it('covers the parameters in the order of their names, however they are sent', async () => {
    const path = world.api.path('/channels');
    const params = signedParams(world.app, { method: 'GET', path, params: { info: '', z: '1' } });
    const query = new URLSearchParams(Object.entries(params).reverse());
    checkStatus(await world.api.send('GET', `${path}?${query}`), 200);
  });

  it('covers parameters that the API does not know', () => checkGet({ unknown: 'x' }, 200));

  it('needs body_md5 only where there is a body', async () => {
    await checkGet({ body_md5: undefined }, 200);
    await checkPost({ body_md5: undefined }, 401);
  });

  it('with a wrong secret, key or app is refused', async () => {
    const send = (options) => world.sdkWith(options).trigger(unique('room'), 'news', 'x');
    await assert.rejects(send({ secret: 'wrong' }), refused(401));
    await assert.rejects(send({ key: 'wrong' }), refused(401));
    await assert.rejects(send({ appId: '999999999' }), ({ status }) =>
      [401, 403, 404].includes(status),
    );
  });

  it('does not fit another body', async () => {
    const body = event();
    await checkMoved({ signed: { method: 'POST', path: '/events', body }, sent: {} }, 200);
    const sent = { body: `${body} ` };
    await checkMoved({ signed: { method: 'POST', path: '/events', body }, sent }, 401);
  });

  it('does not fit another method or path', async () => {
    const signed = { method: 'GET', path: '/channels' };
    await checkMoved({ signed, sent: { path: `/channels/${unique('room')}` } }, 401);
    const post = { method: 'POST', path: '/batch_events', body: event() };
    await checkMoved({ signed: post, sent: { path: '/events' } }, 401);
  });

  it('does not fit more parameters', async () => {
    const signed = { method: 'GET', path: '/channels' };
    await checkMoved({ signed, sent: { more: '&filter_by_prefix=x' } }, 401);
  });

  it('is refused where body_md5 is not that of the body', async () => {
    await checkPost({ body_md5: '0'.repeat(32) }, 401);
  });

  for (const name of ['auth_key', 'auth_timestamp', 'auth_version']) {
    it(`without ${name} is refused`, () => checkGet({ [name]: undefined }, 401));
  }

  it('without auth_signature is refused', async () => {
    checkStatus(await world.api.send('GET', world.api.path('/channels')), 401);
  });

  it('of another version is refused', () => checkGet({ auth_version: '2.0' }, 401));

  it('may be 590 s old or early', async () => {
    await checkGet({ auth_timestamp: timestamp(-590) }, 200);
    await checkPost({ auth_timestamp: timestamp(590) }, 200);
  });

  it('is refused when it is 610 s old or early', async () => {
    await checkGet({ auth_timestamp: timestamp(-610) }, 401);
    await checkPost({ auth_timestamp: timestamp(610) }, 401);
  });

  it('is refused with a time that is no number', () => checkGet({ auth_timestamp: 'now' }, 401));

  it('is hex of 64 digits and nothing shorter or longer', async () => {
    const path = world.api.path('/channels');
    const params = signedParams(world.app, { method: 'GET', path });
    for (const signature of ['', params.auth_signature.slice(1), `${params.auth_signature}0`]) {
      const query = new URLSearchParams({ ...params, auth_signature: signature });
      checkStatus(await world.api.send('GET', `${path}?${query}`), 401);
    }
  });

  it('of one app does not open another', settings, async (t) => {
    const two = await World.configured(
      {},
      '--app',
      '1:key-1:secret-1',
      '--app',
      '2:key-2:secret-2',
    );
    t.after(() => two.stop());
    const path = '/apps/2/channels';
    const app = { key: 'key-1', secret: 'secret-1' };
    const query = new URLSearchParams(signedParams(app, { method: 'GET', path }));
    checkStatus(await two.api.send('GET', `${path}?${query}`), 403);
  });
});
