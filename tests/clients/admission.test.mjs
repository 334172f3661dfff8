// Being refused: what pusher-js makes of each code, which it decides by the code alone.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import Pusher from 'pusher-js';

import { emitted, within } from './harness/deadline.mjs';
import { errorCode, World } from './harness/world.mjs';

/** A world whose server reads `toml`. */
async function worldWith(t, toml) {
  const folder = await mkdtemp(join(tmpdir(), 'uringcast-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'uringcast.toml');
  await writeFile(file, toml);
  const world = await World.start('--config', file);
  t.after(() => world.stop());
  return world;
}

/** Every state that a client goes through from now on. */
function statesOf(pusher) {
  const states = [];
  pusher.connection.bind('state_change', ({ current }) => states.push(current));
  return states;
}

/** The client is refused with `code` and gives up: it neither tries again nor plans to. */
async function givesUp(pusher, code) {
  const states = statesOf(pusher);
  const disconnected = emitted(pusher.connection, 'disconnected');
  assert.equal(await errorCode(pusher), code);
  await disconnected;
  assert.deepEqual(states, ['disconnected']);
  assert.equal(pusher.connection.retryTimer ?? null, null);
}

/** The state in which a client that has just been opened comes to rest. */
async function settled({ connection }) {
  const isRest = ({ current }) => ['connected', 'disconnected'].includes(current);
  return (await emitted(connection, 'state_change', isRest)).current;
}

/**
 * Makes pusher-js connect with another URL than its own, until the end of test `t`: its runtime has
 * a hook for making sockets.
 */
function withUrl(t, change) {
  const original = Pusher.Runtime.createWebSocket;
  withSocket(t, (url) => original.call(Pusher.Runtime, change(url)));
}

function withSocket(t, createWebSocket) {
  const original = Pusher.Runtime.createWebSocket;
  Pusher.Runtime.createWebSocket = createWebSocket;
  t.after(() => (Pusher.Runtime.createWebSocket = original));
}

describe('codes from 4001 to 4099 end it for good', () => {
  test('4001: no app has the key', async (t) => {
    const world = await worldWith(t, '');
    await givesUp(world.open(t, { key: 'no-such-key' }), 4001);
  });

  test('4003: the app is switched off', async (t) => {
    const world = await worldWith(t, '[pusher]\nenabled = false\n');
    await givesUp(world.open(t), 4003);
  });

  test('4004: the app has as many connections as it may', async (t) => {
    const world = await worldWith(t, '[pusher]\nconnections_max = 2\n');
    const first = await world.connect(t);
    await world.connect(t);
    await givesUp(world.open(t), 4004);
    first.disconnect();
    let state;
    const room = async () => {
      while (state !== 'connected') state = await settled(world.open(t));
    };
    await within('a place that is free again', room());
  });

  test('4005: the path leads to no app', async (t) => {
    const world = await worldWith(t, '');
    await givesUp(world.open(t, { wsPath: '/nowhere' }), 4005);
  });

  for (const [code, what, parameter, instead] of [
    [4006, 'the version has no meaning', /version=[^&]*/, 'version=latest'],
    [4006, 'the protocol is not a number', 'protocol=7', 'protocol=x'],
    [4007, 'the protocol is not spoken here', 'protocol=7', 'protocol=4'],
    [4008, 'there is no protocol', 'protocol=7', ''],
  ]) {
    test(`${code}: ${what}`, async (t) => {
      const world = await worldWith(t, '');
      withUrl(t, (url) => url.replace(parameter, instead));
      await givesUp(world.open(t), code);
    });
  }

  test('4009: the page is from a host that the app does not name', async (t) => {
    const app = 'id = "app-id"\nkey = "app-key"\nsecret = "app-secret"\n';
    const world = await worldWith(t, `[[apps]]\n${app}origins = ["example.com"]\n`);
    // Node's websocket sends no Origin of its own, so pusher-js gets one that does.
    let origin = 'https://example.com';
    withSocket(t, (url) => {
      const Socket = Pusher.Runtime.getWebSocketAPI();
      return new Socket(url, null, { headers: { Origin: origin } });
    });
    await world.connect(t);
    origin = 'https://evil.test';
    await givesUp(world.open(t), 4009);
  });
});

test('4000: the client comes back over TLS', async (t) => {
  const world = await worldWith(t, '[pusher]\nforce_tls = true\n');
  const tls = createServer((socket) => socket.once('data', (bytes) => {
    tls.emit('hello', bytes);
    socket.destroy();
  }));
  tls.listen(0, '127.0.0.1');
  await once(tls, 'listening');
  t.after(() => tls.close());
  const hello = within('a TLS handshake', once(tls, 'hello'));
  const options = { wssPort: tls.address().port, enabledTransports: ['ws', 'wss'] };
  const pusher = world.open(t, options);
  assert.equal(await errorCode(pusher), 4000);
  const [bytes] = await hello;
  assert.equal(bytes[0], 0x16, 'the first byte of a TLS handshake record (RFC 8446 section 5.1)');
  assert.equal(pusher.connection.usingTLS, true);
});

test('4100: the client waits a second and gets in when there is room', async (t) => {
  const world = await worldWith(t, '[core]\nconnections_max = 1\n[server]\ncores = 1\n');
  const first = await world.connect(t);
  const second = world.open(t);
  const retry = emitted(second.connection, 'connecting_in');
  assert.equal(await errorCode(second), 4100);
  assert.equal(await retry, 1, 'seconds until it tries again');
  first.disconnect();
  await emitted(second.connection, 'connected');
});

test('4200: the client connects again at once', async (t) => {
  const world = await worldWith(t, '[server]\ndrain_window_ms = 0\n');
  const pusher = await world.connect(t);
  const told = errorCode(pusher).then((code) => [code, performance.now()]);
  const connecting = emitted(pusher.connection, 'connecting').then(() => performance.now());
  await world.server.stop();
  const [code, closed] = await told;
  assert.equal(code, 4200);
  const waitedMs = (await connecting) - closed;
  assert(waitedMs < 800, `the backoff of other codes is a second, it waited ${waitedMs} ms`);
});

test('a drain with 200 clients does not herd', async (t) => {
  const windowMs = 2_000;
  const world = await worldWith(t, `[server]\ndrain_window_ms = ${windowMs}\n`);
  const opened = Array.from({ length: 200 }, () => world.connect(t));
  const clients = await within('all to connect', Promise.all(opened), 30_000);
  let start;
  const closes = clients.map(async (pusher) => {
    await emitted(pusher.connection, 'error', () => true, 30_000);
    const moment = performance.now() - start;
    pusher.disconnect(); // It would only find that nobody listens any more.
    return moment;
  });
  start = performance.now();
  const stopped = world.server.stop();
  const moments = await Promise.all(closes);
  await stopped;
  const tenths = new Array(10).fill(0);
  for (const moment of moments) tenths[Math.min(9, Math.floor((moment * 10) / windowMs))] += 1;
  assert(Math.max(...tenths) <= 60, `closed by tenths of the window: ${tenths}`);
  assert(tenths.filter((count) => count > 0).length >= 7, `${tenths}`);
});
