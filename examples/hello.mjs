// pusher-js hears what the server's own SDK publishes.
//
//   npm install pusher-js pusher && node hello.mjs
//
// prints `hello from the server` and ends. uringcast must run; PORT names another port than 6001.

import PusherServer from 'pusher';
import Pusher from 'pusher-js';

const port = Number(process.env.PORT ?? 6001);

const client = new Pusher('app-key', {
  cluster: '',
  wsHost: '127.0.0.1',
  wsPort: port,
  forceTLS: false,
  enabledTransports: ['ws', 'wss'],
});

const server = new PusherServer({
  appId: 'app-id',
  key: 'app-key',
  secret: 'app-secret',
  host: '127.0.0.1',
  port,
  useTLS: false,
});

const channel = client.subscribe('room-1');
channel.bind('greeting', (data) => {
  console.log(data.text);
  client.disconnect();
});
channel.bind('pusher:subscription_succeeded', () => {
  server.trigger('room-1', 'greeting', { text: 'hello from the server' });
});
