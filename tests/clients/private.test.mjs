// Private and encrypted channels, signatures, and events that clients send each other.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { emitted } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { errorCode, subscribe, World } from './harness/world.mjs';

let world;
before(async () => (world = await World.start()));
after(() => world.stop());

async function listen(t, name, ...events) {
  const pusher = await world.connect(t);
  const channel = await subscribe(pusher, name);
  return { pusher, channel, inbox: Inbox.of(channel, ...events) };
}

test('a signed subscription gets the events of a private channel', async (t) => {
  const { pusher, inbox } = await listen(t, 'private-room', 'news');
  const request = world.authorizer.requests.at(-1);
  assert.equal(request.type, 'application/x-www-form-urlencoded');
  assert.equal(request.socket_id, pusher.connection.socket_id);
  await world.sdk.trigger('private-room', 'news', { secret: true });
  assert.deepEqual(await inbox.next(), { event: 'news', data: { secret: true } });
});

test('a bad signature fails that subscription only', async (t) => {
  const { pusher, inbox } = await listen(t, 'private-fine', 'news');
  const socketId = pusher.connection.socket_id;
  const code = errorCode(pusher);
  const channel = pusher.subscribe('private-forged');
  const forged = Inbox.of(channel, 'news');
  const error = await emitted(channel, 'pusher:subscription_error');
  assert.equal(error.type, 'AuthError');
  assert.equal(error.status, 401);
  assert.equal(typeof error.error, 'string');
  assert.equal(await code, 4009);

  await world.sdk.trigger(['private-forged', 'private-fine'], 'news', 'still here');
  assert.equal((await inbox.next()).data, 'still here');
  await subscribe(pusher, 'private-another');
  assert.equal(pusher.connection.state, 'connected');
  assert.equal(pusher.connection.socket_id, socketId);
  forged.push('nothing else');
  assert.equal(await forged.next(), 'nothing else');
});

test('a signature for another socket is refused', async (t) => {
  const grant = world.sdk.authorizeChannel('1.1', 'private-borrowed');
  const pusher = await world.connect(t, {
    channelAuthorization: { customHandler: (_, callback) => callback(null, grant) },
  });
  const error = await emitted(pusher.subscribe('private-borrowed'), 'pusher:subscription_error');
  assert.equal(error.status, 401);
});

test('a client event reaches the others and not its sender', async (t) => {
  const sender = await listen(t, 'private-chat', 'client-typing', 'fence');
  const others = [
    await listen(t, 'private-chat', 'client-typing'),
    await listen(t, 'private-chat', 'client-typing'),
  ];
  const data = { text: 'h\u00e9 \u{1f44b}', nested: [1, null, { deep: '"' }] };
  assert(sender.channel.trigger('client-typing', data));
  for (const { inbox } of others) {
    assert.deepEqual(await inbox.next(), { event: 'client-typing', data });
  }
  await world.sdk.trigger('private-chat', 'fence', 'end');
  assert.deepEqual(await sender.inbox.next(), { event: 'fence', data: 'end' });
});

test('a client event may carry any JSON', async (t) => {
  const sender = await listen(t, 'private-json');
  const { inbox } = await listen(t, 'private-json', 'client-any');
  const values = ['text', 12.5, true, [], {}];
  for (const value of values) sender.channel.trigger('client-any', value);
  const data = (await inbox.take(values.length)).map((message) => message.data);
  assert.deepEqual(data, values);
});

test('a client event on a public channel is an error and the connection lives on', async (t) => {
  const sender = await listen(t, 'public-chat', 'fence');
  const { inbox } = await listen(t, 'public-chat', 'client-typing', 'fence');
  const refused = emitted(sender.pusher.connection, 'error');
  sender.channel.trigger('client-typing', {});
  assert.match((await refused).data.message, /private and presence/);
  await world.sdk.trigger('public-chat', 'fence', 'end');
  assert.deepEqual(await inbox.next(), { event: 'fence', data: 'end' });
  assert.deepEqual(await sender.inbox.next(), { event: 'fence', data: 'end' });
});

test('a client event from outside the channel reaches nobody', async (t) => {
  const { inbox } = await listen(t, 'private-closed', 'client-typing', 'fence');
  const outsider = await world.connect(t);
  outsider.send_event('client-typing', {}, 'private-closed');
  // Its connection is read in order: after this answer the event has been dealt with.
  await subscribe(outsider, 'private-elsewhere');
  await world.sdk.trigger('private-closed', 'fence', 'end');
  assert.deepEqual(await inbox.next(), { event: 'fence', data: 'end' });
});

test('an encrypted channel is decrypted by the client and opaque to the server', async (t) => {
  const { pusher, inbox } = await listen(t, 'private-encrypted-vault', 'news');
  const relayed = emitted(pusher.connection, 'message', ({ event }) => event === 'news');
  const data = { code: 'tr\u00e9sor' };
  await world.sdk.trigger('private-encrypted-vault', 'news', data);
  assert.deepEqual(Object.keys((await relayed).data).sort(), ['ciphertext', 'nonce']);
  assert.deepEqual(await inbox.next(), { event: 'news', data });
  await world.sdk.triggerBatch([
    { channel: 'private-encrypted-vault', name: 'news', data: [1] },
    { channel: 'private-encrypted-vault', name: 'news', data: [2] },
  ]);
  assert.deepEqual((await inbox.take(2)).map((message) => message.data), [[1], [2]]);
});
