// The examples that the README shows run as they are.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { within } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { World } from './harness/world.mjs';

let world;
before(async () => (world = await World.start()));
after(() => world.stop());

/** Starts an example against the server; its lines arrive in `output`. */
function start(t, file) {
  const example = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url))], {
    env: { ...process.env, PORT: String(world.server.port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => example.kill());
  const output = new Inbox(`the output of ${file}`);
  createInterface({ input: example.stdout }).on('line', (line) => output.push(line));
  return { output, exited: once(example, 'exit') };
}

test('the pusher-js example prints its greeting and ends', async (t) => {
  const { output, exited } = start(t, 'readme-pusher.mjs');
  assert.equal(await output.next(), 'hello from the server');
  assert.deepEqual(await within('the example to end', exited), [0, null]);
});

test('the laravel-echo example prints the order and ends', async (t) => {
  const { output, exited } = start(t, 'readme-echo.mjs');
  assert.equal(await output.next(), 'order 7 has shipped');
  assert.deepEqual(await within('the example to end', exited), [0, null]);
});

test('the README shows the examples that are run', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  for (const file of ['readme-pusher.mjs', 'readme-echo.mjs']) {
    const example = await readFile(new URL(file, import.meta.url), 'utf8');
    const shown = example
      .replace('const port = Number(process.env.PORT ?? 6001);\n\n', '')
      .replace('wsPort: port,', 'wsPort: 6001,')
      .replace('  port,\n', '  port: 6001,\n');
    assert.ok(readme.includes(shown), `README.md does not show ${file}`);
  }
});
