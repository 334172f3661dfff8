// Node with `ws`, which has no topics of its own: a set of sockets for each.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { READY, topicOf, wanted } from "./topics.mjs";

const topics = new Map();

function publish(text, publisher) {
  for (const socket of topics.get(topicOf(text)) ?? []) {
    if (socket !== publisher) socket.send(text);
  }
}

const server = createServer((request, response) => {
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (part) => (text += part));
  request.on("end", () => {
    publish(text);
    response.end("{}");
  });
});

new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket, request) => {
  const own = wanted(request.url);
  for (const topic of own) {
    if (!topics.has(topic)) topics.set(topic, new Set());
    topics.get(topic).add(socket);
  }
  socket.on("message", (text) => publish(text.toString(), socket));
  socket.on("close", () => own.forEach((topic) => topics.get(topic).delete(socket)));
  socket.send(READY);
});

process.on("SIGTERM", () => process.exit(0));
server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
