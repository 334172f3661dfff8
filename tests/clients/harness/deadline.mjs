// Every wait in these tests ends: with what was waited for, or with an error that names it.

const DEADLINE_MS = 10_000;

/** Settles like `promise`, or fails once the deadline has passed. */
export async function within(what, promise, deadlineMs = DEADLINE_MS) {
  let timer;
  const expired = new Promise((_, reject) => {
    const error = new Error(`waited ${deadlineMs} ms in vain for ${what}`);
    timer = setTimeout(() => reject(error), deadlineMs);
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** The first value that `source`, which has pusher-js's or Node's own `on`, emits as `event`. */
export function emitted(source, event, accept = () => true, deadlineMs = DEADLINE_MS) {
  const bind = (source.bind ?? source.on).bind(source);
  const unbind = (source.unbind ?? source.off).bind(source);
  const seen = new Promise((resolve) => {
    const listener = (value) => {
      if (!accept(value)) return;
      unbind(event, listener);
      resolve(value);
    };
    bind(event, listener);
  });
  return within(event, seen, deadlineMs);
}
