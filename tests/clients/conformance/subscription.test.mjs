// Chapter "Server -> client": `pusher_internal:subscription_succeeded` and what is told instead.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { emitted } from '../harness/deadline.mjs';
import { Inbox } from '../harness/inbox.mjs';
import { member } from '../harness/raw.mjs';
import { ours, unique } from '../harness/subject.mjs';
import { errorCode, subscribe, World } from '../harness/world.mjs';

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

describe('pusher_internal:subscription_succeeded', () => {
  it('names the channel', async (t) => {
    const [raw, name] = [await world.raw(t), unique('room')];
    const expected = { event: 'pusher_internal:subscription_succeeded', channel: name, data: '{}' };
    assert.deepEqual(await raw.subscribe(name), expected);
  });

  it('has ids, hash and count of a presence channel', async (t) => {
    const name = unique('presence-room');
    const [first, second] = [await world.raw(t), await world.raw(t)];
    await first.subscribe(name, member('1', { name: 'Ada' }));
    const { data } = await second.subscribe(name, member('2', { name: 'Grace' }));
    const { ids, hash, count } = JSON.parse(data).presence;
    assert.deepEqual(ids.sort(), ['1', '2']);
    assert.deepEqual(hash, { 1: { name: 'Ada' }, 2: { name: 'Grace' } });
    assert.equal(count, 2);
  });

  it('has a value for a member that has no user_info', async (t) => {
    const [raw, name] = [await world.raw(t), unique('presence-room')];
    const { data } = await raw.subscribe(name, member('1'));
    const { hash } = JSON.parse(data).presence;
    assert.deepEqual(Object.keys(hash), ['1']);
    assert.equal(Array.isArray(hash), false);
  });

  it('comes before the first event of the channel', async (t) => {
    const [raw, name] = [await world.raw(t), unique('busy')];
    const publishing = Promise.all(
      Array.from({ length: 20 }, () => world.sdk.trigger(name, 'news', 'x')),
    );
    await raw.subscribe(name);
    await publishing;
    const events = (await raw.untilPong()).map(({ event }) => event);
    assert.deepEqual(
      events,
      events.map(() => 'news'),
    );
  });

  it('comes for each of many channels of one connection', async (t) => {
    const pusher = await world.connect(t);
    const names = Array.from({ length: 50 }, () => unique('many'));
    await Promise.all(names.map((name) => subscribe(pusher, name)));
    const inboxes = names.map((name) => Inbox.of(pusher.channel(name), 'news'));
    await world.sdk.trigger(names, 'news', 'to all');
    for (const inbox of inboxes) assert.equal((await inbox.next()).data, 'to all');
  });

  it('comes for a signed private channel', async (t) => {
    const name = unique('private-room');
    const { inbox, socketId } = await world.listen(t, name, ['news']);
    const request = world.authorizer.requests.at(-1);
    assert.equal(request.type, 'application/x-www-form-urlencoded');
    assert.equal(request.socket_id, socketId);
    assert.equal(request.channel_name, name);
    await world.sdk.trigger(name, 'news', { secret: true });
    assert.deepEqual(await inbox.next(), { event: 'news', data: { secret: true } });
  });

  it('leaves one subscription when a channel is asked for twice', async (t) => {
    const [raw, name] = [await world.raw(t), unique('twice')];
    await raw.subscribe(name);
    raw.ask(name);
    await raw.untilPong();
    await world.sdk.trigger(name, 'news', 'once');
    await world.sdk.trigger(name, 'fence', 'end');
    assert.deepEqual([(await raw.next()).event, (await raw.next()).event], ['news', 'fence']);
  });

  it('comes again after leaving and coming back', async (t) => {
    const [raw, name] = [await world.raw(t), unique('again')];
    for (let round = 0; round < 3; round += 1) {
      await raw.subscribe(name);
      raw.send('pusher:unsubscribe', { channel: name });
    }
  });
});

describe('pusher:subscription_error', () => {
  it('has the type, words and status that Echo shows, and the channel', ours, async (t) => {
    const [raw, name] = [await world.raw(t), unique('private-room')];
    raw.ask(name, undefined, `${world.app.key}:${'0'.repeat(64)}`);
    const { event, channel, data } = await raw.next();
    assert.deepEqual([event, channel], ['pusher:subscription_error', name]);
    assert.deepEqual([data.type, data.status, typeof data.error], ['AuthError', 401, 'string']);
  });

  it('fails that subscription only', async (t) => {
    const name = unique('private-fine');
    const { pusher, inbox, socketId } = await world.listen(t, name, ['news']);
    const code = errorCode(pusher);
    const refused = unique('private');
    const forged = Inbox.of(pusher.subscribe(`${refused}-forged`), 'news');
    assert.equal(await code, null);

    await world.sdk.trigger([`${refused}-forged`, name], 'news', 'still here');
    assert.equal((await inbox.next()).data, 'still here');
    await subscribe(pusher, unique('private-another'));
    assert.equal(pusher.connection.state, 'connected');
    assert.equal(pusher.connection.socket_id, socketId);
    forged.push('nothing else');
    assert.equal(await forged.next(), 'nothing else');
  });

  it('reaches the channel in pusher-js', ours, async (t) => {
    const grant = world.sdk.authorizeChannel('1.1', 'private-borrowed');
    const pusher = await world.connect(t, {
      channelAuthorization: { customHandler: (_, callback) => callback(null, grant) },
    });
    const error = await emitted(pusher.subscribe('private-borrowed'), 'pusher:subscription_error');
    assert.deepEqual([error.type, error.status], ['AuthError', 401]);
  });
});

describe('private-encrypted- channels', () => {
  it('are decrypted by the client and opaque to the server', async (t) => {
    const name = unique('private-encrypted-vault');
    const { pusher, inbox } = await world.listen(t, name, ['news']);
    const relayed = emitted(pusher.connection, 'message', ({ event }) => event === 'news');
    const data = { code: 'tr\u00e9sor' };
    await world.sdk.trigger(name, 'news', data);
    assert.deepEqual(Object.keys((await relayed).data).sort(), ['ciphertext', 'nonce']);
    assert.deepEqual(await inbox.next(), { event: 'news', data });
  });

  it('take batches', async (t) => {
    const name = unique('private-encrypted-vault');
    const { inbox } = await world.listen(t, name, ['news']);
    const events = [[1], [2]].map((data) => ({ channel: name, name: 'news', data }));
    await world.sdk.triggerBatch(events);
    assert.deepEqual(
      (await inbox.take(2)).map((message) => message.data),
      [[1], [2]],
    );
  });

  it('need the same signature as private channels, without the shared secret', async (t) => {
    const [raw, name] = [await world.raw(t), unique('private-encrypted-vault')];
    const grant = world.sdk.authorizeChannel(raw.socketId, name);
    assert.equal(Buffer.from(grant.shared_secret, 'base64').length, 32);
    assert.equal(grant.auth, raw.sign(name));
    await raw.subscribe(name);
  });
});
