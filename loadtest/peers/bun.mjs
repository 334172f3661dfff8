// Bun's own pub/sub: what a text frame or a posted body says goes out to its topic unchanged.
import { READY, topicOf, wanted } from "./topics.mjs";

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request, server) {
    if (request.method === "POST") {
      const text = await request.text();
      server.publish(topicOf(text), text);
      return new Response("{}");
    }
    const topics = wanted(new URL(request.url).pathname);
    if (!server.upgrade(request, { data: topics })) {
      return new Response("websockets only", { status: 400 });
    }
  },
  websocket: {
    perMessageDeflate: false,
    open(socket) {
      for (const topic of socket.data) socket.subscribe(topic);
      socket.send(READY);
    },
    message(socket, text) {
      socket.publish(topicOf(text), text);
    },
  },
});

process.on("SIGTERM", () => process.exit(0));
console.log(`listening on 127.0.0.1:${server.port}`);
