// laravel-echo with the settings that it needs, and an event of a backend.
//
//   npm install laravel-echo pusher-js pusher && node orders.mjs
//
// prints `order 7 has shipped` and ends. uringcast must run; PORT names another port than 6001.

import Echo from 'laravel-echo';
import PusherServer from 'pusher';
import Pusher from 'pusher-js';

const port = Number(process.env.PORT ?? 6001);

const echo = new Echo({
  broadcaster: 'reverb',
  Pusher,
  key: 'app-key',
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

echo
  .channel('orders')
  .listen('.shipped', (order) => {
    console.log(`order ${order.id} has shipped`);
    echo.disconnect();
  })
  .subscribed(() => {
    server.trigger('orders', 'shipped', { id: 7 });
  });
