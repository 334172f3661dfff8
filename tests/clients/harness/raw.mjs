// A websocket without a client library, for cases where the exact bytes matter.

import assert from 'node:assert/strict';

import { WebSocket } from 'ws';

import { within } from './deadline.mjs';
import { Inbox } from './inbox.mjs';
import { authString } from './sign.mjs';

/** What pusher-js puts behind the path. */
export const QUERY = 'protocol=7&client=js&version=8.6.0&flash=false';

export class Raw {
  #socket;
  #inbox = new Inbox('the raw socket');
  #app;
  #closing;
  socketId = '';

  constructor(
    world,
    { key = world.app.key, path = `/app/${key}`, query = QUERY, ...options } = {},
  ) {
    const { host, port } = world.server;
    this.#app = world.app;
    this.#socket = new WebSocket(`ws://${host}:${port}${path}?${query}`, options);
    this.#socket.on('error', () => {}); // The close that follows is what is waited for.
    this.#socket.on('message', (frame) => this.#inbox.push(frame.toString()));
    this.#closing = new Promise((resolve) => {
      this.#socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  /** Opens a socket that ends with test `t`, and reads nothing. */
  static open(t, world, options) {
    const raw = new Raw(world, options);
    t.after(() => raw.#socket.terminate());
    return raw;
  }

  /** Opens a socket and takes the greeting. */
  static async connect(t, world, options) {
    const raw = Raw.open(t, world, options);
    const greeting = await raw.next();
    assert.equal(greeting.event, 'pusher:connection_established', JSON.stringify(greeting));
    raw.socketId = JSON.parse(greeting.data).socket_id;
    return raw;
  }

  get socket() {
    return this.#socket;
  }

  /** `{ code, reason }` of the close, once the connection is over. */
  closed() {
    return within('the connection to be over', this.#closing);
  }

  /** The text of the next frame. */
  text() {
    return this.#inbox.next();
  }

  /** The next frame as the JSON that it is. */
  async next() {
    return JSON.parse(await this.text());
  }

  /** Sends exactly this text, or these bytes in a binary frame. */
  write(frame) {
    this.#socket.send(frame);
  }

  /** Sends one message of the protocol. */
  send(event, data, channel) {
    this.write(JSON.stringify({ event, data, channel }));
  }

  /** Asks for a channel, signed as the application would, and takes nothing of the answer. */
  ask(channel, channelData, auth = this.sign(channel, channelData)) {
    this.send('pusher:subscribe', { auth, channel, channel_data: channelData });
  }

  sign(channel, channelData) {
    return authString(this.#app, [this.socketId, channel, channelData]);
  }

  /** Asks for a channel and takes the answer, which must be that it succeeded. */
  async subscribe(channel, channelData) {
    this.ask(channel, channelData);
    const answer = await this.next();
    assert.equal(answer.event, 'pusher_internal:subscription_succeeded', JSON.stringify(answer));
    assert.equal(answer.channel, channel);
    return answer;
  }

  /** Asks to be this user, signed as the application would, and takes nothing of the answer. */
  askToSignIn(user, auth) {
    const text = typeof user === 'string' ? user : JSON.stringify(user);
    const signed = authString(this.#app, [this.socketId, '', 'user', '', text]);
    this.send('pusher:signin', { auth: auth ?? signed, user_data: text });
  }

  /** Signs in as this user and takes the answer, which must be that it succeeded. */
  async signIn(user) {
    this.askToSignIn(user);
    const answer = await this.next();
    assert.equal(answer.event, 'pusher:signin_success', JSON.stringify(answer));
    return answer;
  }

  /** Everything that the server sends before it answers a ping that is sent now. */
  async untilPong() {
    this.send('pusher:ping', {});
    const before = [];
    for (;;) {
      const frame = await this.next();
      if (frame.event === 'pusher:pong') return before;
      before.push(frame);
    }
  }

  /** Takes what was sent until now, which must be a refusal; returns its `pusher:error`, if any. */
  async refusal() {
    const frames = await this.untilPong();
    const isRefusal = ({ event }) => /^pusher:(subscription_)?error$/.test(event);
    assert(frames.length > 0 && frames.every(isRefusal), `no refusal: ${JSON.stringify(frames)}`);
    return frames.find(({ event }) => event === 'pusher:error');
  }
}

/** `channel_data` of a member, with what pusher-js would send. */
export function member(userId, userInfo) {
  return JSON.stringify({ user_id: userId, user_info: userInfo });
}
