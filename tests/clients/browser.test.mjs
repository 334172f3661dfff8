// A page in a real browser: pusher-js over the browser's own websocket, authorized by the browser's
// own requests.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

import { browse, chromium } from './harness/browser.mjs';
import { Inbox } from './harness/inbox.mjs';
import { World } from './harness/world.mjs';

// A browser takes seconds to start where everything is busy.
const START_MS = 40_000;

const read = (path) => readFile(new URL(path, import.meta.url), 'utf8');

/** Serves the page and pusher-js, signs what the page asks for, and collects what it says. */
async function serve(t, world) {
  const said = new Inbox('the page');
  const files = {
    '/': ['text/html', await read('browser.html')],
    '/pusher.js': ['text/javascript', await read('node_modules/pusher-js/dist/web/pusher.js')],
  };
  const site = createServer(async (request, response) => {
    const [path] = request.url.split('?');
    const [type, body] = files[path] ?? ['application/json', await answer(request, path)];
    response.writeHead(200, { 'content-type': type }).end(body);
  });
  const answer = async (request, path) => {
    const body = await text(request);
    if (path === '/said') said.push(JSON.parse(body));
    if (path !== '/auth') return '{}';
    const { socket_id: socketId, channel_name: name } = Object.fromEntries(
      new URLSearchParams(body),
    );
    return JSON.stringify(world.sdk.authorizeChannel(socketId, name));
  };
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  t.after(() => site.close().closeAllConnections());
  return { said, origin: `http://127.0.0.1:${site.address().port}` };
}

const skip = chromium ? false : 'no Chromium is installed; CHROMIUM may name one';

for (const deflate of [false, true]) {
  const how = deflate ? 'compressed' : 'plain';
  test(`a page of a browser gets what the server SDK publishes, ${how}`, { skip }, async (t) => {
    const world = await World.configured({ 'pusher.deflate': deflate });
    t.after(() => world.stop());
    const { said, origin } = await serve(t, world);
    const { host: wsHost, port: wsPort } = world.server;
    const channel = 'private-page';
    const query = new URLSearchParams({ key: world.app.key, wsHost, wsPort, channel });
    await browse(t, `${origin}/?${query}`);
    const { subscribed, extensions } = await said.next(START_MS);
    assert.equal(subscribed, channel);
    assert.equal(extensions.includes('permessage-deflate'), deflate);

    const data = { text: 'h\u00e9llo \u{1f44b} '.repeat(200) };
    await world.sdk.trigger(channel, 'news', data);
    await world.sdk.trigger(channel, 'news', 'short');
    assert.deepEqual(await said.take(2), [{ news: data }, { news: 'short' }]);
  });
}
