// Users: signing in, the events of one user, watchlists, and the end of a user's connections.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { USERS, userId } from './harness/authorizer.mjs';
import { emitted, within } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { errorCode, subscribe, World } from './harness/world.mjs';

let world;
before(async () => (world = await World.start('--cores', '2')));
after(() => world.stop());

/** Signs in and waits until the user's own channel is there. */
async function signIn(pusher) {
  const isReady = ({ event, channel }) =>
    event === 'pusher_internal:subscription_succeeded' && channel?.startsWith('#server-to-user-');
  const ready = emitted(pusher.connection, 'message', isReady);
  pusher.signin();
  const { channel } = await ready;
  assert.equal(channel, `#server-to-user-${pusher.user.user_data.id}`);
}

/** A connected client that has signed in, with what it hears as that user. */
async function signedIn(t, user, params = {}) {
  const userAuthentication = world.userAuthentication({ user, ...params });
  const pusher = await world.connect(t, { user, userAuthentication });
  const watched = watchInbox(pusher);
  const inbox = new Inbox(user);
  pusher.user.bind('news', (data) => inbox.push(data));
  await signIn(pusher);
  return { pusher, inbox, watched };
}

/** A client that watches these of the `USERS`; every change is pushed as `[status, ids]`. */
function watching(t, user, ...watched) {
  return signedIn(t, user, { watchlist: JSON.stringify(watched.map(userId)) });
}

function watchInbox(pusher) {
  const inbox = new Inbox('a watchlist');
  for (const status of ['online', 'offline']) {
    pusher.user.watchlist.bind(status, ({ name, user_ids: ids }) => inbox.push([name, ids]));
  }
  return inbox;
}

/** Nothing has come to the inbox before an event that is sent to the user now. */
async function checkQuiet({ inbox, watched }, user) {
  await world.sdk.sendToUser(userId(user), 'news', 'fence');
  assert.equal(await inbox.next(), 'fence');
  watched.push('fence');
  assert.equal(await watched.next(), 'fence');
}

/** What the server says to a subscription that pusher-js itself would not ask for. */
async function refusal(pusher, channel, auth = '') {
  const isRefusal = ({ event }) => event === 'pusher:subscription_error';
  const refused = emitted(pusher.connection, 'message', isRefusal);
  pusher.send_event('pusher:subscribe', { auth, channel });
  const { data } = await refused;
  return data;
}

describe('signing in', () => {
  test('pusher.signin() knows the user afterwards', async (t) => {
    const { pusher } = await signedIn(t, 'linus');
    await pusher.user.signinDonePromise;
    const { id, user_info: info } = pusher.user.user_data;
    assert.deepEqual({ id, info }, { id: '7', info: USERS.linus.user_info });
    const request = world.authorizer.requests.at(-1);
    assert.equal(request.socket_id, pusher.connection.socket_id);
  });

  test('a client that connects again signs in again', async (t) => {
    const { pusher, inbox } = await signedIn(t, 'ada');
    const first = pusher.connection.socket_id;
    pusher.disconnect();
    const isReady = ({ event }) => event === 'pusher_internal:subscription_succeeded';
    const ready = emitted(pusher.connection, 'message', isReady);
    pusher.connect();
    await ready;
    assert.notEqual(pusher.connection.socket_id, first);
    await world.sdk.sendToUser('10', 'news', 'again');
    assert.equal(await inbox.next(), 'again');
  });

  test('a forged signature ends the connection for good', async (t) => {
    const userAuthentication = world.userAuthentication({ user: 'ada', forged: true });
    const pusher = await world.connect(t, { userAuthentication });
    const code = errorCode(pusher);
    const left = emitted(pusher.connection, 'disconnected');
    pusher.signin();
    assert.equal(await code, 4009);
    await left;
    assert.equal(pusher.connection.state, 'disconnected');
    assert.equal(pusher.user.user_data, null);
  });

  test('a list is no id, and the connection lives', async (t) => {
    const pusher = await world.connect(t, {
      userAuthentication: {
        customHandler: ({ socketId }, callback) => {
          // The SDK itself refuses to sign a list.
          const { token } = world.sdk.config;
          const userData = '{"id":[10]}';
          const auth = `${token.key}:${token.sign(`${socketId}::user::${userData}`)}`;
          callback(null, { auth, user_data: userData });
        },
      },
    });
    const error = emitted(pusher.connection, 'error');
    pusher.signin();
    const { data } = (await error).error ?? (await error);
    assert.match(data.message, /id that is a string/);
    await subscribe(pusher, 'still-here');
  });
});

describe('events to a user', () => {
  test('sendToUser reaches every connection of the user and of nobody else', async (t) => {
    const tabs = [];
    for (let tab = 0; tab < 6; tab += 1) tabs.push(await signedIn(t, 'ada'));
    const other = await signedIn(t, 'grace');
    const answer = await world.sdk.sendToUser('10', 'news', { for: 'ada' });
    assert.deepEqual(await answer.json(), {});
    for (const { inbox } of tabs) assert.deepEqual(await inbox.next(), { for: 'ada' });
    await checkQuiet(other, 'grace');
  });

  test('nobody subscribes to the channel of another user', async (t) => {
    const { pusher } = await signedIn(t, 'ada');
    assert.equal((await refusal(pusher, '#server-to-user-grace-1')).status, 401);
    for (const name of ['#server-to-user-', '#anything', '#']) {
      assert.equal((await refusal(pusher, name)).status, 400, name);
    }
    const guest = await world.connect(t);
    assert.match((await refusal(guest, '#server-to-user-10')).error, /signed in/);
  });
});

