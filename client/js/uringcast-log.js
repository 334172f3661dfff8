// What uringcast's logged channels offer, for an unmodified pusher-js 8.
//
// On a logged channel each event carries its place in the channel's order: the frame's last member
// is `"sequence"`. pusher-js drops members it does not know, so this module looks at the text of
// each message before pusher-js does. It keeps the last sequence of each channel, sends it before
// pusher-js subscribes (again), and withholds what comes twice. Other channels are not touched.
//
// Invariant: `last` of a channel is the sequence of the last event that pusher-js was given.

const SEQUENCE = /,"sequence":(\d+)\}$/;
const EPOCH = /,"epoch":(\d+),"sequence":\d+\}$/;
const SEQUENCE_LENGTH_MAX = ',"sequence":}'.length + 20;
const EVENT = '{"event":"';
const CHANNEL = '","channel":"';
const SUCCEEDED = `${EVENT}pusher_internal:subscription_succeeded"`;
const TRUNCATED = `${EVENT}uringcast:truncated"`;

/**
 * Where a client keeps how far it has come, so that it goes on there after a reload, too.
 *
 * @typedef {object} Cursors
 * @property {(channel: string) => number | undefined} get The last sequence given to `set`.
 * @property {(channel: string, sequence: number) => void} set Called after each event.
 */

/**
 * A hole in a channel's order. `after` is the last event that was seen, `first` the first one that
 * can come now. If `first` is not more than `after`, the server's log began anew.
 *
 * @typedef {{ channel: string, after: number, first: number }} Hole
 */

/**
 * @typedef {object} Options
 * @property {Cursors} [cursors] Default: as long as the page lives.
 * @property {string} [subscriber] Whose acks these are, for a client that neither signs in nor
 *   joins presence channels. At most 128 bytes.
 * @property {boolean} [acks] Whether events are acknowledged. Default: if there is a `subscriber`.
 * @property {number} [ackEvery] Events of a channel after which an ack is sent. Default 100.
 * @property {number} [ackAfterMs] Milliseconds after which it is sent at the latest. Default 1,000.
 * @property {(channel: string) => boolean} [fromAcked] Which logged channels start after the last
 *   event that the server knows as acknowledged, if nothing is known here. Default: none.
 * @property {(hole: Hole) => void} [onTruncated] Events are lost: the server does not have them any
 *   more. The application should load its state anew.
 * @property {(hole: Hole) => void} [onGap] Sequences were left out on a live connection. The server
 *   leaves out what this client was excluded from, such as its own client events, and nothing else.
 */

/** What is known of one channel. */
class Place {
  /** @type {number | undefined} */
  last;
  /**
   * Which of the server's lives that is of, if its logs end with it.
   *
   * @type {number | undefined}
   */
  epoch;
  /** Events since the last ack. */
  unacked = 0;

  /** @param {number | undefined} last */
  constructor(last) {
    this.last = last;
  }
}

