// The examples run as they are, and the README shows them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { within } from './harness/deadline.mjs';
import { Inbox } from './harness/inbox.mjs';
import { subscribe, World } from './harness/world.mjs';

let world;
before(async () => (world = await World.start()));
after(() => world.stop());

const EXAMPLES = new URL('../../examples/', import.meta.url);

/** Where node finds the packages that are installed here. */
const COPIES = new URL('node_modules/.examples/', import.meta.url);

/** Runs a program against the server; its lines arrive in `output`. */
function run(t, command, args) {
  const example = spawn(command, args, {
    env: { ...process.env, PORT: String(world.server.port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => example.kill());
  const output = new Inbox(`the output of ${args}`);
  createInterface({ input: example.stdout }).on('line', (line) => output.push(line));
  return { output, exited: once(example, 'exit') };
}

/** Runs an example for node. */
async function start(t, file) {
  const copy = new URL(file, COPIES);
  await mkdir(COPIES, { recursive: true });
  await copyFile(new URL(file, EXAMPLES), copy);
  t.after(() => rm(copy));
  return run(t, process.execPath, [fileURLToPath(copy)]);
}

test('the pusher-js example prints its greeting and ends', async (t) => {
  const { output, exited } = await start(t, 'hello.mjs');
  assert.equal(await output.next(), 'hello from the server');
  assert.deepEqual(await within('the example to end', exited), [0, null]);
});

test('the laravel-echo example prints the order and ends', async (t) => {
  const { output, exited } = await start(t, 'orders.mjs');
  assert.equal(await output.next(), 'order 7 has shipped');
  assert.deepEqual(await within('the example to end', exited), [0, null]);
});

test('a signed publish by curl is answered and comes', async (t) => {
  const client = await world.connect(t);
  const inbox = Inbox.of(await subscribe(client, 'room-1'), 'greeting');
  const { output, exited } = run(t, 'bash', [fileURLToPath(new URL('publish.sh', EXAMPLES))]);
  assert.equal(await output.next(), '{}');
  assert.deepEqual((await inbox.next()).data, { text: 'hello from curl' });
  assert.deepEqual(await within('the example to end', exited), [0, null]);
});

test('the README shows the examples that are run', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  for (const file of ['hello.mjs', 'orders.mjs']) {
    const example = await readFile(new URL(file, EXAMPLES), 'utf8');
    const shown = example
      .slice(example.indexOf('import '))
      .replace('const port = Number(process.env.PORT ?? 6001);\n\n', '')
      .replace('wsPort: port,', 'wsPort: 6001,')
      .replace('  port,\n', '  port: 6001,\n');
    assert.ok(readme.includes(shown), `README.md does not show ${file}`);
  }
});
