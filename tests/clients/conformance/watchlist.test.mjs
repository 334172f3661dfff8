// Chapter "Watchlist": users who hear when others come and go.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Inbox } from '../harness/inbox.mjs';
import { needs, unique } from '../harness/subject.mjs';
import { World } from '../harness/world.mjs';

const WATCHLIST_MAX = 100;
const watching = needs('watchlist');

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

/** What a connection is told of users, as `[status, id]`, however the messages are cut. */
class Watcher {
  #told = [];

  /** Signs in as `id`, which watches these users. */
  static async signedIn(t, id, watchlist) {
    const watcher = new Watcher();
    watcher.raw = await world.raw(t);
    await watcher.raw.signIn({ id, watchlist });
    return watcher;
  }

  async next() {
    while (this.#told.length === 0) {
      const { event, data } = await this.raw.next();
      assert.equal(event, 'pusher_internal:watchlist_events');
      assert(Array.isArray(data.events), 'data is an object that has events');
      const told = data.events.flatMap(({ name, user_ids: ids }) => ids.map((id) => [name, id]));
      this.#told.push(...told);
    }
    return this.#told.shift();
  }

  /** Takes the next `count` and returns them in the order of the ids. */
  async take(count) {
    const told = [];
    while (told.length < count) told.push(await this.next());
    return told.sort(([, one], [, other]) => (one < other ? -1 : 1));
  }
}

async function comes(t, id) {
  const raw = await world.raw(t);
  await raw.signIn({ id });
  return raw;
}

async function goes(raw) {
  raw.socket.close(1000);
  await raw.closed();
}

describe('pusher_internal:watchlist_events', () => {
  it('tell who is online and who is not when the watch begins', watching, async (t) => {
    const [ada, bob] = [unique('ada'), unique('bob')];
    await comes(t, ada);
    const watcher = await Watcher.signedIn(t, unique('eve'), [ada, bob]);
    assert.deepEqual(await watcher.take(2), [
      ['online', ada],
      ['offline', bob],
    ]);
  });

  it('tell of the first connection of a user and of the last', watching, async (t) => {
    const ada = unique('ada');
    const watcher = await Watcher.signedIn(t, unique('eve'), [ada]);
    assert.deepEqual(await watcher.next(), ['offline', ada]);
    const first = await comes(t, ada);
    assert.deepEqual(await watcher.next(), ['online', ada]);
    const second = await comes(t, ada);
    await goes(first);
    assert.deepEqual(await watcher.raw.untilPong(), []);
    await goes(second);
    assert.deepEqual(await watcher.next(), ['offline', ada]);
  });

  it('go to every connection of everyone who watches', watching, async (t) => {
    const [ada, bob] = [unique('ada'), unique('bob')];
    const watchers = [];
    for (const id of [bob, bob, unique('carol')]) {
      watchers.push(await Watcher.signedIn(t, id, [ada]));
    }
    for (const watcher of watchers) assert.deepEqual(await watcher.next(), ['offline', ada]);
    await comes(t, ada);
    for (const watcher of watchers) assert.deepEqual(await watcher.next(), ['online', ada]);
  });

  it('do not go to who watches somebody else or nobody', watching, async (t) => {
    const [ada, bob] = [unique('ada'), unique('bob')];
    const watcher = await Watcher.signedIn(t, unique('eve'), [bob]);
    assert.deepEqual(await watcher.next(), ['offline', bob]);
    const nobody = await comes(t, unique('carol'));
    await comes(t, ada);
    await comes(t, bob);
    assert.deepEqual(await watcher.next(), ['online', bob]);
    assert.deepEqual(await nobody.untilPong(), []);
  });

  it('reach pusher-js as online and offline', watching, async (t) => {
    const ada = unique('ada');
    const user = { id: unique('eve'), watchlist: [ada] };
    const pusher = await world.connect(t, {
      userAuthentication: {
        customHandler: ({ socketId }, callback) =>
          callback(null, world.sdk.authenticateUser(socketId, user)),
      },
    });
    const inbox = new Inbox('the watchlist');
    for (const name of ['online', 'offline']) {
      pusher.user.watchlist.bind(name, (event) => inbox.push([event.name, event.user_ids]));
    }
    pusher.signin();
    assert.deepEqual(await inbox.next(), ['offline', [ada]]);
    const raw = await comes(t, ada);
    assert.deepEqual(await inbox.next(), ['online', [ada]]);
    await goes(raw);
    assert.deepEqual(await inbox.next(), ['offline', [ada]]);
  });

  it('may be of 100 users', watching, async (t) => {
    const ids = Array.from({ length: WATCHLIST_MAX }, () => unique('user'));
    const watcher = await Watcher.signedIn(t, unique('eve'), ids);
    const told = await watcher.take(WATCHLIST_MAX);
    assert.deepEqual(told.map(([, id]) => id).sort(), ids.sort());
  });

  it(
    'of 101 users are refused with the message 4302, and the user is signed in',
    watching,
    async (t) => {
      const ids = Array.from({ length: WATCHLIST_MAX + 1 }, () => unique('user'));
      const watcher = await Watcher.signedIn(t, unique('eve'), ids);
      const { event, data } = await watcher.raw.next();
      assert.deepEqual([event, data.code], ['pusher:error', 4302]);
      assert.deepEqual(await watcher.raw.untilPong(), []);
    },
  );
});
