// The application's own endpoints: who may join a private or presence channel, and who a user is.

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

const USER_PATH = '/broadcasting/user-auth';

export class Authorizer {
  #http;
  /** The form of each request, oldest first. */
  requests = [];

  /** Starts an endpoint that signs with `sdk`: users on a path of their own. */
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
    return new URL(USER_PATH, this.endpoint).href;
  }

  async #answer(sdk, request, response) {
    const form = Object.fromEntries(new URLSearchParams(await text(request)));
    this.requests.push({ type: request.headers['content-type'], ...form });
    if (request.url === USER_PATH) return response.end(JSON.stringify(signIn(sdk, form)));
    const member = form.channel_name.startsWith('presence-') ? USERS[form.user] : undefined;
    const grant = sdk.authorizeChannel(form.socket_id, form.channel_name, member);
    if (form.channel_name.endsWith('-forged'))
      grant.auth = grant.auth.replace(/:.*/, `:${'0'.repeat(64)}`);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(grant));
  }

  stop() {
    this.#http.closeAllConnections();
    this.#http.close();
  }
}

/** Signs one of the `USERS` in, perhaps with a watchlist, or with a forgery. */
function signIn(sdk, { user, socket_id: socketId, watchlist = '[]', forged }) {
  const { user_info: info } = USERS[user];
  const data = { id: userId(user), user_info: info, watchlist: JSON.parse(watchlist) };
  const grant = sdk.authenticateUser(socketId, data);
  if (forged) grant.auth = grant.auth.replace(/:.*/, `:${'0'.repeat(64)}`);
  return grant;
}
