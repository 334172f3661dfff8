// zero-pub-sub as its own client uses it: events, gaps, acks, presence, and coming back.

import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { configFile } from './harness/config.mjs';
import { Inbox } from './harness/inbox.mjs';
import { APP, Server } from './harness/server.mjs';
import { ZpsClient } from './harness/zps.mjs';

const SETTINGS = { 'zps.allow_client_publish': 'true', 'zps.max_messages_per_window': '0' };

let server;
before(async () => {
  server = await Server.start({ flags: ['--cores', '2'], settings: SETTINGS });
});
after(() => server.stop());

function connect(t, subscriberId, { path = '/', to = server, ...options } = {}) {
  const url = `ws://${to.host}:${to.port}${path}`;
  const client = new ZpsClient({ url, subscriberId, ...options });
  t.after(() => client.close());
  return client;
}

/** A client's subscription: every event is pushed as its payload. */
function subscribe(client, room, options) {
  const inbox = new Inbox(room);
  client.subscribe(room, ({ payload }) => inbox.push(payload), options);
  return inbox;
}

function publish(client, room, first, last) {
  for (let number = first; number <= last; number += 1) {
    client.publish({ room, type: 't', payload: number });
  }
}

const numbers = (first, last) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

/** `client` has heard a message that `accept` accepts. */
async function heard(client, what, accept) {
  for (let tries = 0; !client.heard.some(accept); tries += 1) {
    assert(tries < 500, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Everything that `client` has sent is carried out, and so are the acks of what it was sent. */
function settle(client, room, sequence) {
  const isAck = ({ type, room: of, sequence: at }) =>
    type === 'ack' && of === room && at === sequence;
  return heard(client, `the ack of ${sequence} in ${room}`, isAck);
}

test('events come once and in order to every subscriber, and each is acked', async (t) => {
  const [one, two] = ['one', 'two'].map((id) => connect(t, id));
  const inboxes = [one, two].map((client) => subscribe(client, 'chat:all'));
  publish(one, 'chat:all', 1, 500);
  for (const inbox of inboxes) assert.deepEqual(await inbox.take(500), numbers(1, 500));
  await settle(one, 'chat:all', 500);
  await settle(two, 'chat:all', 500);
});

test('a client that comes late gets the history', async (t) => {
  const publisher = connect(t, 'publisher');
  const early = subscribe(publisher, 'chat:late');
  publish(publisher, 'chat:late', 1, 1200); // More than two pages.
  await early.take(1200);
  const late = subscribe(connect(t, 'late', { path: `/apps/${APP.appId}` }), 'chat:late');
  assert.deepEqual(await late.take(1200), numbers(1, 1200));
});

test('a gap is filled by a replay', async (t) => {
  const client = connect(t, 'gap');
  // A filter makes gaps: the client asks for all that it has not seen.
  const inbox = subscribe(client, 'chat:gap', { eventTypes: ['b'] });
  for (const [type, payload] of [['a', 1], ['a', 2], ['b', 3]]) {
    client.publish({ room: 'chat:gap', type, payload });
  }
  assert.deepEqual(await inbox.take(3), [1, 2, 3]);
});

test('a client that lost its connection goes on without a gap or a duplicate', async (t) => {
  const publisher = connect(t, 'publisher');
  const client = connect(t, 'reconnecting');
  const inbox = subscribe(client, 'chat:cut');
  for (let round = 0; round < 5; round += 1) {
    publish(publisher, 'chat:cut', round * 100 + 1, round * 100 + 100);
    assert.equal(await inbox.next(), round * 100 + 1);
    client.cut();
    assert.deepEqual(await inbox.take(99), numbers(round * 100 + 2, round * 100 + 100));
  }
});

test('a client that starts anew goes on behind what it acked', async (t) => {
  const publisher = connect(t, 'publisher');
  publish(publisher, 'chat:anew', 1, 20);
  const first = connect(t, 'anew');
  await subscribe(first, 'chat:anew').take(20);
  await settle(first, 'chat:anew', 20);
  first.close();
  const second = connect(t, 'anew');
  const inbox = subscribe(second, 'chat:anew');
  publish(publisher, 'chat:anew', 21, 22);
  assert.deepEqual(await inbox.take(2), [21, 22]);
  const asked = second.heard.filter(({ type }) => type === 'replay');
  assert.deepEqual(asked, [], 'told where it begins, it asks for nothing');
});

test('a log that was pruned does not hold a client up', async (t) => {
  const toml = `[[apps]]
id = "a"
key = "k"
secret = "s"
history = [{ pattern = "chat:*", events_max = 5 }]
`;
  const to = await Server.start({ flags: await configFile(t, toml), settings: SETTINGS });
  t.after(() => to.stop());
  const publisher = connect(t, 'publisher', { to });
  const all = subscribe(publisher, 'chat:pruned');
  publish(publisher, 'chat:pruned', 1, 50);
  await all.take(50);
  const inbox = subscribe(connect(t, 'late', { to }), 'chat:pruned');
  assert.deepEqual(await inbox.take(5), numbers(46, 50));
  publish(publisher, 'chat:pruned', 51, 51);
  assert.equal(await inbox.next(), 51);
});

test('presence is told to those who are there, and who is cut has left', async (t) => {
  const [watcher, guest] = ['watcher', 'guest'].map((id) => connect(t, id));
  const inbox = new Inbox('presence');
  watcher.onPresence('chat:presence', (users) => inbox.push(users.map(({ userId }) => userId)));
  await heard(watcher, 'the subscription', ({ type }) => type === 'subscribed');
  const subscribed = subscribe(guest, 'chat:presence');
  guest.publish({ room: 'chat:presence', type: 't', payload: 'ready' });
  assert.equal(await subscribed.next(), 'ready');
  guest.enter('chat:presence', { userId: 'ann', metadata: { n: 1 } });
  assert.deepEqual(await inbox.next(), ['ann']);
  guest.enter('chat:presence', { userId: 'bob' });
  assert.deepEqual(await inbox.next(), ['ann', 'bob']);
  guest.leave('chat:presence', 'ann');
  assert.deepEqual(await inbox.next(), ['bob']);
  guest.cut();
  assert.deepEqual(await inbox.next(), []);
});

test('a token that ends closes its client, which comes back with a fresh one', async (t) => {
  const secret = 'a secret';
  const to = await Server.start({ settings: { ...SETTINGS, 'zps.jwt_secret': secret } });
  t.after(() => to.stop());
  const until = (exp) => {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp, rooms: ['chat:*'] })}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  const nowS = Math.floor(Date.now() / 1000);
  const tokens = [until(nowS - 58), until(nowS + 3600)]; // A minute is allowed for other clocks.
  const client = connect(t, 'ends', { to, token: () => tokens.shift() });
  const inbox = subscribe(client, 'chat:ends');
  const isExpired = ({ message }) => message === 'Authentication token has expired';
  await heard(client, 'the end of the token', isExpired);
  await heard(client, 'the code', ({ code }) => code === '4401');
  publish(connect(t, 'other', { to, token: until(nowS + 3600) }), 'chat:ends', 1, 1);
  assert.equal(await inbox.next(), 1);
  assert.deepEqual(tokens, []);
});

/** A JWT with these claims, signed by RS256. */
function jwt(claims, key, kid) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'RS256', typ: 'JWT', kid })}.${part(claims)}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}

