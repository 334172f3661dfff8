// Random numbers that can be had again: the seed of a failed run is printed.

import { randomInt } from 'node:crypto';

export class Random {
  #state;

  constructor(seed) {
    this.seed = `SEED=${seed}`;
    this.#state = BigInt(seed);
  }

  /** Of the seed in the environment, or of one that test `t` prints. */
  static of(t) {
    const random = new Random(Number(process.env.SEED ?? randomInt(2 ** 31)));
    t.diagnostic(random.seed);
    return random;
  }

  /** A whole number from 0 to below `end` (splitmix64). */
  below(end) {
    const mask = (1n << 64n) - 1n;
    this.#state = (this.#state + 0x9e3779b97f4a7c15n) & mask;
    let z = this.#state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
    return Number((z ^ (z >> 31n)) % BigInt(end));
  }
}
