// Chapter "Test vectors": signatures that the documentation and the server SDK's own tests publish.
// They bind the signatures that these tests write themselves, and the SDK, to the same values; the
// server must then take both.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import PusherServer from 'pusher';

import { authString, hmac, md5, signedParams } from '../harness/sign.mjs';
import { settings, unique } from '../harness/subject.mjs';
import { World } from '../harness/world.mjs';

/** The app of the documentation. */
const DOCS = { key: '278d425bdf160c739803', secret: '7ad3773142a6692b25b8' };
const DOCS_SOCKET = '1234.1234';

/** The apps of the SDK's tests. */
const TOFU = { key: 'aaaa', secret: 'tofu' };
const FOOD = { key: 'f00d', secret: 'tofu' };

const sdkOf = (app, options) => new PusherServer({ appId: '1234', ...app, ...options });

/** Checks that the description and the SDK sign these parts of a subscription as published. */
function checkChannel(app, [socketId, channel, data], signature) {
  const text = data === undefined ? undefined : JSON.stringify(data);
  const auth = `${app.key}:${signature}`;
  assert.equal(authString(app, [socketId, channel, text]), auth);
  assert.equal(sdkOf(app).authorizeChannel(socketId, channel, data).auth, auth);
}

function checkUser(app, socketId, user, signature) {
  const text = JSON.stringify(user);
  assert.equal(hmac(app.secret, `${socketId}::user::${text}`), signature);
  const grant = { auth: `${app.key}:${signature}`, user_data: text };
  assert.deepEqual(sdkOf(app).authenticateUser(socketId, user), grant);
}

describe('Test vectors of the documentation', () => {
  it('a private channel', () => {
    const signature = '58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4';
    checkChannel(DOCS, [DOCS_SOCKET, 'private-foobar'], signature);
  });

  it('a presence channel, for the name that the published signature is of', () => {
    const member = (name) => ({ user_id: 10, user_info: { name } });
    const parts = (name) => [DOCS_SOCKET, 'presence-foobar', member(name)];
    const published = 'afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c';
    checkChannel(DOCS, parts('Mr. Pusher'), published);
    const printed = '31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80';
    checkChannel(DOCS, parts('Mr. Channels'), printed);
  });

  it('a user', () => {
    const signature = '4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba';
    checkUser(DOCS, DOCS_SOCKET, { id: '12345' }, signature);
  });

  it('a request', () => {
    const body = '{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}';
    const params = { auth_timestamp: '1353088179' };
    const request = { method: 'POST', path: '/apps/3/events', params, body };
    assert.deepEqual(signedParams(DOCS, request), {
      auth_key: DOCS.key,
      auth_timestamp: '1353088179',
      auth_version: '1.0',
      body_md5: 'ec365a775a4cd0599faeb73354201b6f',
      auth_signature: 'da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c',
    });
  });
});