test('tokens are signed with a public key or with one of a key set', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'uringcast-'));
  t.after(() => rm(folder, { recursive: true }));
  const [mine, other] = [1, 2].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }));
  const pem = mine.publicKey.export({ type: 'spki', format: 'pem' });
  const jwk = ({ publicKey }, kid) => ({ ...publicKey.export({ format: 'jwk' }), kid });
  const claims = { exp: 4e9, rooms: ['chat:*'] };
  for (const [key, name, text] of [
    ['zps.jwt_public_key_file', 'key.pem', pem],
    ['zps.jwks_file', 'keys.json', JSON.stringify({ keys: [jwk(other, 'old'), jwk(mine, 'k')] })],
  ]) {
    const path = join(folder, name);
    await writeFile(path, text);
    const to = await Server.start({ settings: { ...SETTINGS, [key]: path } });
    t.after(() => to.stop());
    const client = connect(t, 'known', { to, token: jwt(claims, mine.privateKey, 'k') });
    const inbox = subscribe(client, 'chat:known');
    publish(client, 'chat:known', 1, 1);
    assert.equal(await inbox.next(), 1);
    const forger = connect(t, 'forger', { to, token: jwt(claims, other.privateKey, 'k') });
    await heard(forger, 'the refusal', ({ message }) => message === 'Invalid token');
  }
});
