// What both servers of topics agree on: see the `Dialect::Topics` of the load test.

// Said by a server when the connection is subscribed.
export const READY = '{"event":"ready"}';

// The topics that the path of an upgrade names: /topics/a,b
export function wanted(path) {
  return path
    .slice("/topics/".length)
    .split(",")
    .filter((topic) => topic !== "");
}

// The topic that a published text names itself, found without parsing the text.
const CHANNEL = '"channel":"';
export function topicOf(text) {
  const start = text.indexOf(CHANNEL) + CHANNEL.length;
  return text.slice(start, text.indexOf('"', start));
}