describe('Test vectors of the server SDK', () => {
  const channels = [
    [
      '123.456',
      'test',
      undefined,
      'efa6cf7644a0b35cba36aa0f776f3cbf7bb60e95ea2696bde1dbe8403b61bd7c',
    ],
    [
      '321.654',
      'test',
      undefined,
      'f6ecb0a17d3e4f68aca28f1673197a7608587c09deb0208faa4b5519aee0a777',
    ],
    [
      '123.456',
      'test1',
      undefined,
      'd5ab857f805433cb50562da96afa41688d7742a3c3a021ed15a4d991a4d8cf94',
    ],
    [
      '123.456',
      'test2',
      undefined,
      '43affa6a09af1fb9ce1cadf176171346beaf7366673ec1e5920f68b3e97a466d',
    ],
  ];
  it('channels', () => {
    for (const [socketId, channel, data, signature] of channels) {
      checkChannel(TOFU, [socketId, channel, data], signature);
    }
  });

  it('channels with data, beyond ASCII too', () => {
    const object = 'f41faf9ead2ea76772cc6b1168363057459f02499ae4d92e88229dc7f4efa2d4';
    checkChannel(TOFU, ['123.456', 'test', { foo: 'bar' }], object);
    const text = '\u0105\u00a7\u00b6\u2122\u20ac\u0142\u00fc\u20ac\u00df\u00a3';
    const beyond = '2a229263e89d9c50524fd80c2e88be2843379f6931e28995e2cc214282c9db0c';
    checkChannel(TOFU, ['1.1', 'test', text], beyond);
    const user = '620494cee53d6c568b49598313194088afda37218f0d059af03c0c898ed61ff4';
    checkUser(TOFU, '1.1', { id: text }, user);
  });

  it('other secrets', () => {
    const one = '584828bd6e80b2d177d2b28fde07b8e170abf87ccb5a791a50c933711fb8eb28';
    const two = '269bbf3f7625db4e0d0525b617efa5915c3ae667fd222dc8e4cb94bc531f26f2';
    checkChannel({ key: '11111', secret: '1' }, ['123.456', 'test'], one);
    checkChannel({ key: '11111', secret: '2' }, ['123.456', 'test'], two);
  });

  it('users', () => {
    const plain = 'f4b1fdeea7c93e32648c7230e32b172057c5623cace6cfce791c6e7035e0babd';
    const named = 'b8a9f173455903792ae2b788add0c4c78ad7372b3ae7fb5769479276a1993743';
    checkUser(TOFU, '123.456', { id: '45678' }, plain);
    checkUser({ ...TOFU, key: '1234' }, '123.456', { id: '45678' }, plain);
    checkUser(TOFU, '123.456', { id: '55555', user_name: 'test' }, named);
  });

  it('encrypted channels and their shared secret', () => {
    const encryptionMasterKeyBase64 = 'zyrm8pvV2C9fJcBfhyXzvxbJVN/H7QLmbe0xJi1GhPU=';
    const sdk = sdkOf(FOOD, { encryptionMasterKeyBase64 });
    assert.deepEqual(sdk.authorizeChannel('123.456', 'private-encrypted-bla', 'foo'), {
      auth: 'f00d:962c48b78bf93d98ff4c92ee7dff04865821455b7b401e9d60a9e0a90af2c105',
      channel_data: '"foo"',
      shared_secret: 'nlr49ISQHz91yS3cy/yWmW8wFMNeTnNL5tNHnbPJcLQ=',
    });
  });

  it('a request with a body', () => {
    const params = { auth_timestamp: '1234567890' };
    const request = { method: 'GET', path: '/event', params, body: 'example body' };
    const { body_md5: digest, auth_signature: signature } = signedParams(FOOD, request);
    assert.equal(digest, '165d5e6d7ca8f73b3853ce45addf42fc');
    const published = 'a650196dc427ebe837226f8565ca9232198c6d1b9455eaa72374a9dc0b620e7b';
    assert.equal(signature, published);
  });

  it('a webhook', () => {
    const event = { channel: 'test_channel', name: 'channel_vacated' };
    const rawBody = JSON.stringify({ time_ms: 1403175510755, events: [event] });
    const signature = 'c17257e92037cd7de407ebc1ed174ceb7b2e518db127f44411b9ffc4f5b28cc5';
    assert.equal(hmac('tofu', rawBody), signature);
    const headers = {
      'x-pusher-key': 'aaaa',
      'x-pusher-signature': signature,
      'content-type': 'application/json',
    };
    assert.equal(sdkOf(TOFU).webhook({ headers, rawBody }).isValid(), true);
  });

  it('a digest of a body', () => assert.equal(md5(''), 'd41d8cd98f00b204e9800998ecf8427e'));
});

describe('A server with the app of the documentation', settings, () => {
  let world;
  before(async () => {
    const app = `3:${DOCS.key}:${DOCS.secret}`;
    world = await World.configured({}, '--app', app);
    world.app = { appId: '3', ...DOCS };
  });
  after(() => world.stop());

  it('takes what is signed with its secret', async (t) => {
    const [raw, name] = [await world.raw(t), unique('private-foobar')];
    await raw.subscribe(name);
    await world.sdkWith({}).trigger(name, 'foo', { some: 'data' });
    assert.equal((await raw.next()).data, '{"some":"data"}');
  });

  it('refuses the published request, which is years old', async () => {
    const body = '{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}';
    const request = { method: 'POST', path: '/apps/3/events', body };
    const params = signedParams(DOCS, { ...request, params: { auth_timestamp: '1353088179' } });
    const query = new URLSearchParams(params);
    assert.equal((await world.api.send('POST', `/apps/3/events?${query}`, { body })).status, 401);
  });
});
