// Chapter "URL": where a client connects, and what the address may hold.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { emitted } from '../harness/deadline.mjs';
import { QUERY, Raw } from '../harness/raw.mjs';
import { ours, unique } from '../harness/subject.mjs';
import { subscribe, World } from '../harness/world.mjs';

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

async function checkGreeted(t, options) {
  const raw = Raw.open(t, world, options);
  assert.equal((await raw.next()).event, 'pusher:connection_established');
  return raw;
}

describe('URL', () => {
  it('takes the address that pusher-js builds', async (t) => {
    await checkGreeted(t, { path: `/app/${world.app.key}`, query: QUERY });
  });

  it('takes the parameters in any order and ignores those it does not know', async (t) => {
    await checkGreeted(t, { query: 'x=1&version=8.6.0&flash=true&client=js&protocol=7&y=%26' });
  });

  it('takes other libraries by name and version', async (t) => {
    for (const client of ['client=java-client&version=2.4.4', 'client=swift&version=10.1.5']) {
      await checkGreeted(t, { query: `protocol=7&${client}` });
    }
  });

  it('chooses no subprotocol and gives no reason to', async (t) => {
    const raw = await checkGreeted(t);
    assert.equal(raw.socket.protocol, '');
  });

  it('takes a page of any origin unless the app says otherwise', async (t) => {
    await checkGreeted(t, { origin: 'https://shop.example' });
  });

  it('takes the path twice, which a wsPath of /app makes', ours, async (t) => {
    const pusher = await world.connect(t, { wsPath: '/app' });
    await subscribe(pusher, unique('prefixed'));
  });

  it('reads a key with percent escapes', ours, async (t) => {
    const escaped = [...world.app.key].map((letter) => `%${letter.charCodeAt(0).toString(16)}`);
    await checkGreeted(t, { path: `/app/${escaped.join('')}` });
  });

  it('tells plain HTTP that it wants an upgrade', ours, async () => {
    const answer = await world.api.send('GET', `/app/${world.app.key}`);
    assert.equal(answer.status, 426);
    assert.equal(typeof JSON.parse(answer.text).error, 'string');
  });

  it('tells plain HTTP that a key is unknown', ours, async () => {
    const answer = await world.api.send('GET', '/app/no-such-key');
    assert.equal(answer.status, 404);
    assert.equal(typeof JSON.parse(answer.text).error, 'string');
  });

  it('connects pusher-js with the transports ws and wss', async (t) => {
    const pusher = world.open(t, { enabledTransports: ['ws', 'wss'] });
    await emitted(pusher.connection, 'connected');
  });
});
