// One server with its authorizer, server SDK and HTTP API, and the clients a test opens on it.

import Echo from 'laravel-echo';
import PusherServer from 'pusher';
import Pusher from 'pusher-js';

import { Api } from './api.mjs';
import { Authorizer } from './authorizer.mjs';
import { emitted, within } from './deadline.mjs';
import { Inbox } from './inbox.mjs';
import { Raw } from './raw.mjs';
import { APP, Server } from './server.mjs';
import { external } from './subject.mjs';

// pusher-js prints each refusal that these tests provoke.
Pusher.log = () => {};

// A pusher-js that the server has closed leaves a timer of 30 s behind, for which no process of
// these tests is to wait: whatever waits here has a shorter one.
const { setTimeout } = globalThis;
globalThis.setTimeout = (callback, delay, ...rest) => {
  const timer = setTimeout(callback, delay, ...rest);
  return delay === 30_000 ? timer.unref() : timer;
};

export class World {
  /** Starts a server with these flags. */
  static async start(...flags) {
    return World.#around(await Server.start({ flags }), APP);
  }

  /** Starts a server, of two cores, with these keys of the configuration, as `section.key`. */
  static async configured(settings, ...flags) {
    const all = { 'server.cores': 2, ...settings };
    return World.#around(await Server.start({ flags, settings: all }), APP);
  }

  /** The subject of the conformance suite; the settings are for the case that it is one of ours. */
  static async subject(settings = {}) {
    if (!external) return World.configured(settings);
    const { host, port, app } = external;
    return World.#around({ host, port, stop: async () => {} }, app);
  }

  static async #around(server, app) {
    const world = new World();
    Object.assign(world, { server, app });
    world.sdk = world.sdkWith({});
    world.api = new Api(world);
    world.authorizer = await Authorizer.start(world.sdk);
    return world;
  }

  async stop() {
    this.authorizer.stop();
    await this.server.stop();
  }

  /** The `pusher` server SDK, with some of its options replaced. */
  sdkWith(options) {
    return new PusherServer({
      ...this.app,
      host: this.server.host,
      port: this.server.port,
      useTLS: false,
      encryptionMasterKeyBase64: Buffer.alloc(32, 7).toString('base64'),
      ...options,
    });
  }

  /** Options that point pusher-js at this server, as one of the authorizer's `USERS`. */
  clientOptions(user) {
    return {
      cluster: '',
      wsHost: this.server.host,
      wsPort: this.server.port,
      forceTLS: false,
      enabledTransports: ['ws'],
      channelAuthorization: {
        transport: 'ajax',
        endpoint: this.authorizer.endpoint,
        params: { user },
      },
      userAuthentication: this.userAuthentication({ user }),
    };
  }

  /** How pusher-js signs in: as which of the `USERS`, perhaps watching some or with a forgery. */
  userAuthentication(params) {
    return { transport: 'ajax', endpoint: this.authorizer.userEndpoint, params };
  }

  /** A pusher-js client that disconnects at the end of test `t`; it may not be connected yet. */
  open(t, { user = 'ada', key = this.app.key, ...options } = {}) {
    const pusher = new Pusher(key, { ...this.clientOptions(user), ...options });
    t.after(() => pusher.disconnect());
    return pusher;
  }

  /** A connected pusher-js client. */
  async connect(t, options) {
    const pusher = this.open(t, options);
    await emitted(pusher.connection, 'connected');
    return pusher;
  }

  /** A connected pusher-js client on one channel, and an inbox of these events there. */
  async listen(t, name, events, options) {
    const pusher = await this.connect(t, options);
    const channel = await subscribe(pusher, name);
    const inbox = Inbox.of(channel, ...events);
    return { pusher, channel, inbox, socketId: pusher.connection.socket_id };
  }

  /** A connected socket without a library. */
  raw(t, options) {
    return Raw.connect(t, this, options);
  }

  /** A connected laravel-echo client. */
  async echo(t, { user = 'ada', ...options } = {}) {
    const echo = new Echo({
      broadcaster: 'pusher',
      Pusher,
      key: this.app.key,
      ...this.clientOptions(user),
      ...options,
    });
    t.after(() => echo.disconnect());
    await emitted(echo.connector.pusher.connection, 'connected');
    return echo;
  }
}

/** Subscribes and waits until the server has said that it succeeded. */
export async function subscribe(pusher, name) {
  const channel = pusher.subscribe(name);
  const refused = new Promise((_, reject) => {
    channel.bind('pusher:subscription_error', (error) => reject(new Error(error.error)));
  });
  await Promise.race([emitted(channel, 'pusher:subscription_succeeded'), refused]);
  return channel;
}

/** The `pusher:error` code of a client's next error, whichever way pusher-js wraps it. */
export async function errorCode(pusher) {
  const error = await emitted(pusher.connection, 'error');
  return (error.error ?? error).data.code;
}
