// Presence: who is here, who joins and who leaves, over two cores and several connections a user.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { USERS } from './harness/authorizer.mjs';
import { Inbox } from './harness/inbox.mjs';
import { subscribe, World } from './harness/world.mjs';

const ROSTER_EVENTS = ['pusher:member_added', 'pusher:member_removed', 'fence'];
const FENCE = { event: 'fence', data: 'end' };

let world;
before(async () => (world = await World.start('--cores', '2')));
after(() => world.stop());

async function join(t, user, name, ...events) {
  const pusher = await world.connect(t, { user });
  const channel = await subscribe(pusher, name);
  return { pusher, channel, inbox: Inbox.of(channel, ...ROSTER_EVENTS, ...events) };
}

const added = ({ user_id: id, user_info: info }) => ({
  event: 'pusher:member_added',
  data: { id: String(id), info },
});

const removed = (user) => ({ ...added(user), event: 'pusher:member_removed' });

/** The next message, with the id as the text it is in the roster. */
async function nextChange({ inbox }) {
  const { event, data } = await inbox.next();
  return event === 'fence' ? FENCE : { event, data: { ...data, id: String(data.id) } };
}

/** Checks that nothing happened at any of the members since they were last asked. */
async function checkQuiet(name, members) {
  await world.sdk.trigger(name, 'fence', 'end');
  for (const member of members) assert.deepEqual(await nextChange(member), FENCE);
}

test('a subscriber learns who is here, itself included', async (t) => {
  const { channel: first } = await join(t, 'ada', 'presence-here');
  assert.equal(first.members.count, 1);
  const { channel } = await join(t, 'linus', 'presence-here');
  assert.equal(channel.members.count, 2);
  assert.deepEqual(channel.members.members, {
    10: USERS.ada.user_info,
    7: USERS.linus.user_info,
  });
  assert.deepEqual(channel.members.me, { id: '7', info: USERS.linus.user_info });
});

test('a numeric user id works from start to end', async (t) => {
  const watcher = await join(t, 'grace', 'presence-number');
  const { channel, pusher } = await join(t, 'ada', 'presence-number');
  assert.deepEqual(channel.members.me, { id: 10, info: USERS.ada.user_info });
  assert.deepEqual(await nextChange(watcher), added(USERS.ada));
  assert.deepEqual(watcher.channel.members.get('10').info, USERS.ada.user_info);
  pusher.disconnect();
  assert.deepEqual(await nextChange(watcher), removed(USERS.ada));
  assert.equal(watcher.channel.members.count, 1);
});

test('a user with several connections joins once and leaves once', async (t) => {
  const name = 'presence-tabs';
  const watchers = [await join(t, 'grace', name), await join(t, 'grace', name)];
  await checkQuiet(name, watchers);

  const tabs = [await join(t, 'linus', name)];
  for (const watcher of watchers) assert.deepEqual(await nextChange(watcher), added(USERS.linus));
  for (let more = 0; more < 3; more += 1) tabs.push(await join(t, 'linus', name));
  for (const { channel } of [...watchers, ...tabs]) assert.equal(channel.members.count, 2);
  await checkQuiet(name, [...watchers, ...tabs]);

  // Both ways out count: leaving the channel and closing the connection.
  const last = tabs.pop();
  for (const { pusher } of tabs) pusher.unsubscribe(name);
  for (const { pusher } of tabs) await subscribe(pusher, 'left');
  await checkQuiet(name, [...watchers, last]);
  last.pusher.disconnect();
  for (const watcher of watchers) assert.deepEqual(await nextChange(watcher), removed(USERS.linus));
  for (const { channel } of watchers) assert.equal(channel.members.count, 1);
});

test('every connection sees the same roster whichever core holds it', async (t) => {
  const name = 'presence-cores';
  const users = ['ada', 'grace', 'linus', 'ada', 'grace', 'linus', 'ada', 'grace'];
  const members = await Promise.all(users.map((user) => join(t, user, name)));
  await world.sdk.trigger(name, 'fence', 'end');
  for (const member of members) {
    while ((await nextChange(member)).event !== 'fence');
    assert.equal(member.channel.members.count, 3);
    const infos = Object.values(member.channel.members.members).map(({ name }) => name);
    assert.deepEqual(infos.sort(), ['Ada', 'Grace', 'Linus']);
  }
  const leaving = members.splice(1);
  for (const { pusher } of leaving) pusher.disconnect();
  const ids = [(await nextChange(members[0])).data.id, (await nextChange(members[0])).data.id];
  assert.deepEqual(ids.sort(), ['7', 'grace-1']);
  assert.equal(members[0].channel.members.count, 1);
});

test('a client event on a presence channel names its sender', async (t) => {
  const sender = await join(t, 'ada', 'presence-chat', 'client-typing');
  const other = await join(t, 'grace', 'presence-chat', 'client-typing');
  assert.deepEqual(await nextChange(sender), added(USERS.grace));
  sender.channel.trigger('client-typing', { now: true });
  const data = { now: true };
  assert.deepEqual(await other.inbox.next(), { event: 'client-typing', data, user_id: '10' });
  await checkQuiet('presence-chat', [sender]);
});

test('an event from the server SDK has no sender', async (t) => {
  const { inbox } = await join(t, 'ada', 'presence-api', 'news');
  await world.sdk.trigger('presence-api', 'news', 'from the API');
  assert.deepEqual(await inbox.next(), { event: 'news', data: 'from the API' });
});

test('a forged presence grant is refused', async (t) => {
  const pusher = await world.connect(t, { user: 'grace' });
  await assert.rejects(subscribe(pusher, 'presence-forged'));
  const { channel } = await join(t, 'ada', 'presence-after-forgery');
  assert.equal(channel.members.count, 1);
});
