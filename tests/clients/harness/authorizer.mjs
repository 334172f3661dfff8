// The application's own endpoints: who may join a private or presence channel, and who has signed in.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/** Who can sign in here. One id is a number, which the protocol's documentation allows. */
export const USERS = {
  ada: { user_id: 10, user_info: { name: 'Ada' } },
  grace: { user_id: 'grace-1', user_info: { name: 'Grace' } },
  linus: { user_id: '7', user_info: { name: 'Linus', tags: ['\u00e9', '\u{1f427}'] } },
};

/** The id that one of the `USERS` has when signed in: always text. */
export const userId = (user) => String(USERS[user].user_id);

export class Authorizer {
  #http;
  /** The form of each request, oldest first. */
  requests = [];

  /** Starts an endpoint that signs channels with `sdk`, and users on the one path for them. */
  static async start(sdk) {
    const authorizer = new Authorizer();
    authorizer.#http = createServer((request, response) => {
      authorizer.#answer(sdk, request, response);
    });
    authorizer.#http.listen(0, '127.0.0.1');
    await once(authorizer.#http, 'listening');
    return authorizer;
  }

  get endpoint() {
    return `http://127.0.0.1:${this.#http.address().port}/broadcasting/auth`;
  }

  get userEndpoint() {
    return `http://127.0.0.1:${this.#http.address().port}/broadcasting/user-auth`;
  }

  async #answer(sdk, request, response) {
    const form = Object.fromEntries(new URLSearchParams(await text(request)));
    this.requests.push({ type: request.headers['content-type'], ...form });
    const isForUser = request.url === '/broadcasting/user-auth';
    const grant = isForUser ? this.#authenticate(sdk, form) : this.#authorize(sdk, form);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(grant));
  }

  #authenticate(sdk, form) {
    const { user_info } = USERS[form.user];
    const watchlist = JSON.parse(form.watchlist ?? '[]');
    const grant = sdk.authenticateUser(form.socket_id, {
      id: userId(form.user),
      user_info,
      watchlist,
    });
    if (form.forged) grant.auth = `app-key:${'0'.repeat(64)}`;
    return grant;
  }

  #authorize(sdk, form) {
    const member = form.channel_name.startsWith('presence-') ? USERS[form.user] : undefined;
    const grant = sdk.authorizeChannel(form.socket_id, form.channel_name, member);
    if (form.channel_name.endsWith('-forged')) grant.auth = `app-key:${'0'.repeat(64)}`;
    return grant;
  }

  stop() {
    this.#http.closeAllConnections();
    this.#http.close();
  }
}
