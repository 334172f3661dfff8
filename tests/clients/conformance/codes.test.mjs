// Chapter "Close and error codes": each code, and what pusher-js makes of it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { configFile } from '../harness/config.mjs';
import { emitted } from '../harness/deadline.mjs';
import { QUERY, Raw } from '../harness/raw.mjs';
import { external, settings } from '../harness/subject.mjs';
import { errorCode, World } from '../harness/world.mjs';

let world;
before(async () => (world = await World.subject()));
after(() => world.stop());

/** Checks that a client is closed with `code` and, by ours, told the same in a message before. */
async function checkTurnedAway(t, subject, options, code) {
  const raw = Raw.open(t, subject, options);
  const closed = raw.closed();
  const first = await (external ? Promise.race([closed, raw.next()]) : raw.next());
  if ('event' in first) {
    const { event, data } = first;
    assert.deepEqual([event, data.code, typeof data.message], ['pusher:error', code, 'string']);
  }
  assert.equal((await closed).code, code);
}

/** A server with these settings, that ends with test `t`. */
async function configured(t, options, ...flags) {
  const server = await World.configured(options, ...flags);
  t.after(() => server.stop());
  return server;
}

/** Checks that pusher-js stops trying, and returns the code that made it. */
async function checkGivesUp(t, subject, options) {
  const pusher = subject.open(t, options);
  const states = [];
  pusher.connection.bind('state_change', ({ current }) => states.push(current));
  const [code] = await Promise.all([errorCode(pusher), emitted(pusher.connection, 'disconnected')]);
  // A refusal that pusher-js takes for an outage would leave it connecting, with a timer to retry.
  assert.deepEqual(states, ['disconnected']);
  assert.equal(pusher.connection.retryTimer ?? null, null);
  return code;
}

describe('Close and error codes', () => {
  it('4001 for a key that no app has', async (t) => {
    await checkTurnedAway(t, world, { key: 'no-such-key' }, 4001);
  });

  it('4001 makes pusher-js give up', async (t) => {
    assert.equal(await checkGivesUp(t, world, { key: 'no-such-key' }), 4001);
  });

  it('4005 for another path', async (t) => {
    await checkTurnedAway(t, world, { path: `/no-such-path/${world.app.key}` }, 4005);
  });

  it('4006 for a version that is none', async (t) => {
    await checkTurnedAway(t, world, { query: 'protocol=7&client=js&version=latest' }, 4006);
  });

  for (const protocol of [4, 8]) {
    it(`4007 for protocol ${protocol}`, async (t) => {
      await checkTurnedAway(t, world, { query: QUERY.replace('=7', `=${protocol}`) }, 4007);
    });
  }

  it('4008 for no protocol', async (t) => {
    await checkTurnedAway(t, world, { query: 'client=js&version=8.6.0' }, 4008);
  });

  it('4000 for an app that takes TLS only', settings, async (t) => {
    const trusted = { 'server.trusted_proxies': '127.0.0.1' };
    const strict = await configured(t, { 'pusher.force_tls': true, ...trusted });
    await checkTurnedAway(t, strict, {}, 4000);
    await Raw.connect(t, strict, { headers: { 'x-forwarded-proto': 'https' } });
  });

  it('4000 makes pusher-js use TLS', settings, async (t) => {
    const strict = await configured(t, { 'pusher.force_tls': true });
    const pusher = strict.open(t, { enabledTransports: ['ws', 'wss'] });
    assert.equal(await errorCode(pusher), 4000);
    assert.equal(pusher.connection.usingTLS, true);
  });

  it('4003 for an app that is switched off', settings, async (t) => {
    const off = await configured(t, { 'pusher.enabled': false });
    await checkTurnedAway(t, off, {}, 4003);
    assert.equal(await checkGivesUp(t, off), 4003);
  });

  it('4004 for one connection too many', settings, async (t) => {
    const small = await configured(t, { 'pusher.connections_max': 2 });
    const first = await small.raw(t);
    await small.raw(t);
    await checkTurnedAway(t, small, {}, 4004);
    assert.equal(await checkGivesUp(t, small), 4004);
    first.socket.close(1000);
    await first.closed();
    await small.raw(t);
  });

  it('4009 for a page of an origin that is not allowed', settings, async (t) => {
    const { appId: id, key, secret } = world.app;
    const app = `id = "${id}"\nkey = "${key}"\nsecret = "${secret}"`;
    const toml = `[[apps]]\n${app}\norigins = ["shop.example"]\n`;
    const strict = await configured(t, {}, ...(await configFile(t, toml)));
    await checkTurnedAway(t, strict, { origin: 'https://evil.example' }, 4009);
    await Raw.connect(t, strict, { origin: 'https://shop.example' });
  });

  it('4100 while there is no room, after which pusher-js comes back', settings, async (t) => {
    const full = await configured(t, { 'server.cores': 1, 'core.connections_max': 1 });
    const holder = await full.raw(t);
    await checkTurnedAway(t, full, {}, 4100);
    const pusher = full.open(t);
    assert.equal(await errorCode(pusher), 4100);
    holder.socket.close(1000);
    await emitted(pusher.connection, 'connected');
  });

  it('4200 for a server that is about to end', settings, async (t) => {
    const ending = await configured(t, {});
    const raws = await Promise.all(Array.from({ length: 5 }, () => ending.raw(t)));
    const stopped = ending.stop();
    for (const raw of raws) assert.equal((await raw.closed()).code, 4200);
    await stopped;
  });

  it('an error after the greeting leaves pusher-js connected', async (t) => {
    const pusher = await world.connect(t);
    const code = errorCode(pusher);
    pusher.send_event('pusher:subscribe', { channel: 'private-x', auth: 'wrong:signature' });
    await code;
    assert.equal(pusher.connection.state, 'connected');
    pusher.send_event('pusher:ping', {});
    await emitted(pusher.connection, 'message', ({ event }) => event === 'pusher:pong');
  });
});
