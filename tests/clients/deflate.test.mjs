// permessage-deflate as the package `ws` speaks it, by itself and under pusher-js.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { deflateRawSync, constants } from 'node:zlib';

import Pusher from 'pusher-js';
import { WebSocket } from 'ws';

import { emitted } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { APP } from './harness/server.mjs';
import { subscribe, World } from './harness/world.mjs';

const RSV1 = 0x40;

let world;
let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uringcast-deflate-'));
  const config = join(folder, 'uringcast.toml');
  await writeFile(config, '[pusher]\ndeflate = true\ndeflate_bytes_min = 256\n');
  world = await World.start('--config', config);
});
after(async () => {
  await world.stop();
  await rm(folder, { recursive: true });
});

/** What `ws` needs to compress every message of its own, too. */
const perMessageDeflate = { threshold: 0 };

/** Makes pusher-js open its connections with `ws` and these options; returns the sockets. */
function useWs(t, options) {
  const original = Pusher.Runtime.createWebSocket;
  const sockets = [];
  Pusher.Runtime.createWebSocket = (url) => {
    const socket = new WebSocket(url, options);
    sockets.push(socket);
    return socket;
  };
  t.after(() => (Pusher.Runtime.createWebSocket = original));
  return sockets;
}

/** Counts the compressed frames that arrive, before `ws` decompresses them. */
function countCompressed(socket) {
  const seen = { compressed: 0, bytes: 0 };
  const receiver = socket._receiver;
  const getInfo = receiver.getInfo;
  receiver.getInfo = function (callback) {
    if (this._bufferedBytes >= 2 && this._buffers[0][0] & RSV1) seen.compressed += 1;
    return getInfo.call(this, callback);
  };
  socket._socket.on('data', (bytes) => (seen.bytes += bytes.length));
  return seen;
}

/** A plain `ws` connection that has been greeted. */
async function open(t, options) {
  const { host, port } = world.server;
  const socket = new WebSocket(`ws://${host}:${port}/app/${APP.key}?protocol=7`, options);
  t.after(() => socket.terminate());
  await emitted(socket, 'message');
  return socket;
}

test('compression is agreed to, without context takeover on either side', async (t) => {
  const socket = await open(t, { perMessageDeflate });
  const { params } = socket._extensions['permessage-deflate'];
  assert.equal(params.server_no_context_takeover, true);
  assert.equal(params.client_no_context_takeover, true);
  const plain = await open(t, { perMessageDeflate: false });
  assert.equal(plain.extensions, '');
});

test('pusher-js over a compressed connection gets every event in order', async (t) => {
  const sockets = useWs(t, { perMessageDeflate });
  const pusher = await world.connect(t);
  const compressed = Inbox.of(await subscribe(pusher, 'private-room'), 'news');
  assert.match(sockets[0].extensions, /permessage-deflate/);
  const seen = countCompressed(sockets[0]);
  const sizes = [0, 10, 100, 300, 5_000, 9_000, 20, 8_000];
  const data = sizes.map((size, index) => ({ index, text: '\u{1f427}words '.repeat(size / 11) }));
  for (const item of data) await world.sdk.trigger('private-room', 'news', item);
  assert.deepEqual((await compressed.take(data.length)).map((message) => message.data), data);
  assert.equal(seen.compressed, 4);
  assert(seen.bytes < 2_000, `${seen.bytes} bytes for 22,500`);
});

test('clients with and without compression whisper to each other', async (t) => {
  const sockets = useWs(t, { perMessageDeflate });
  const name = 'presence-chat';
  const listen = async (user) => {
    const pusher = await world.connect(t, { user });
    const channel = await subscribe(pusher, name);
    return { channel, inbox: Inbox.of(channel, 'client-note', 'fence') };
  };
  const ada = await listen('ada');
  const grace = await listen('grace');
  useWs(t, { perMessageDeflate: false });
  const linus = await listen('linus');
  assert.equal(sockets.length, 2);

  const long = { text: 'compressed in both directions, '.repeat(100) };
  ada.channel.trigger('client-note', long);
  for (const { inbox } of [grace, linus]) {
    assert.deepEqual(await inbox.next(), { event: 'client-note', data: long, user_id: '10' });
  }
  linus.channel.trigger('client-note', { short: true });
  for (const { inbox } of [ada, grace]) {
    const heard = { event: 'client-note', data: { short: true }, user_id: '7' };
    assert.deepEqual(await inbox.next(), heard);
  }
  await world.sdk.trigger(name, 'fence', 'end');
  for (const { inbox } of [ada, grace, linus]) assert.equal((await inbox.next()).data, 'end');
});

test('a browser-like client without `ws` agrees to compression, too', async (t) => {
  const { host, port } = world.server;
  if (typeof globalThis.WebSocket !== 'function') return t.skip('this Node has no WebSocket');
  const socket = new globalThis.WebSocket(`ws://${host}:${port}/app/${APP.key}?protocol=7`);
  t.after(() => socket.close());
  const inbox = new Inbox('the built-in WebSocket');
  socket.addEventListener('message', ({ data }) => inbox.push(JSON.parse(data)));
  assert.equal((await inbox.next()).event, 'pusher:connection_established');
  assert.match(socket.extensions, /permessage-deflate/);
  socket.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel: 'room' } }));
  assert.equal((await inbox.next()).event, 'pusher_internal:subscription_succeeded');
  await world.sdk.trigger('room', 'news', 'x'.repeat(5_000));
  assert.equal((await inbox.next()).data, 'x'.repeat(5_000));
});

test('a bomb closes its own connection with 1009 and no other', async (t) => {
  const bystander = await world.connect(t);
  const inbox = Inbox.of(await subscribe(bystander, 'bystanders'), 'news');
  const socket = await open(t, { perMessageDeflate });
  const bomb = deflateRawSync(Buffer.alloc(50 << 20, ' '), { finishFlush: constants.Z_SYNC_FLUSH });
  const closed = emitted(socket, 'close');
  // As the sender of `ws` would frame it, were it not to compress it again.
  socket._sender.sendFrame(
    socket._sender.constructor.frame(bomb.subarray(0, -4), {
      fin: true,
      rsv1: true,
      opcode: 1,
      mask: true,
      readOnly: true,
      generateMask: undefined,
      maskBuffer: Buffer.alloc(4),
    }),
  );
  assert.equal(await closed, 1009);
  await world.sdk.trigger('bystanders', 'news', 'still here');
  assert.equal((await inbox.next()).data, 'still here');
});
