// Chapter "Users": signing in, reaching a user, and ending all that a user has open.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { checkStatus } from '../harness/api.mjs';
import { emitted, within } from '../harness/deadline.mjs';
import { Inbox } from '../harness/inbox.mjs';
import { authString } from '../harness/sign.mjs';
import { needs, settings, unique } from '../harness/subject.mjs';
import { errorCode, World } from '../harness/world.mjs';

const users = needs('users');

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

/** Options of a pusher-js client that signs in as `user`. */
const signingIn = (user) => ({
  userAuthentication: {
    customHandler: ({ socketId }, callback) =>
      callback(null, world.sdk.authenticateUser(socketId, user)),
  },
});

/** A pusher-js client that has signed in as `user`, and is subscribed to the user's own channel. */
async function signedIn(t, user) {
  const pusher = await world.connect(t, signingIn(user));
  const own = `#server-to-user-${user.id}`;
  const isOwn = ({ event, channel }) =>
    event === 'pusher_internal:subscription_succeeded' && channel === own;
  const reachable = emitted(pusher.connection, 'message', isOwn);
  pusher.signin();
  await within('signing in', pusher.user.signinDonePromise);
  await reachable;
  return pusher;
}

describe('pusher:signin', () => {
  it('is answered with the user_data that was sent, as a string in an object', users, async (t) => {
    const [raw, id] = [await world.raw(t), unique('user')];
    const text = `{ "id":"${id}",  "user_info": {"name": "Ad\u00e1"}, "extra":[1.0] }`;
    const { event, data } = await raw.signIn(text);
    assert.deepEqual([event, data.user_data], ['pusher:signin_success', text]);
  });

  it('gives pusher-js its user', users, async (t) => {
    const user = { id: unique('user'), user_info: { name: 'Ada' } };
    const pusher = await signedIn(t, user);
    assert.deepEqual(pusher.user.user_data, user);
  });

  for (const [what, text] of Object.entries({
    'without an id': '{"name":"Ada"}',
    'with an id that is a list': '{"id":[7]}',
    'with an empty id': '{"id":""}',
    'that is no object': '["id"]',
    'that is not JSON': 'id',
  })) {
    it(`is refused for user_data ${what}`, users, async (t) => {
      const raw = await world.raw(t);
      raw.askToSignIn(text);
      assert.equal((await raw.next()).event, 'pusher:error');
    });
  }

  it('is refused with 4009 for a signature that does not match', users, async (t) => {
    const user = { id: unique('user') };
    for (const parts of [[JSON.stringify(user)], ['', 'user', '', '{"id":"other"}']]) {
      const raw = await world.raw(t);
      raw.askToSignIn(user, authString(world.app, [raw.socketId, ...parts]));
      const { event, data } = await raw.next();
      assert.deepEqual([event, data.code], ['pusher:error', 4009]);
    }
  });

  it('does not make pusher-js a user when it is refused', users, async (t) => {
    const grant = { auth: 'wrong:signature', user_data: '{"id":"ada"}' };
    const customHandler = (_, callback) => callback(null, grant);
    const pusher = await world.connect(t, { userAuthentication: { customHandler } });
    const code = errorCode(pusher);
    pusher.signin();
    assert.equal(await code, 4009);
    assert.equal(pusher.user.user_data, null);
  });
});

