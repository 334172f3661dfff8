// A server process of its own, on ports the system picks.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { within } from './deadline.mjs';

/** The app that `uringcast serve` offers when none is configured. */
export const APP = { appId: 'app-id', key: 'app-key', secret: 'app-secret' };

// A test file that is told to end still runs its exit listeners.
process.once('SIGTERM', () => process.exit(1));

// These would configure the server from outside.
const CONFIGURING = /^(HOST|PORT|(PUSHER|BROADCAST|REVERB|SOKETI|SOCKET|X_ZINTRUST|URINGCAST)_.+)$/;

/** The environment variable of a key of the configuration. */
function variable(key) {
  return `URINGCAST_${key.replace('.', '_').toUpperCase()}`;
}

export class Server {
  #process;
  #stderr = '';
  host = '127.0.0.1';
  port = 0;
  metricsPort = 0;

  /**
   * Starts a server and waits until it accepts. `port` 0 lets the system choose. `settings` are
   * keys of the configuration, as `section.key`.
   */
  static async start({ flags = [], port = 0, settings = {} } = {}) {
    const server = new Server();
    const address = ['--host', server.host, '--port', String(port), '--metrics-port', '0'];
    server.#spawn([...address, ...flags], settings);
    try {
      await within('the server to be ready', server.#ready());
    } catch (error) {
      server.#process.kill('SIGKILL');
      throw new Error(`the server did not start:\n${server.#stderr}`, { cause: error });
    }
    return server;
  }

  #spawn(flags, settings) {
    const path = process.env.URINGCAST;
    assert(path, 'URINGCAST must be the path of the server binary (tests/clients/run sets it)');
    const inherited = Object.entries(process.env).filter(([name]) => !CONFIGURING.test(name));
    const configured = Object.entries(settings).map(([key, value]) => [variable(key), value]);
    this.#process = spawn(path, ['serve', ...flags], {
      env: Object.fromEntries([...inherited, ...configured]),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process.stderr.on('data', (text) => (this.#stderr += text));
    this.#leaveWithTests();
  }

  /** However the tests end, the server neither keeps them from ending nor outlives them. */
  #leaveWithTests() {
    process.once('exit', () => this.#process.kill('SIGKILL'));
    for (const handle of [this.#process, this.#process.stdout, this.#process.stderr]) {
      handle.unref();
    }
  }

  async #ready() {
    for await (const line of createInterface({ input: this.#process.stdout })) {
      const address = line.match(/^listening on .*:(\d+)$/);
      if (address) this.port = Number(address[1]);
      const metrics = line.match(/^metrics on .*:(\d+)$/);
      if (metrics) this.metricsPort = Number(metrics[1]);
      if (line === 'ready') {
        assert(this.port > 0, 'the address comes before `ready`');
        this.#process.stdout.resume();
        return;
      }
    }
    throw new Error('the server ended');
  }

  /** Ends the server at once, as a machine that fails does. */
  async kill() {
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await within('the server to be gone', exited);
  }

  /** Asks the server, if it runs, to drain; checks that it ends in time and without an error. */
  async stop() {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    const [code, signal] = await within('the server to exit', exited);
    assert.deepEqual([code, signal], [0, null], `the server failed:\n${this.#stderr}`);
  }
}
