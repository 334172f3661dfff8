// ZinTrust's side: publishing with a secret, signing by the server itself, and policies.

import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { text } from 'node:stream/consumers';

import { emitted, within } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { APP } from './harness/server.mjs';
import { subscribe, World } from './harness/world.mjs';

/** A world of two cores whose app has these lines in its table. */
async function start(t, ...lines) {
  const folder = mkdtempSync(join(tmpdir(), 'uringcast-zintrust-'));
  const config = join(folder, 'uringcast.toml');
  const app = `[[apps]]\nid = "${APP.appId}"\nkey = "${APP.key}"\nsecret = "${APP.secret}"`;
  writeFileSync(config, [app, ...lines].join('\n'));
  const world = await World.configured({}, '--config', config);
  t.after(async () => {
    await world.stop();
    rmSync(folder, { recursive: true });
  });
  return world;
}

/** The application's server: answers each question with what `decide` makes of it. */
async function application(t, decide) {
  const asked = [];
  const http = createServer(async (request, response) => {
    const question = JSON.parse(await text(request));
    asked.push({ headers: request.headers, question });
    const { status = 200, ...answer } = decide(question, request.headers);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => {
    http.close();
    http.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${http.address().port}/hook`, asked };
}

const base = (world) => `http://${world.server.host}:${world.server.port}`;

/** Publishes as ZinTrust's internal-http transport does. */
async function publish(world, body, secret = APP.secret, appId = APP.appId) {
  const response = await fetch(`${base(world)}/apps/${appId}/events`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-zintrust-socket-secret': secret,
      authorization: `Bearer ${secret}`,
    },
    body: JSON.stringify(body),
  });
  const { status, headers } = response;
  assert.equal(headers.get('content-type'), 'application/json; charset=utf-8');
  return { status, body: await response.json() };
}

/** Options of a pusher-js that asks the server itself for signatures. */
function own(world, headers = {}) {
  const at = (path) => ({ transport: 'ajax', endpoint: `${base(world)}${path}`, headers });
  return {
    channelAuthorization: at('/broadcasting/auth'),
    userAuthentication: at('/broadcasting/user-auth'),
  };
}

/** Signs in and hears an event that is sent to this user only. */
async function signIn(world, client) {
  const isOwn = ({ event, channel }) =>
    event === 'pusher_internal:subscription_succeeded' && channel.startsWith('#server-to-user-');
  const ready = emitted(client.connection, 'message', isOwn);
  const heard = new Inbox('a user');
  client.user.bind('news', (data) => heard.push(data));
  client.signin();
  await ready;
  await world.sdk.sendToUser(client.user.user_data.id, 'news', 'for you');
  assert.equal(await heard.next(), 'for you');
  return client.user.user_data;
}

/** A JWT with these claims, signed by HS256, or by RS256 if the key is no text. */
function jwt(claims, key) {
  const isText = typeof key === 'string';
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: isText ? 'HS256' : 'RS256', typ: 'JWT' })}.${part(claims)}`;
  const signature = isText
    ? createHmac('sha256', key).update(signed).digest()
    : sign('sha256', Buffer.from(signed), key);
  return `${signed}.${signature.toString('base64url')}`;
}

test('deliveries are distinct sockets of both cores', async (t) => {
  const world = await start(t);
  const clients = await Promise.all(Array.from({ length: 8 }, () => world.connect(t)));
  const one = await Promise.all(clients.slice(0, 6).map((client) => subscribe(client, 'one')));
  await Promise.all(clients.slice(4).map((client) => subscribe(client, 'two')));
  const inbox = Inbox.of(one[0], 'order.updated');
  const event = { event: 'order.updated', data: { id: 7, nested: { a: [1] } } };
  assert.deepEqual(await publish(world, { channels: ['one', 'two'], ...event }), {
    status: 202,
    body: { ok: true, channels: ['one', 'two'], event: 'order.updated', deliveries: 8 },
  });
  assert.deepEqual((await inbox.next()).data, event.data);
  const others = { channels: ['one'], ...event, socket_id: clients[0].connection.socket_id };
  assert.equal((await publish(world, others)).body.deliveries, 5);
});

test('refusals have the words and the order that ZinTrust has', async (t) => {
  const world = await start(t, 'publish_secret = "publish-secret"');
  const refused = async (status, error, ...request) =>
    assert.deepEqual(await publish(world, ...request), { status, body: { error } });
  await refused(404, 'Socket app id not found.', {}, 'wrong', 'nobody');
  await refused(403, 'Socket publish secret is invalid.', {}, APP.secret);
  await refused(400, 'event/name and channel/channels are required.', {}, 'publish-secret');
  const conflict = { event: 'e', channel: 'presence-a', channel_scope: 'private' };
  await refused(
    400,
    'Broadcast channel scope private conflicts with fully-qualified channel presence-a.',
    conflict,
    'publish-secret',
  );
  // The server SDK signs with the key's own secret, and is answered as ever.
  const { status } = await world.sdk.trigger('room', 'e', {});
  assert.equal(status, 200);
});

test('allow-all signs whatever pusher-js asks for', async (t) => {
  const world = await start(t, 'auth = "allow-all"');
  const client = await world.connect(t, own(world));
  await subscribe(client, 'private-a');
  const { me } = (await subscribe(client, 'presence-a')).members;
  assert.equal(me.id, client.connection.socket_id);
  assert.deepEqual(await signIn(world, client), { id: client.connection.socket_id });
});

test('a token names its channels and its user', async (t) => {
  const world = await start(t, 'auth = "jwt"\njwt_secret = "jwt-secret"');
  const claims = {
    sub: 'ada',
    channels: ['private-ada-*', 'presence-*'],
    user_info: { name: 'Ada' },
    exp: Math.floor(Date.now() / 1000) + 60,
  };
  const bearer = (token) => ({ Authorization: `Bearer ${token}` });
  const ada = await world.connect(t, own(world, bearer(jwt(claims, 'jwt-secret'))));
  await subscribe(ada, 'private-ada-1');
  const { me } = (await subscribe(ada, 'presence-a')).members;
  assert.deepEqual(me, { id: 'ada', info: { name: 'Ada' } });
  await assert.rejects(subscribe(ada, 'private-bob-1'));
  assert.deepEqual(await signIn(world, ada), { id: 'ada', user_info: { name: 'Ada' } });
  for (const token of [jwt(claims, 'other'), jwt({ ...claims, exp: 1 }, 'jwt-secret')]) {
    const stranger = await world.connect(t, own(world, bearer(token)));
    await assert.rejects(subscribe(stranger, 'private-ada-1'));
    stranger.signin();
    await within('the refusal', stranger.user.signinDonePromise);
    assert.equal(stranger.user.user_data, null);
  }
});

test('a token may be signed for a public key, which is no secret', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  const folder = mkdtempSync(join(tmpdir(), 'uringcast-zintrust-key-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'public.pem');
  writeFileSync(file, pem);
  const world = await start(t, `auth = "jwt"\njwt_public_key_file = "${file}"`);
  const claims = { channels: ['private-*'], exp: Math.floor(Date.now() / 1000) + 60 };
  const asked = async (key) => {
    const headers = { Authorization: `Bearer ${jwt(claims, key)}` };
    return subscribe(await world.connect(t, own(world, headers)), 'private-a');
  };
  await asked(privateKey);
  // The oldest trick: the public key as the secret of another algorithm.
  await assert.rejects(asked(pem));
});

test('the application decides who may subscribe, and as whom', async (t) => {
  const { url, asked } = await application(t, ({ channel_name: name }, { authorization }) => ({
    authorized: name !== 'private-secret' && authorization === 'Session 1',
    channelData: name?.startsWith('presence-') ? { user_id: 'u1', user_info: { a: 1 } } : undefined,
    userData: name === undefined ? { id: 'u1' } : undefined,
  }));
  const world = await start(t, `auth = "webhook"\nauth_url = "${url}"`);
  const client = await world.connect(t, own(world, { Authorization: 'Session 1' }));
  await subscribe(client, 'private-a');
  assert.deepEqual(asked[0].question, {
    socket_id: client.connection.socket_id,
    channel_name: 'private-a',
  });
  const { me } = (await subscribe(client, 'presence-a')).members;
  assert.deepEqual(me, { id: 'u1', info: { a: 1 } });
  await assert.rejects(subscribe(client, 'private-secret'));
  assert.deepEqual(await signIn(world, client), { id: 'u1' });
  assert.deepEqual(asked.at(-1).question, { socket_id: client.connection.socket_id });
  const stranger = await world.connect(t, own(world));
  await assert.rejects(subscribe(stranger, 'private-a'));
});

test('a publish policy lets through, rewrites and refuses', async (t) => {
  const { url, asked } = await application(t, ({ event }) => {
    if (event === 'no') return { allowed: false, statusCode: 422, message: 'not this one' };
    if (event === 'none') return { allowed: true, channels: [] };
    if (event === 'down') return { status: 500 };
    if (event === 'old') return { allowed: true, event: 'new', channels: ['b'], data: { b: 2 } };
    return { allowed: true };
  });
  const world = await start(t, `publish_policy_url = "${url}"`);
  const client = await world.connect(t);
  const [a, b] = await Promise.all([subscribe(client, 'a'), subscribe(client, 'b')]);
  const inboxes = [Inbox.of(a, 'plain', 'old', 'no', 'down'), Inbox.of(b, 'new')];
  assert.deepEqual(await publish(world, { channel: 'a', event: 'no', data: { a: 1 } }), {
    status: 422,
    body: { message: 'not this one' },
  });
  assert.deepEqual(asked[0].question, {
    appId: APP.appId,
    channels: ['a'],
    event: 'no',
    data: { a: 1 },
    socketId: null,
    user: null,
  });
  assert.deepEqual(await publish(world, { channel: 'a', event: 'none' }), {
    status: 400,
    body: { error: 'publish policy must return a non-empty event and channels.' },
  });
  assert.equal((await publish(world, { channel: 'a', event: 'down' })).status, 503);
  await assert.rejects(world.sdk.trigger('a', 'no', {}), { status: 422 });
  const batch = (...names) =>
    world.sdk.triggerBatch(names.map((name) => ({ channel: 'a', name, data: name })));
  asked.length = 0;
  await assert.rejects(batch('plain', 'no', 'plain'), { status: 422 });
  assert.deepEqual(asked.map(({ question }) => question.event).sort(), ['no', 'plain', 'plain']);
  await assert.rejects(batch('plain', 'down'), { status: 503 });
  const { status } = await batch('plain', 'old');
  assert.equal(status, 200);
  assert.deepEqual(await inboxes[0].next().then(({ event, data }) => [event, data]), [
    'plain',
    'plain',
  ]);
  assert.deepEqual((await inboxes[1].next()).data, { b: 2 });
  assert.deepEqual((await publish(world, { channel: 'a', event: 'old' })).body, {
    ok: true,
    channels: ['b'],
    event: 'new',
    deliveries: 1,
  });
  assert.deepEqual((await inboxes[1].next()).data, { b: 2 });
  await world.sdk.trigger('a', 'plain', { c: 3 });
  const first = await inboxes[0].next();
  assert.deepEqual([first.event, first.data], ['plain', { c: 3 }]);
});
