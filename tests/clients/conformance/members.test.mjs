// Chapter "Server -> client": `pusher_internal:member_added` and `member_removed`, over two cores
// and several connections of a user.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { USERS } from '../harness/authorizer.mjs';
import { Inbox } from '../harness/inbox.mjs';
import { member } from '../harness/raw.mjs';
import { unique } from '../harness/subject.mjs';
import { subscribe, World } from '../harness/world.mjs';

const ROSTER_EVENTS = ['pusher:member_added', 'pusher:member_removed', 'fence'];
const FENCE = { event: 'fence', data: 'end' };

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

async function join(t, user, name) {
  const pusher = await world.connect(t, { user });
  const channel = await subscribe(pusher, name);
  return { pusher, channel, inbox: Inbox.of(channel, ...ROSTER_EVENTS) };
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

describe('pusher_internal:member_added and member_removed', () => {
  it('a subscriber learns who is here, itself included', async (t) => {
    const name = unique('presence-here');
    const { channel: first } = await join(t, 'ada', name);
    assert.equal(first.members.count, 1);
    const { channel } = await join(t, 'linus', name);
    assert.equal(channel.members.count, 2);
    assert.deepEqual(channel.members.members, {
      10: USERS.ada.user_info,
      7: USERS.linus.user_info,
    });
    assert.deepEqual(channel.members.me, { id: '7', info: USERS.linus.user_info });
  });

  it('a newcomer is announced to the others and not to itself', async (t) => {
    const [name, first, second] = [unique('presence-new'), await world.raw(t), await world.raw(t)];
    await first.subscribe(name, member('1', {}));
    await second.subscribe(name, member('2', {}));
    assert.equal((await first.next()).event, 'pusher_internal:member_added');
    await world.sdk.trigger(name, 'fence', 'end');
    assert.equal((await second.next()).event, 'fence');
    assert.equal((await first.next()).event, 'fence');
  });

  it('user_info arrives as it was signed', async (t) => {
    const [name, first, second] = [unique('presence-info'), await world.raw(t), await world.raw(t)];
    await first.subscribe(name, member('1', {}));
    const info = '{"tags":["\\u00e9", "\u{1f427}", null],"deep":{"n":1.50}}';
    await second.subscribe(name, `{"user_id":"2","user_info":${info}}`);
    const { data } = await first.next();
    assert.deepEqual(JSON.parse(data).user_info, JSON.parse(info));
  });

  it('a numeric user id works from start to end', async (t) => {
    const name = unique('presence-number');
    const watcher = await join(t, 'grace', name);
    const { channel, pusher } = await join(t, 'ada', name);
    assert.deepEqual(channel.members.me, { id: 10, info: USERS.ada.user_info });
    assert.deepEqual(await nextChange(watcher), added(USERS.ada));
    assert.deepEqual(watcher.channel.members.get('10').info, USERS.ada.user_info);
    pusher.disconnect();
    assert.deepEqual(await nextChange(watcher), removed(USERS.ada));
    assert.equal(watcher.channel.members.count, 1);
  });

  it('a user with several connections joins once', async (t) => {
    const name = unique('presence-tabs');
    const watchers = [await join(t, 'grace', name), await join(t, 'grace', name)];
    await checkQuiet(name, watchers);
    const tabs = [await join(t, 'linus', name)];
    for (const watcher of watchers) assert.deepEqual(await nextChange(watcher), added(USERS.linus));
    for (let more = 0; more < 3; more += 1) tabs.push(await join(t, 'linus', name));
    for (const { channel } of [...watchers, ...tabs]) assert.equal(channel.members.count, 2);
    await checkQuiet(name, [...watchers, ...tabs]);
  });

  it('a user with several connections leaves once, with the last', async (t) => {
    const name = unique('presence-tabs');
    const watcher = await join(t, 'grace', name);
    const tabs = [];
    while (tabs.length < 4) tabs.push(await join(t, 'linus', name));
    assert.deepEqual(await nextChange(watcher), added(USERS.linus));
    // Both ways out count: leaving the channel and closing the connection.
    const last = tabs.pop();
    for (const { pusher } of tabs) pusher.unsubscribe(name);
    for (const { pusher } of tabs) await subscribe(pusher, unique('left'));
    await checkQuiet(name, [watcher, last]);
    last.pusher.disconnect();
    assert.deepEqual(await nextChange(watcher), removed(USERS.linus));
    assert.equal(watcher.channel.members.count, 1);
  });

  it('a user who comes back joins again', async (t) => {
    const name = unique('presence-back');
    const watcher = await join(t, 'grace', name);
    const { pusher } = await join(t, 'linus', name);
    assert.deepEqual(await nextChange(watcher), added(USERS.linus));
    pusher.unsubscribe(name);
    assert.deepEqual(await nextChange(watcher), removed(USERS.linus));
    await subscribe(pusher, name);
    assert.deepEqual(await nextChange(watcher), added(USERS.linus));
    assert.equal(watcher.channel.members.count, 2);
  });

  it('every connection sees the same roster whichever core holds it', async (t) => {
    const name = unique('presence-cores');
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

  it('a forged member is not in the roster', async (t) => {
    const name = unique('presence');
    const pusher = await world.connect(t, { user: 'grace' });
    await assert.rejects(subscribe(pusher, `${name}-forged`));
    const { users } = await world.api.get(`/channels/${name}-forged/users`);
    assert.deepEqual(users, []);
  });

  it('the same user id is another member on another channel', async (t) => {
    const names = [unique('presence-apart'), unique('presence-apart')];
    const watcher = await join(t, 'grace', names[0]);
    await join(t, 'linus', names[1]);
    assert.equal(watcher.channel.members.count, 1);
    await checkQuiet(names[0], [watcher]);
  });
});