describe("A user's own channel", () => {
  it('brings what is sent to the user, on each connection and to nobody else', users, async (t) => {
    const [ada, grace] = [{ id: unique('ada') }, { id: unique('grace') }];
    const clients = [await signedIn(t, ada), await signedIn(t, ada), await signedIn(t, grace)];
    const inboxes = clients.map((client) => {
      const inbox = new Inbox('own channel');
      client.user.bind('news', (data) => inbox.push(data));
      return inbox;
    });
    const response = await world.sdk.sendToUser(ada.id, 'news', { for: 'Ada' });
    assert.deepEqual([response.status, await response.json()], [200, {}]);
    await world.sdk.sendToUser(grace.id, 'news', { for: 'Grace' });
    const seen = await Promise.all(inboxes.map((inbox) => inbox.next()));
    assert.deepEqual(seen, [{ for: 'Ada' }, { for: 'Ada' }, { for: 'Grace' }]);
  });

  it('may be sent to when the user is away', users, async () => {
    assert.equal((await world.sdk.sendToUser(unique('away'), 'news', 'x')).status, 200);
  });

  it('is refused to who has not signed in', users, async (t) => {
    const raw = await world.raw(t);
    raw.ask(`#server-to-user-${unique('user')}`, undefined, '');
    await raw.refusal();
  });

  it('is refused to another user', users, async (t) => {
    const raw = await world.raw(t);
    await raw.signIn({ id: unique('ada') });
    raw.ask(`#server-to-user-${unique('grace')}`, undefined, '');
    await raw.refusal();
  });

  it('is the only one with # that a user may join', users, async (t) => {
    const [raw, id] = [await world.raw(t), unique('user')];
    await raw.signIn({ id });
    for (const name of [`#${id}`, `#server-to-${id}`, '#server-to-user-']) {
      raw.ask(name, undefined, '');
      await raw.refusal();
    }
    raw.ask(`#server-to-user-${id}`, undefined, '');
    assert.equal((await raw.next()).event, 'pusher_internal:subscription_succeeded');
  });

  it('takes no client events', users, async (t) => {
    const [one, two, id] = [await world.raw(t), await world.raw(t), unique('user')];
    for (const raw of [one, two]) {
      await raw.signIn({ id });
      raw.ask(`#server-to-user-${id}`, undefined, '');
      await raw.next();
    }
    one.send('client-news', {}, `#server-to-user-${id}`);
    await one.refusal();
    await world.sdk.sendToUser(id, 'fence', 'end');
    assert.equal((await two.next()).event, 'fence');
  });
});

describe('A user who has signed in', () => {
  it('is the member of a presence channel that names none', users, async (t) => {
    const [raw, name] = [await world.raw(t), unique('presence-room')];
    const user = { id: unique('user'), user_info: { name: 'Ada' } };
    await raw.signIn(user);
    const { data } = await raw.subscribe(name);
    assert.deepEqual(JSON.parse(data).presence.hash, { [user.id]: user.user_info });
  });
});

describe('POST users/{user}/terminate_connections', () => {
  it('ends every connection of the user with 4009, and no other', users, async (t) => {
    const [ada, grace] = [{ id: unique('ada') }, { id: unique('grace') }];
    const [one, two] = [await world.raw(t), await world.raw(t)];
    for (const raw of [one, two]) await raw.signIn(ada);
    const other = await world.raw(t);
    await other.signIn(grace);
    const response = await world.sdk.terminateUserConnections(ada.id);
    assert.deepEqual([response.status, await response.json()], [200, {}]);
    for (const raw of [one, two]) assert.equal((await raw.closed()).code, 4009);
    assert.deepEqual(await other.untilPong(), []);
  });

  it('makes pusher-js stay away', users, async (t) => {
    const user = { id: unique('user') };
    const pusher = await signedIn(t, user);
    const ended = emitted(pusher.connection, 'disconnected');
    await world.sdk.terminateUserConnections(user.id);
    await ended;
  });

  it('is answered the same when the user has none', users, async () => {
    const path = `/users/${unique('away')}/terminate_connections`;
    assert.deepEqual(await world.api.posted(path, {}), {});
    checkStatus(await world.api.request('POST', path), 200);
  });

  it('reads a user id with percent escapes', users, async (t) => {
    const [raw, id] = [await world.raw(t), `${unique('user')} \u00e9/1`];
    await raw.signIn({ id });
    const path = `/users/${encodeURIComponent(id)}/terminate_connections`;
    assert.deepEqual(await world.api.posted(path, {}), {});
    assert.equal((await raw.closed()).code, 4009);
  });
});

describe('An app whose clients must sign in', () => {
  it('closes with 4009 who does not in time, and keeps who does', settings, async (t) => {
    const strict = await World.configured({ 'pusher.signin_timeout_s': 1 });
    t.after(() => strict.stop());
    const [idle, user, member] = [await strict.raw(t), await strict.raw(t), await strict.raw(t)];
    await user.signIn({ id: 'ada' });
    await member.subscribe('private-room');
    assert.equal((await idle.closed()).code, 4009);
    for (const raw of [user, member]) assert.deepEqual(await raw.untilPong(), []);
  });
});
