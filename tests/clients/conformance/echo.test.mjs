// laravel-echo as an application uses it, with Laravel's event names and endpoints.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { USERS } from '../harness/authorizer.mjs';
import { within } from '../harness/deadline.mjs';
import { Inbox } from '../harness/inbox.mjs';
import { needs, ours, unique } from '../harness/subject.mjs';
import { World } from '../harness/world.mjs';

let world;
before(async () => (world = await World.subject()));
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

describe('laravel-echo', () => {
  it('listens to a public channel under both kinds of event names', async (t) => {
    const [echo, name] = [await world.echo(t), unique('orders')];
    const inbox = new Inbox('orders');
    const channel = echo
      .channel(name)
      .listen('OrderShipped', (data) => inbox.push(['OrderShipped', data]))
      .listen('.order.paid', (data) => inbox.push(['order.paid', data]));
    await ready(channel);
    await world.sdk.trigger(name, 'App\\Events\\OrderShipped', { id: 1 });
    await world.sdk.trigger(name, 'order.paid', { id: 2 });
    assert.deepEqual(await inbox.take(2), [
      ['OrderShipped', { id: 1 }],
      ['order.paid', { id: 2 }],
    ]);
  });

  it('works as the reverb broadcaster too', async (t) => {
    const [echo, name] = [await world.echo(t, { broadcaster: 'reverb' }), unique('reverb')];
    const inbox = new Inbox('reverb');
    await ready(echo.channel(name).listen('.news', (data) => inbox.push(data)));
    await world.sdk.trigger(name, 'news', { ok: true });
    assert.deepEqual(await inbox.next(), { ok: true });
    assert.equal(echo.connectionStatus(), 'connected');
  });

  it('broadcasts to others leave out the socket that caused them', async (t) => {
    const [cause, other, name] = [await world.echo(t), await world.echo(t), unique('todo')];
    const inboxes = [new Inbox('cause'), new Inbox('other')];
    await ready(cause.private(name).listen('.news', (data) => inboxes[0].push(data)));
    await ready(other.private(name).listen('.news', (data) => inboxes[1].push(data)));
    const params = { socket_id: cause.socketId() };
    await world.sdk.trigger(`private-${name}`, 'news', 'to others', params);
    await world.sdk.trigger(`private-${name}`, 'news', 'to all');
    assert.equal(await inboxes[0].next(), 'to all');
    assert.deepEqual(await inboxes[1].take(2), ['to others', 'to all']);
  });

  it('whispers on a private channel', needs('client-events'), async (t) => {
    const [speaker, listener] = [await world.echo(t), await world.echo(t, { user: 'grace' })];
    const [name, heard] = [unique('chat.1'), new Inbox('listener')];
    const channel = await ready(speaker.private(name));
    await ready(listener.private(name).listenForWhisper('typing', (data) => heard.push(data)));
    channel.whisper('typing', { name: 'Ada' });
    assert.deepEqual(await heard.next(), { name: 'Ada' });
  });

  it('gets notifications', async (t) => {
    const [echo, name, inbox] = [await world.echo(t), unique('App.User.1'), new Inbox('user')];
    const channel = await ready(echo.private(name));
    channel.notification((data) => inbox.push(data));
    const event = 'Illuminate\\Notifications\\Events\\BroadcastNotificationCreated';
    await world.sdk.trigger(`private-${name}`, event, { type: 'paid' });
    assert.deepEqual(await inbox.next(), { type: 'paid' });
  });

  it('decrypts an encrypted private channel', async (t) => {
    const [echo, name, inbox] = [await world.echo(t), unique('vault'), new Inbox('vault')];
    await ready(echo.encryptedPrivate(name).listen('.news', (data) => inbox.push(data)));
    await world.sdk.trigger(`private-encrypted-${name}`, 'news', { code: 1234 });
    assert.deepEqual(await inbox.next(), { code: 1234 });
  });

  it('joins a presence channel: here, joining, leaving', async (t) => {
    const name = unique('lobby');
    const ada = await join(await world.echo(t, { user: 'ada' }), name);
    assert.deepEqual(ada.here, ['Ada']);
    const second = await world.echo(t, { user: 'grace' });
    const grace = await join(second, name);
    assert.deepEqual(grace.here, ['Ada', 'Grace']);
    assert.deepEqual(await ada.inbox.next(), { joining: USERS.grace.user_info.name });
    second.leave(name);
    assert.deepEqual(await ada.inbox.next(), { leaving: USERS.grace.user_info.name });
  });

  it('whispers on a presence channel', needs('client-events'), async (t) => {
    const [name, heard] = [unique('lobby'), new Inbox('listener')];
    const ada = await join(await world.echo(t, { user: 'ada' }), name);
    ada.channel.listenForWhisper('wave', (data) => heard.push(data));
    const grace = await join(await world.echo(t, { user: 'grace' }), name);
    grace.channel.whisper('wave', { hand: 'left' });
    assert.deepEqual(await heard.next(), { hand: 'left' });
  });

  it('a refused channel calls the error callback and the others go on', ours, async (t) => {
    const [echo, name, inbox] = [await world.echo(t), unique('fine'), new Inbox('fine')];
    await ready(echo.private(name).listen('.news', (data) => inbox.push(data)));
    const refused = new Promise((resolve) => echo.private(`${name}-forged`).error(resolve));
    const error = await within('the error callback', refused);
    assert.deepEqual([error.type, error.status], ['AuthError', 401]);
    await world.sdk.trigger(`private-${name}`, 'news', 'still here');
    assert.equal(await inbox.next(), 'still here');
    assert.equal(echo.connectionStatus(), 'connected');
  });

  it('leaving a channel ends its events', async (t) => {
    const [echo, left, kept] = [await world.echo(t), unique('left'), unique('kept')];
    const inbox = new Inbox('left and kept');
    await ready(echo.channel(left).listen('.news', (data) => inbox.push(data)));
    await ready(echo.channel(kept).listen('.news', (data) => inbox.push(data)));
    echo.leave(left);
    await ready(echo.channel(unique('seen')));
    await world.sdk.trigger([left, kept], 'news', 'once');
    await world.sdk.trigger(kept, 'news', 'end');
    assert.deepEqual(await inbox.take(2), ['once', 'end']);
    const { channels } = await world.api.get('/channels');
    assert.equal(left in channels, false);
  });
});
