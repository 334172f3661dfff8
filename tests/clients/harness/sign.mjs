// The signatures of the protocol, written from its description and not with a library.

import { createHash, createHmac } from 'node:crypto';

export function hmac(secret, text) {
  return createHmac('sha256', secret).update(text).digest('hex');
}

export function md5(text) {
  return createHash('md5').update(text).digest('hex');
}

/** `key:signature` over the parts that are there, as a subscription carries it. */
export function authString({ key, secret }, parts) {
  return `${key}:${hmac(secret, parts.filter((part) => part !== undefined).join(':'))}`;
}

/** The parameters that make a request the app's own; `params` may replace any of them. */
export function signedParams({ key, secret }, { method, path, params = {}, body = '' }) {
  const all = {
    auth_key: key,
    auth_timestamp: String(Math.floor(Date.now() / 1000)),
    auth_version: '1.0',
    ...(body === '' ? {} : { body_md5: md5(body) }),
    ...params,
  };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  const lines = given.map(([name, value]) => `${name.toLowerCase()}=${value}`).sort();
  const signature = hmac(secret, [method, path, lines.join('&')].join('\n'));
  return { ...Object.fromEntries(given), auth_signature: signature };
}
