// laravel-echo as an application uses it, with Laravel's event names and endpoints.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { USERS } from './harness/authorizer.mjs';
import { within } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { World } from './harness/world.mjs';

let world;
before(async () => (world = await World.start()));
after(() => world.stop());

/** Waits until the server has accepted the subscription, or fails with what it said. */
async function ready(channel) {
  const answered = new Promise((resolve, reject) => {
    channel.subscribed(resolve).error((error) => reject(new Error(error.error)));
  });
  await within(`the subscription to ${channel.name}`, answered);
  return channel;
}

/** Joins a presence channel and collects what its callbacks are called with. */
async function join(echo, name) {
  const inbox = new Inbox(name);
  const channel = echo
    .join(name)
    .here((users) => inbox.push({ here: users.map((user) => user.name).sort() }))
    .joining((user) => inbox.push({ joining: user.name }))
    .leaving((user) => inbox.push({ leaving: user.name }));
  const first = await inbox.next();
  return { channel, inbox, here: first.here };
}

test('listens to a public channel under both kinds of event names', async (t) => {
  const echo = await world.echo(t);
  const inbox = new Inbox('orders');
  const channel = echo
    .channel('orders')
    .listen('OrderShipped', (data) => inbox.push(['OrderShipped', data]))
    .listen('.order.paid', (data) => inbox.push(['order.paid', data]));
  await ready(channel);
  await world.sdk.trigger('orders', 'App\\Events\\OrderShipped', { id: 1 });
  await world.sdk.trigger('orders', 'order.paid', { id: 2 });
  assert.deepEqual(await inbox.take(2), [
    ['OrderShipped', { id: 1 }],
    ['order.paid', { id: 2 }],
  ]);
});

test('works as the reverb broadcaster too', async (t) => {
  const echo = await world.echo(t, { broadcaster: 'reverb' });
  const inbox = new Inbox('reverb');
  await ready(echo.channel('reverb').listen('.news', (data) => inbox.push(data)));
  await world.sdk.trigger('reverb', 'news', { ok: true });
  assert.deepEqual(await inbox.next(), { ok: true });
  assert.equal(echo.connectionStatus(), 'connected');
});

test('broadcasts to others leave out the socket that caused them', async (t) => {
  const [cause, other] = [await world.echo(t), await world.echo(t)];
  const inboxes = [new Inbox('cause'), new Inbox('other')];
  await ready(cause.private('todo').listen('.news', (data) => inboxes[0].push(data)));
  await ready(other.private('todo').listen('.news', (data) => inboxes[1].push(data)));
  const params = { socket_id: cause.socketId() };
  await world.sdk.trigger('private-todo', 'news', 'to others', params);
  await world.sdk.trigger('private-todo', 'news', 'to all');
  assert.equal(await inboxes[0].next(), 'to all');
  assert.deepEqual(await inboxes[1].take(2), ['to others', 'to all']);
});

test('whispers on a private channel and gets notifications', async (t) => {
  const [speaker, listener] = [await world.echo(t), await world.echo(t, { user: 'grace' })];
  const [spoken, heard] = [new Inbox('speaker'), new Inbox('listener')];
  const channel = await ready(speaker.private('chat.1'));
  channel.listenForWhisper('typing', (data) => spoken.push(data));
  channel.notification((data) => spoken.push(data));
  await ready(listener.private('chat.1').listenForWhisper('typing', (data) => heard.push(data)));
  channel.whisper('typing', { name: 'Ada' });
  assert.deepEqual(await heard.next(), { name: 'Ada' });
  const event = 'Illuminate\\Notifications\\Events\\BroadcastNotificationCreated';
  await world.sdk.trigger('private-chat.1', event, { type: 'paid' });
  assert.deepEqual(await spoken.next(), { type: 'paid' });
});

test('decrypts an encrypted private channel', async (t) => {
  const echo = await world.echo(t);
  const inbox = new Inbox('vault');
  await ready(echo.encryptedPrivate('vault').listen('.news', (data) => inbox.push(data)));
  await world.sdk.trigger('private-encrypted-vault', 'news', { code: 1234 });
  assert.deepEqual(await inbox.next(), { code: 1234 });
});

test('joins a presence channel: here, joining, whisper, leaving', async (t) => {
  const first = await world.echo(t, { user: 'ada' });
  const ada = await join(first, 'lobby');
  assert.deepEqual(ada.here, ['Ada']);

  const second = await world.echo(t, { user: 'grace' });
  const grace = await join(second, 'lobby');
  assert.deepEqual(grace.here, ['Ada', 'Grace']);
  assert.deepEqual(await ada.inbox.next(), { joining: USERS.grace.user_info.name });

  ada.channel.listenForWhisper('wave', (data) => ada.inbox.push(data));
  grace.channel.whisper('wave', { hand: 'left' });
  assert.deepEqual(await ada.inbox.next(), { hand: 'left' });

  second.leave('lobby');
  assert.deepEqual(await ada.inbox.next(), { leaving: USERS.grace.user_info.name });
});

test('a refused channel calls the error callback and the others go on', async (t) => {
  const echo = await world.echo(t);
  const inbox = new Inbox('fine');
  await ready(echo.private('fine').listen('.news', (data) => inbox.push(data)));
  const refused = new Promise((resolve) => echo.private('forged').error(resolve));
  const error = await within('the error callback', refused);
  assert.equal(error.type, 'AuthError');
  assert.equal(error.status, 401);
  await world.sdk.trigger('private-fine', 'news', 'still here');
  assert.equal(await inbox.next(), 'still here');
  assert.equal(echo.connectionStatus(), 'connected');
});

test('leaving a channel ends its events', async (t) => {
  const echo = await world.echo(t);
  const inbox = new Inbox('left and kept');
  await ready(echo.channel('left').listen('.news', (data) => inbox.push(data)));
  await ready(echo.channel('kept').listen('.news', (data) => inbox.push(data)));
  echo.leave('left');
  await ready(echo.channel('seen'));
  await world.sdk.trigger(['left', 'kept'], 'news', 'once');
  await world.sdk.trigger('kept', 'news', 'end');
  assert.deepEqual(await inbox.take(2), ['once', 'end']);
  const { channels } = await (await world.sdk.get({ path: '/channels' })).json();
  assert.equal('left' in channels, false);
});
