// Subscription counts, which an app has to ask for, as pusher-js shows them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Inbox } from './harness/inbox.mjs';
import { World } from './harness/world.mjs';

const COUNT = 'pusher:subscription_count';
const SUCCEEDED = 'pusher:subscription_succeeded';

let world;
before(async () => {
  world = await World.configured({ 'pusher.subscription_count': 'true' });
});
after(() => world.stop());

async function subscribe(t, name, user) {
  const pusher = await world.connect(t, { user });
  const channel = pusher.subscribe(name);
  const inbox = Inbox.of(channel, SUCCEEDED, COUNT, 'fence');
  assert.equal((await inbox.next()).event, SUCCEEDED);
  return { pusher, channel, inbox };
}

const count = (number) => ({ event: COUNT, data: { subscription_count: number } });

for (const name of ['counted', 'private-counted', 'private-encrypted-counted']) {
  test(`subscribers of ${name} are told how many they are`, async (t) => {
    const first = await subscribe(t, name);
    assert.deepEqual(await first.inbox.next(), count(1));
    assert.equal(first.channel.subscriptionCount, 1);
    const second = await subscribe(t, name);
    assert.deepEqual(await second.inbox.next(), count(2));
    assert.deepEqual(await first.inbox.next(), count(2));
    second.pusher.unsubscribe(name);
    assert.deepEqual(await first.inbox.next(), count(1));
    const third = await subscribe(t, name);
    assert.deepEqual(await first.inbox.next(), count(2));
    third.pusher.disconnect();
    assert.deepEqual(await first.inbox.next(), count(1));
    assert.equal(first.channel.subscriptionCount, 1);
  });
}

test('a presence channel has its members and no count', async (t) => {
  const ada = await subscribe(t, 'presence-counted', 'ada');
  await subscribe(t, 'presence-counted', 'grace');
  await world.sdk.trigger('presence-counted', 'fence', 'end');
  assert.deepEqual(await ada.inbox.next(), { event: 'fence', data: 'end' });
  assert.equal(ada.channel.members.count, 2);
});