describe('presence of a signed-in user', () => {
  const name = 'presence-signed-in';
  const anonymous = () => ({
    channelAuthorization: {
      transport: 'ajax',
      endpoint: world.authorizer.endpoint,
      params: { user: 'nobody' }, // So the grant has no channel_data.
    },
  });

  test('the member is the user who has signed in', async (t) => {
    const watcher = await world.connect(t, { user: 'grace' });
    const room = await subscribe(watcher, name);
    const pusher = await world.connect(t, { user: 'linus', ...anonymous() });
    await signIn(pusher);
    const added = emitted(room, 'pusher:member_added');
    const channel = await subscribe(pusher, name);
    const linus = { id: '7', info: USERS.linus.user_info };
    assert.deepEqual(channel.members.me, linus);
    assert.deepEqual(await added, linus);
    const removed = emitted(room, 'pusher:member_removed');
    pusher.disconnect();
    assert.equal((await removed).id, '7');
  });

  test('without signing in there is no member', async (t) => {
    const socket = await world.connect(t, { user: 'linus' });
    const { auth } = world.sdk.authorizeChannel(socket.connection.socket_id, name);
    assert.equal((await refusal(socket, name, auth)).type, 'InvalidMember');
  });
});

describe('terminating a user', () => {
  test('every connection of the user is closed for good', async (t) => {
    const tabs = [];
    for (let tab = 0; tab < 4; tab += 1) tabs.push(await signedIn(t, 'linus'));
    const member = await world.connect(t, { user: 'linus' });
    await subscribe(member, 'presence-terminated');
    const other = await signedIn(t, 'grace');
    const clients = [...tabs.map(({ pusher }) => pusher), member];
    const left = clients.map((pusher) => emitted(pusher.connection, 'disconnected'));
    const codes = clients.map(errorCode);
    const answer = await world.sdk.terminateUserConnections('7');
    assert.deepEqual([answer.status, await answer.json()], [200, {}]);
    assert.deepEqual(await Promise.all(codes), clients.map(() => 4009));
    await within('everyone to leave', Promise.all(left));
    await checkQuiet(other, 'grace');
    // This is the one state in which pusher-js does not try again.
    for (const pusher of clients) assert.equal(pusher.connection.state, 'disconnected');
  });

  test('a user who is not here is fine', async () => {
    const answer = await world.sdk.terminateUserConnections('nobody');
    assert.deepEqual(await answer.json(), {});
  });
});

describe('where clients must be authorized in time', () => {
  let strict;
  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'uringcast-'));
    const file = join(folder, 'config.toml');
    await writeFile(file, '[pusher]\nsignin_timeout_s = 1\n');
    strict = await World.start('--config', file);
    await rm(folder, { recursive: true });
  });
  after(() => strict.stop());

  test('who signs in or joins a private channel stays, and nobody else', async (t) => {
    const user = await strict.connect(t);
    await signIn(user);
    const member = await strict.connect(t);
    await subscribe(member, 'private-room');
    const stranger = await strict.connect(t);
    await subscribe(stranger, 'public-room');
    const code = errorCode(stranger);
    await emitted(stranger.connection, 'disconnected');
    assert.equal(await code, 4009);
    for (const pusher of [user, member]) await subscribe(pusher, 'public-room');
  });
});

describe('a watchlist', () => {
  test('tells who is online, who comes and who goes', async (t) => {
    const ada = await signedIn(t, 'ada');
    const { watched } = await watching(t, 'grace', 'ada', 'linus');
    const first = [await watched.next(), await watched.next()];
    assert.deepEqual(first.sort(), [
      ['offline', ['7']],
      ['online', ['10']],
    ]);
    const linus = await signedIn(t, 'linus');
    assert.deepEqual(await watched.next(), ['online', ['7']]);
    const second = await signedIn(t, 'linus');
    linus.pusher.disconnect();
    ada.pusher.disconnect();
    assert.deepEqual(await watched.next(), ['offline', ['10']]);
    second.pusher.disconnect();
    assert.deepEqual(await watched.next(), ['offline', ['7']]);
  });

  test('is told on every connection of the user', async (t) => {
    const tabs = [];
    for (let tab = 0; tab < 4; tab += 1) tabs.push(await watching(t, 'grace', 'linus'));
    for (const { watched } of tabs) assert.deepEqual(await watched.next(), ['offline', ['7']]);
    await signedIn(t, 'linus');
    for (const { watched } of tabs) assert.deepEqual(await watched.next(), ['online', ['7']]);
  });

  test('of more than 100 users is refused and the user is signed in', async (t) => {
    const watchlist = JSON.stringify(Array.from({ length: 101 }, (_, number) => `user-${number}`));
    const userAuthentication = world.userAuthentication({ user: 'grace', watchlist });
    const pusher = await world.connect(t, { user: 'grace', userAuthentication });
    const code = errorCode(pusher);
    await signIn(pusher);
    assert.equal(await code, 4302);
    assert.equal(pusher.connection.state, 'connected');
  });
});
