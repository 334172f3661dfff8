// Which server the conformance cases run against: one of ours, started for each file, or any server
// that the environment names.
//
//   HOST=127.0.0.1 PORT=6001 APP_ID=app-id APP_KEY=app-key APP_SECRET=app-secret \
//     FEATURES=client-events,users tests/clients/run
//
// FEATURES lists what the app of that server has switched on, of the names in `FEATURES`; the cases
// that need another are skipped, as are those that need a server with settings of their own.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

const VARIABLES = ['HOST', 'PORT', 'APP_ID', 'APP_KEY', 'APP_SECRET'];

/** What some servers do only for apps that ask for it. */
const FEATURES = ['client-events', 'users', 'watchlist', 'subscription-count'];

/** The server that the environment names, as `{ host, port, app }`, or `null` for one of ours. */
export const external = fromEnvironment();

const features = new Set(external ? (process.env.FEATURES ?? '').split(',').filter(Boolean) : []);
for (const name of features) assert(FEATURES.includes(name), `FEATURES has no ${name}`);

function fromEnvironment() {
  // HOST and PORT alone are often set for other reasons.
  if (!VARIABLES.slice(2).some((name) => process.env[name])) return null;
  const missing = VARIABLES.filter((name) => !process.env[name]);
  assert(missing.length === 0, `for a server of your own also set ${missing.join(', ')}`);
  const { HOST, PORT, APP_ID, APP_KEY, APP_SECRET } = process.env;
  const app = { appId: APP_ID, key: APP_KEY, secret: APP_SECRET };
  return { host: HOST, port: Number(PORT), app };
}

/** Test options of a case that needs `feature`, which another's server may lack. */
export function needs(feature) {
  assert(FEATURES.includes(feature));
  if (!external || features.has(feature)) return {};
  return { skip: `the app may not have ${feature}: name it in FEATURES if it has` };
}

/** Test options of a case that needs a server with settings of its own. */
export const settings = external ? { skip: 'needs a server that is started for this case' } : {};

/** Test options of a case about what the protocol leaves open and uringcast does. */
export const ours = external ? { skip: 'the protocol does not say; this is how ours does it' } : {};

const run = randomBytes(4).toString('hex');
let names = 0;

/** A name that no other case uses, in this run or another, and that begins with `prefix`. */
export function unique(prefix) {
  names += 1;
  return `${prefix}-${run}-${names}`;
}

/** Test options of a case that our server does not pass yet, for want of `what`. */
export function awaits(what) {
  return external ? {} : { todo: `${what} is not built yet` };
}
