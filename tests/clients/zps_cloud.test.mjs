// zero-pub-sub's cloud over HTTP, through the fetch of Node: what its backend client asks for, and
// the streams that its browser client falls back to. The package itself is not on the registry.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { within } from './harness/deadline.mjs';
import { APP, Server } from './harness/server.mjs';

async function start(t, settings = {}) {
  const server = await Server.start({ settings: { 'server.cores': 2, ...settings } });
  t.after(() => server.stop());
  return { server, base: `http://${server.host}:${server.port}` };
}

/** One request as the backend client sends it; what is not answered with success is an error. */
async function ask(base, path, method, body) {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { authorization: `Bearer ${APP.secret}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
  return response.status === 204 ? undefined : response.json();
}

const publish = (base, room, payload) => ask(base, '/events', 'POST', { room, type: 't', payload });

/** Reads a stream's blocks until `stop` is called or the server ends it. */
class Stream {
  blocks = [];
  #abort = new AbortController();
  #waiting = [];

  static async open(url) {
    const stream = new Stream();
    const headers = { accept: 'text/event-stream', authorization: 'Bearer any' };
    const response = await fetch(url, { headers, signal: stream.#abort.signal });
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type'), /^text\/event-stream/);
    stream.#read(response.body);
    return stream;
  }

  async #read(body) {
    let text = '';
    try {
      for await (const bytes of body.pipeThrough(new TextDecoderStream())) {
        text += bytes;
        const parts = text.split('\n\n');
        text = parts.pop();
        for (const part of parts) this.#take(part);
      }
    } catch (error) {
      if (error.name !== 'AbortError') throw error;
    }
  }

  #take(part) {
    const fields = part.split('\n').map((line) => line.split(/: (.*)/s));
    this.blocks.push(Object.fromEntries(fields.map(([name, value]) => [name, value])));
    for (const wake of this.#waiting.splice(0)) wake();
  }

  get events() {
    return this.blocks.filter(({ event }) => event === undefined);
  }

  /** Waits until there are `count` events of logs. */
  async until(count) {
    while (this.events.length < count) {
      await within(`event ${count}`, new Promise((wake) => this.#waiting.push(wake)));
    }
    return this.events.slice(0, count);
  }

  stop() {
    this.#abort.abort();
  }
}

const sequences = (events) => events.map(({ data }) => JSON.parse(data).event.sequence);

test('a backend publishes, reads back, and pages through what is kept', async (t) => {
  const { base } = await start(t);
  for (let index = 1; index <= 25; index += 1) {
    const envelope = await publish(base, 'chat:1', { index });
    assert.equal(envelope.sequence, index);
    assert.equal(envelope.payload.index, index);
  }
  // As the client catches up: a page that is not full is the last one.
  const found = [];
  for (let cursor = 0; ; ) {
    const options = { room: 'chat:1', fromSequence: cursor, limit: 10 };
    const { events } = await ask(base, '/replay', 'POST', options);
    found.push(...events.map(({ sequence }) => sequence));
    if (events.length < 10) break;
    cursor = found.at(-1);
  }
  assert.deepEqual(found, Array.from({ length: 25 }, (_, index) => index + 1));
});

test('a backend keeps snapshots, acks for others, and asks for health', async (t) => {
  const { base } = await start(t);
  const path = `/rooms/${encodeURIComponent('chat:1')}/snapshot`;
  assert.equal(await ask(base, path, 'GET'), null);
  const kept = await ask(base, path, 'PUT', { lastSequence: 4, state: { open: true } });
  assert.deepEqual(await ask(base, path, 'GET'), kept);
  await publish(base, 'chat:1', 1);
  const ack = { room: 'chat:1', sequence: 1, subscriberId: 's' };
  assert.equal(await ask(base, '/ack', 'POST', ack), undefined);
  const dlq = `/rooms/${encodeURIComponent('chat:1')}/dlq`;
  assert.deepEqual(await ask(base, dlq, 'GET'), []);
  assert.deepEqual(await ask(base, `${dlq}/replay`, 'POST'), []);
  assert.equal(await ask(base, dlq, 'DELETE'), 0);
  const health = await ask(base, '/health', 'GET');
  assert.equal(health.status, 'healthy');
  assert.equal(Object.keys(health.metrics).length, 14);
  await assert.rejects(ask(base, '/events', 'POST', { room: 'chat' }), /status 400/);
});

// fetch sends the request for the stream on the connection that the publishes have used.
test('a stream goes on after it was cut, and has everything once', async (t) => {
  const { base } = await start(t);
  for (let index = 0; index < 50; index += 1) await publish(base, 'chat:1', index);
  const url = (since) => {
    const query = { rooms: 'chat:1,chat:2', since: since.map(encodeCursor).join(',') };
    return `${base}/api/realtime/sse?${new URLSearchParams(query)}`;
  };
  const encodeCursor = ([room, sequence]) => `${encodeURIComponent(room)}@${sequence}`;
  const first = await Stream.open(url([]));
  const had = sequences(await first.until(20));
  assert.equal(first.blocks[0].event, 'ready');
  assert.deepEqual(JSON.parse(first.blocks[0].data), { since: 'chat%3A1@0,chat%3A2@0' });
  first.stop();
  for (let index = 50; index < 100; index += 1) await publish(base, 'chat:1', index);
  const second = await Stream.open(url([['chat:1', had.at(-1)], ['chat:2', 0]]));
  const rest = sequences(await second.until(80));
  second.stop();
  assert.deepEqual([...had, ...rest], Array.from({ length: 100 }, (_, index) => index + 1));
});

test('a silent stream has heartbeats', async (t) => {
  const { base } = await start(t, { 'zps.sse_heartbeat_ms': 200 });
  const stream = await Stream.open(`${base}/sse?rooms=chat%3A1`);
  const isThere = () => stream.blocks.some(({ event }) => event === 'heartbeat');
  for (let index = 1; !isThere(); index += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert(index < 200, 'a heartbeat comes');
  }
  await publish(base, 'chat:1', 1);
  assert.deepEqual(sequences(await stream.until(1)), [1]);
  stream.stop();
});
