// A real browser, without a window, on one page that a local server gives it.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { within } from './deadline.mjs';

const NAMES = [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'];

/** The command of a Chromium that is installed here; `CHROMIUM` may name one. */
export const chromium = NAMES.filter(Boolean).find(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
);

// No window, no GPU, nothing asked of the network but the page, and no sandbox, which a container
// that runs the tests as root does not let it have.
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--no-first-run',
  '--remote-debugging-port=0',
];

/** Opens `url` in a browser of its own, which ends with test `t`. */
export async function browse(t, url) {
  const profile = await mkdtemp(join(tmpdir(), 'uringcast-browser-'));
  const browser = spawn(chromium, [...FLAGS, `--user-data-dir=${profile}`, url], {
    stdio: 'ignore',
    detached: true,
  });
  const exited = once(browser, 'exit');
  t.after(async () => {
    // The browser is many processes, which are a group of their own.
    process.kill(-browser.pid, 'SIGKILL');
    await within('the browser to end', exited);
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });
}
