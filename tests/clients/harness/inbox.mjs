// What one client was given, in the order it came.
//
// To show that something was NOT delivered, a test publishes a later event and looks at what comes
// first: a channel has one order for all its subscribers, so nothing can still be on its way.

import { within } from './deadline.mjs';

export class Inbox {
  #name;
  #unread = [];
  #wake = () => {};

  constructor(name) {
    this.#name = name;
  }

  /** Collects these events of a pusher-js channel as `{ event, data }` and, if any, `user_id`. */
  static of(channel, ...events) {
    const inbox = new Inbox(channel.name);
    for (const event of events) {
      channel.bind(event, (data, metadata) => inbox.push({ event, data, ...metadata }));
    }
    return inbox;
  }

  push(message) {
    this.#unread.push(message);
    this.#wake();
  }

  /** Takes the oldest unread message, waiting for one if there is none. */
  async next(deadlineMs) {
    if (this.#unread.length === 0) {
      const woken = new Promise((wake) => (this.#wake = wake));
      await within(`a message for ${this.#name}`, woken, deadlineMs);
    }
    return this.#unread.shift();
  }

  /** Takes the next `count` messages. */
  async take(count) {
    const messages = [];
    while (messages.length < count) messages.push(await this.next());
    return messages;
  }
}
