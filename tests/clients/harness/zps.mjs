// A zero-pub-sub client that behaves as the protocol's own does, quirks included.
//
// The package itself (@savanapoint/zero-pub-sub) cannot be had from the registry, so this is written
// from what is known of its behaviour: a sequence for each room from 0, what is not the next one
// waits and asks for a replay, everything delivered is acked, `error` and confirmations are not
// looked at, the rooms are subscribed to again after each reconnect.

import WebSocket from 'ws';

const REPLAY_THROTTLE_MS = 500;

export class ZpsClient {
  #url;
  #subscriberId;
  #token;
  #reconnectDelayMs;
  #rooms = new Map();
  #queue = [];
  #socket;
  #isClosed = false;
  /** What the server said, oldest first. */
  heard = [];

  constructor({ url, subscriberId, token, reconnectDelayMs = 50 }) {
    this.#url = url;
    this.#subscriberId = subscriberId;
    this.#token = token;
    this.#reconnectDelayMs = reconnectDelayMs;
    this.#connect();
  }

  subscribe(name, onEvent, { fromSequence, eventTypes, sync, onSnapshot } = {}) {
    const room = this.#room(name, fromSequence);
    room.onEvent = onEvent;
    Object.assign(room, { eventTypes, sync, onSnapshot });
    this.#subscribeTo(name, room);
  }

  onPresence(name, onPresence) {
    const room = this.#room(name);
    room.onPresence = onPresence;
    this.#send({ type: 'subscribe', room: name, fromSequence: room.last });
  }

  publish(event) {
    this.#send({ type: 'publish', event });
  }

  enter(room, user) {
    this.#send({ type: 'presence_enter', room, user });
  }

  leave(room, userId) {
    this.#send({ type: 'presence_leave', room, userId });
  }

  /** Loses the connection as a network does. */
  cut() {
    this.#socket.terminate();
  }

  close() {
    this.#isClosed = true;
    this.#socket.close();
  }

  #room(name, fromSequence) {
    if (!this.#rooms.has(name)) {
      const room = { last: fromSequence ?? 0, fromSequence, waiting: new Map(), askedAt: 0 };
      this.#rooms.set(name, { ...room, isAsking: false });
    }
    return this.#rooms.get(name);
  }

  #connect() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('message', (data) => this.#hear(JSON.parse(data)));
    socket.on('close', () => {
      if (!this.#isClosed) setTimeout(() => this.#connect(), this.#reconnectDelayMs);
    });
    socket.on('open', () => {
      const token = typeof this.#token === 'function' ? this.#token() : this.#token;
      this.#send({ type: 'init', subscriberId: this.#subscriberId, token });
      for (const [name, room] of this.#rooms) this.#subscribeTo(name, room);
      for (const message of this.#queue.splice(0)) this.#send(message);
    });
  }

  #subscribeTo(name, { fromSequence, last, eventTypes, sync }) {
    const from = fromSequence ?? (last > 0 ? last : undefined);
    this.#send({ type: 'subscribe', room: name, eventTypes, fromSequence: from, sync });
  }

  #send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
    else this.#queue.push(message);
  }

  #hear(message) {
    this.heard.push(message);
    const room = this.#rooms.get(message.room);
    if (message.type === 'event') this.#take(message.data);
    if (message.type === 'replay' && room) {
      room.isAsking = false;
      message.events.forEach((event) => this.#take(event));
    }
    if (message.type === 'snapshot' && room) {
      room.last = Math.max(room.last, message.snapshot?.lastSequence ?? 0);
      room.onSnapshot?.(message.snapshot);
    }
    if (message.type === 'presence') room?.onPresence?.(message.users);
  }

  #take(event) {
    const room = this.#rooms.get(event.room); // Never a wildcard's.
    if (!room || event.sequence <= room.last) return;
    room.waiting.set(event.sequence, event);
    if (event.sequence !== room.last + 1) return this.#ask(event.room, room);
    for (let next; (next = room.waiting.get(room.last + 1)); ) {
      room.waiting.delete(next.sequence);
      room.last = next.sequence;
      room.onEvent?.(next);
      this.#send({ type: 'ack', room: event.room, sequence: next.sequence });
    }
  }

  #ask(name, room) {
    if (room.isAsking || Date.now() - room.askedAt < REPLAY_THROTTLE_MS) return;
    room.isAsking = true;
    room.askedAt = Date.now();
    this.#send({ type: 'replay_request', room: name, fromSequence: room.last });
  }
}
