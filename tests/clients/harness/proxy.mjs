// A network between clients and a server that can be cut at any byte.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Proxy {
  #server;
  #sockets = new Set();
  /** How many connections there have been. */
  connections = 0;

  /** Listens until test `t` is over and passes everything on to `server`, in both directions. */
  static async start(t, { host, port }) {
    const proxy = new Proxy();
    proxy.#server = createServer((client) => {
      proxy.connections += 1;
      proxy.#join(client, connect(port, host));
    });
    proxy.#server.listen(0, '127.0.0.1');
    t.after(() => {
      proxy.#server.close();
      proxy.cut();
    });
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port() {
    return this.#server.address().port;
  }

  /** Ends all connections with a reset, whatever is on its way. */
  cut() {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
  }

  #join(client, server) {
    for (const [from, to] of [[client, server], [server, client]]) {
      this.#sockets.add(from);
      from.on('error', () => {}); // The close that follows says it all.
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
