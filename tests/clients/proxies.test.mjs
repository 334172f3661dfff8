// Real clients through real proxies that keep a pool of connections to the server: what a client
// asks for is rarely the first request of its connection there.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { describe, test } from 'node:test';

import { Api } from './harness/api.mjs';
import { within } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { Proxy } from './harness/proxy.mjs';
import { PREFIX, skipWithout, startReverseProxy } from './harness/reverse_proxy.mjs';
import { subscribe, World } from './harness/world.mjs';
import { ZpsClient } from './harness/zps.mjs';

/** What a websocket of another age says. */
const OLD = { 'sec-websocket-version': '8', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };

/** A server behind a proxy of this kind, and what counts the connections between the two. */
async function startBehind(t, kind) {
  const world = await World.configured({ 'server.trusted_proxies': '127.0.0.1' });
  t.after(() => world.stop());
  const pool = await Proxy.start(t, world.server);
  const proxy = await startReverseProxy(t, kind, pool.port);
  const sdk = world.sdkWith(proxy);
  const api = new Api({ server: proxy, app: world.app });
  /** The pool has a connection that is free. */
  const warm = async () => {
    const before = pool.connections;
    const { status } = await sdk.trigger('nobody', 'warm', '');
    assert.equal(status, 200);
    assert(pool.connections - before <= 1);
  };
  /** What `ask` asks for goes over a connection that has had other requests. */
  const onUsed = async (ask) => {
    await warm();
    const before = pool.connections;
    const asked = await ask();
    assert.equal(pool.connections, before, 'the pool has a connection for it');
    return asked;
  };
  return { world, proxy, sdk, api, onUsed };
}

/** Reads server-sent events: the name and the data of each block. */
async function readStream(t, { host, port }, path) {
  const agent = new Agent({ keepAlive: false });
  const request = get({ host, port, path, agent, headers: { accept: 'text/event-stream' } });
  const [response] = await within(`an answer to ${path}`, once(request, 'response'));
  t.after(() => response.destroy());
  response.on('error', () => {}); // It is destroyed while it lasts.
  const inbox = new Inbox(path);
  let text = '';
  response.setEncoding('utf8').on('data', (more) => {
    const blocks = (text + more).split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const line = (name) => block.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1];
      inbox.push({ event: line('event') ?? 'message', data: line('data') });
    }
  });
  return { status: response.statusCode, inbox };
}

for (const kind of ['nginx', 'haproxy']) {
  describe(`behind ${kind} with a pool of connections`, skipWithout(kind), () => {
    test('pusher-js connects and hears what the SDK publishes', async (t) => {
      const { world, proxy, sdk, onUsed } = await startBehind(t, kind);
      const options = { wsHost: proxy.host, wsPort: proxy.port, wsPath: PREFIX };
      for (let round = 0; round < 3; round += 1) {
        const pusher = await onUsed(() => world.connect(t, options));
        const channel = await subscribe(pusher, 'room');
        const inbox = Inbox.of(channel, 'news');
        for (let number = 0; number < 10; number += 1) await sdk.trigger('room', 'news', { number });
        for (let number = 0; number < 10; number += 1) {
          assert.deepEqual(await inbox.next(), { event: 'news', data: { number } });
        }
      }
    });

    test('a room\'s client connects and hears what its backend publishes', async (t) => {
      const { proxy, api, world, onUsed } = await startBehind(t, kind);
      const publish = async (payload) => {
        const headers = { authorization: `Bearer ${world.app.secret}` };
        const body = JSON.stringify({ room: 'chat:1', type: 't', payload });
        assert.equal((await api.send('POST', '/events', { body, headers })).status, 200);
      };
      const inboxes = [];
      for (const path of [`${PREFIX}/`, `${PREFIX}/apps/${world.app.appId}`]) {
        const client = await onUsed(async () => {
          const url = `ws://${proxy.host}:${proxy.port}${path}`;
          const it = new ZpsClient({ url, subscriberId: path });
          t.after(() => it.close());
          const inbox = new Inbox(path);
          it.subscribe('chat:1', ({ payload }) => inbox.push(payload));
          const isIn = () => it.heard.some(({ type }) => type === 'subscribed');
          const joined = async () => {
            while (!isIn()) await new Promise((resolve) => setTimeout(resolve, 10));
          };
          await within('the room to be joined', joined());
          return inbox;
        });
        inboxes.push(client);
      }
      for (let number = 1; number <= 10; number += 1) await publish(number);
      const expected = Array.from({ length: 10 }, (_, at) => at + 1);
      for (const inbox of inboxes) assert.deepEqual(await inbox.take(10), expected);
    });

    test('a stream begins and has what its backend publishes', async (t) => {
      const { proxy, api, world, onUsed } = await startBehind(t, kind);
      const paths = ['/sse', `/apps/${world.app.appId}/sse`];
      for (const [index, path] of paths.entries()) {
        const target = `${PREFIX}${path}?rooms=chat%3A${index}`;
        const { status, inbox } = await onUsed(() => readStream(t, proxy, target));
        assert.equal(status, 200);
        assert.equal((await inbox.next()).event, 'ready');
        const headers = { authorization: `Bearer ${world.app.secret}` };
        const body = JSON.stringify({ room: `chat:${index}`, type: 't', payload: path });
        assert.equal((await api.send('POST', '/events', { body, headers })).status, 200);
        assert.equal((await inbox.next()).event, 'subscribed');
        const { event, data } = await inbox.next();
        assert.deepEqual([event, JSON.parse(data).event.payload], ['message', path]);
      }
    });

    test('a handshake that is none is refused, and the pool goes on', async (t) => {
      const { world, proxy, sdk, api, onUsed } = await startBehind(t, kind);
      for (let round = 0; round < 5; round += 1) {
        const headers = { connection: 'Upgrade', upgrade: 'websocket', ...OLD };
        const path = `${PREFIX}/app/${world.app.key}?protocol=7`;
        const ask = () => once(get({ ...proxy, path, headers }), 'response');
        const [response] = await onUsed(() => within('a refusal', ask()));
        assert.equal(response.statusCode, 426);
        response.resume();
        assert.equal((await sdk.trigger('room', 'news', 'x')).status, 200);
        assert.equal((await api.request('GET', '/nowhere')).status, 404);
      }
    });
  });
}
