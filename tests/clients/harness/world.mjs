// One server with its authorizer and server SDK, and the clients a test opens on it.

import Echo from 'laravel-echo';
import PusherServer from 'pusher';
import Pusher from 'pusher-js';

import { Authorizer } from './authorizer.mjs';
import { emitted, within } from './deadline.mjs';
import { APP, Server } from './server.mjs';

// pusher-js prints each refusal that these tests provoke.
Pusher.log = () => {};

export class World {
  /** Starts a server with these flags. */
  static async start(...flags) {
    const world = new World();
    world.server = await Server.start({ flags });
    world.sdk = world.sdkWith({});
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
      ...APP,
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
  open(t, { user = 'ada', key = APP.key, ...options } = {}) {
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

  /** A connected laravel-echo client. */
  async echo(t, { user = 'ada', ...options } = {}) {
    const echo = new Echo({
      broadcaster: 'pusher',
      Pusher,
      key: APP.key,
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
