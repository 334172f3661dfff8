// The application's own endpoint for webhooks: a real HTTP server that can fail in many ways.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

import { within } from './deadline.mjs';

export class Receiver {
  #http;
  #sdk;
  #port;
  #wake = () => {};
  #hanging = [];
  /** What the next requests are answered with: a status, or `hang`. */
  answer = 200;
  /** Every request, oldest first: its headers, body, and what it was answered with. */
  requests = [];
  /** Events of the requests that were answered with success, oldest first. */
  events = [];

  /** Starts an endpoint that checks each signature with `sdk`, as `sdk()` when it is needed. */
  static async start(sdk) {
    const receiver = new Receiver();
    receiver.#sdk = sdk;
    await receiver.#listen(0);
    return receiver;
  }

  async #listen(port) {
    this.#http = createServer((request, response) => this.#take(request, response));
    this.#http.listen(port, '127.0.0.1');
    await once(this.#http, 'listening');
    this.#port = this.#http.address().port;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}/webhook`;
  }

  async #take(request, response) {
    const rawBody = await text(request);
    const { headers, method, url } = request;
    const webhook = this.#sdk().webhook({ headers, rawBody });
    const isValid = webhook.isValid();
    const { answer } = this;
    this.requests.push({ method, url, headers, rawBody, isValid, answer });
    if (answer === 'hang') {
      this.#hanging.push(response);
    } else {
      if (answer === 200) this.events.push(...webhook.getEvents());
      response.writeHead(answer).end('ok');
    }
    this.#wake();
  }

  /** Waits until `accept()` holds; it is asked again after each request. */
  async until(what, accept, deadlineMs) {
    while (!accept()) {
      await within(what, new Promise((wake) => (this.#wake = wake)), deadlineMs);
    }
    this.checkSignatures();
  }

  /** Takes the next `count` events off the list. */
  async take(count, deadlineMs) {
    await this.until(`${count} events`, () => this.events.length >= count, deadlineMs);
    return this.events.splice(0, count);
  }

  checkSignatures() {
    assert(this.requests.every(({ isValid }) => isValid), 'a signature is wrong');
  }

  /** Refuses connections until `reopen`. */
  close() {
    this.#http.close();
    this.#http.closeAllConnections();
  }

  /** Listens on the same port again. */
  async reopen() {
    await this.#listen(this.#port);
  }
}
