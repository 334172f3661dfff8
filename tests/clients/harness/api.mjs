// The HTTP API without a library, for requests that the server SDK would not send.

import assert from 'node:assert/strict';

import { signedParams } from './sign.mjs';

export class Api {
  #origin;
  #app;

  constructor({ server, app }) {
    this.#origin = `http://${server.host}:${server.port}`;
    this.#app = app;
  }

  path(path) {
    return `/apps/${this.#app.appId}${path}`;
  }

  /** Sends a request as it is; the answer's body is read. */
  async send(method, target, { body, headers } = {}) {
    const response = await fetch(`${this.#origin}${target}`, { method, body, headers });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text };
  }

  /** Signs and sends a request to a path below the app's. `params` may replace what is signed. */
  request(method, path, { params, body, app = this.#app, headers } = {}) {
    const target = this.path(path);
    const query = new URLSearchParams(signedParams(app, { method, path: target, params, body }));
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    return this.send(method, `${target}?${query}`, { body, headers: { ...type, ...headers } });
  }

  /** The JSON of a signed GET that must succeed. */
  async get(path, params) {
    const { status, text } = await this.request('GET', path, { params });
    assert.equal(status, 200, text);
    return JSON.parse(text);
  }

  /** Signs and sends `body`, which is JSON text or what is made such. */
  post(path, body, options) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.request('POST', path, { body: text, ...options });
  }

  /** The JSON of a signed POST that must succeed. */
  async posted(path, body) {
    const { status, text } = await this.post(path, body);
    assert.equal(status, 200, text);
    return JSON.parse(text);
  }
}

/** Checks an answer's status, and that a refusal says why. */
export function checkStatus({ status, text }, expected) {
  assert.equal(status, expected, text);
  assert(status < 400 || text.length > 0, 'a refusal says why');
}

/** For `assert.rejects` of the server SDK. */
export function refused(status) {
  return (error) => {
    checkStatus({ status: error.status, text: error.body }, status);
    return true;
  };
}