/** Follows the logged channels of one pusher-js client. */
export class EventLog {
  #pusher;
  #options;
  /** @type {Map<string, Place>} */
  #places = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #sendEvent;
  #transport;
  #onStateChange = ({ current }) => {
    if (current === 'connected') this.#listen();
  };

  /** @param {Options} [options] */
  constructor(pusher, options = {}) {
    const { cursors = new Map(), subscriber, acks = subscriber !== undefined } = options;
    const { ackEvery = 100, ackAfterMs = 1_000, fromAcked = () => false } = options;
    const { onTruncated = () => {}, onGap = () => {} } = options;
    this.#options = { cursors, subscriber, acks, ackEvery, ackAfterMs, fromAcked, onTruncated };
    this.#options.onGap = onGap;
    this.#pusher = pusher;
    // Every subscription of pusher-js passes here, the first ones and those after a reconnect.
    const sendEvent = pusher.send_event;
    this.#sendEvent = (name, data, channel) => sendEvent.call(pusher, name, data, channel);
    pusher.send_event = (name, data, channel) => {
      if (name === 'pusher:subscribe') this.#resume(data.channel);
      return this.#sendEvent(name, data, channel);
    };
    // Emitted before `connected`, on which pusher-js subscribes, and before any further message.
    pusher.connection.bind('state_change', this.#onStateChange);
    if (pusher.connection.state === 'connected') this.#listen();
  }

  /**
   * The sequence of the last event that pusher-js was given; `undefined` if the channel is not
   * known to be logged.
   *
   * @param {string} channel
   */
  last(channel) {
    return this.#place(channel).last;
  }

  /**
   * The next subscription to `channel` starts after event `sequence`, with 0 at the oldest one.
   *
   * @param {string} channel
   * @param {number} sequence
   */
  startAfter(channel, sequence) {
    this.#advance(channel, this.#place(channel), sequence);
  }

  /** Sends the acks that are due later now. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [channel, place] of this.#places) this.#ack(channel, place);
  }

  /** Sends what acks there are and leaves the client as it was. */
  stop() {
    this.flush();
    delete this.#pusher.send_event;
    this.#pusher.connection.unbind('state_change', this.#onStateChange);
    if (this.#transport) delete this.#transport.onMessage;
  }

  /** Looks at each message of the present connection before pusher-js does. */
  #listen() {
    const { transport } = this.#pusher.connection.connection;
    const { onMessage } = transport;
    this.#transport = transport;
    transport.onMessage = (message) => {
      this.#receive(transport, message.data, () => onMessage.call(transport, message));
    };
  }

  #receive(transport, text, dispatch) {
    // A connection that pusher-js has given up may still talk; nobody hears it.
    const isHeard = this.#pusher.connection.connection?.transport === transport;
    if (!isHeard || typeof text !== 'string') return dispatch();
    if (text.startsWith(TRUNCATED)) return this.#onTruncated(text, dispatch);
    const sequence = sequenceOf(text);
    if (sequence === undefined) return dispatch();
    const channel = channelOf(text);
    const place = this.#place(channel);
    if (text.startsWith(SUCCEEDED)) {
      const epoch = EPOCH.exec(text)?.[1];
      place.epoch = epoch === undefined ? undefined : Number(epoch);
      this.#onSubscribed(channel, place, sequence);
      return dispatch();
    }
    if (sequence <= place.last) return;
    this.#onEvent(channel, place, sequence, dispatch);
  }

  #onEvent(channel, place, sequence, dispatch) {
    const after = place.last;
    try {
      if (sequence > after + 1) this.#options.onGap({ channel, after, first: sequence });
      dispatch();
    } finally {
      // An application that throws was given the event nevertheless.
      this.#advance(channel, place, sequence);
      place.unacked += 1;
      this.#ackInTime(channel, place);
    }
  }

  /** The subscription starts after event `sequence`. */
  #onSubscribed(channel, place, sequence) {
    const after = place.last;
    this.#advance(channel, place, sequence);
    if (after !== undefined && after !== sequence) {
      this.#options.onTruncated({ channel, after, first: sequence + 1 });
    }
    if (place.unacked > 0) this.#ackInTime(channel, place);
  }

  #onTruncated(text, dispatch) {
    const { channel, data } = JSON.parse(text);
    const { after, first } = JSON.parse(data);
    const place = this.#place(channel);
    if (place.last !== first - 1) {
      this.#advance(channel, place, first - 1);
      this.#options.onTruncated({ channel, after, first });
    }
    // On these pusher-js would take it for an event that it cannot decrypt.
    if (!channel.startsWith('private-encrypted-')) dispatch();
  }

  #resume(channel) {
    const { last: after, epoch } = this.#place(channel);
    const { subscriber, fromAcked } = this.#options;
    if (after !== undefined) {
      this.#sendEvent('uringcast:resume', { channel, after, epoch, subscriber });
    } else if (fromAcked(channel)) {
      this.#sendEvent('uringcast:resume', { channel, subscriber });
    }
  }

  #ackInTime(channel, place) {
    const { acks, ackEvery, ackAfterMs } = this.#options;
    if (!acks) return;
    if (place.unacked >= ackEvery) this.#ack(channel, place);
    else this.#timer ??= setTimeout(() => this.flush(), ackAfterMs);
  }

  #ack(channel, { last: sequence, unacked }) {
    const { acks, subscriber } = this.#options;
    if (!acks || unacked === 0 || !this.#pusher.channel(channel)?.subscribed) return;
    const isSent = this.#sendEvent('uringcast:ack', { channel, sequence, subscriber });
    if (isSent) this.#place(channel).unacked = 0;
  }

  #place(channel) {
    let place = this.#places.get(channel);
    if (!place) {
      place = new Place(this.#options.cursors.get(channel) ?? undefined);
      this.#places.set(channel, place);
    }
    return place;
  }

  #advance(channel, place, sequence) {
    place.last = sequence;
    this.#options.cursors.set(channel, sequence);
  }
}

/** The sequence at the end of a frame; nothing that an application sends can stand there. */
function sequenceOf(text) {
  const found = SEQUENCE.exec(text.slice(-SEQUENCE_LENGTH_MAX));
  return found ? Number(found[1]) : undefined;
}

/** The channel of a frame that has one, mostly without reading all of it. */
function channelOf(text) {
  const end = text.indexOf('"', EVENT.length);
  // A quote within a name stands behind a backslash, and so does the one after it.
  if (!text.startsWith(EVENT) || !text.startsWith(CHANNEL, end)) return JSON.parse(text).channel;
  const start = end + CHANNEL.length;
  return text.slice(start, text.indexOf('"', start));
}
