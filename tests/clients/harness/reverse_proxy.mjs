// A real nginx or HAProxy in front of a server, with a pool of connections to it.
//
// Clients find the server at `/` and, as at many sites, below a prefix that the proxy strips.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { within } from './deadline.mjs';

export const PREFIX = '/realtime';

const nginx = ({ folder, port, to }) => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr;
events { worker_connections 128; }
http {
  access_log off;
  client_body_temp_path ${folder}/client;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream uringcast { server 127.0.0.1:${to}; keepalive 16; }
  server {
    listen 127.0.0.1:${port};
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    location / { proxy_pass http://uringcast; }
    location ${PREFIX}/ { proxy_pass http://uringcast/; }
  }
}
`;

const haproxy = ({ port, to }) => `
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
  option forwardfor
  http-reuse always
frontend clients
  bind 127.0.0.1:${port}
  default_backend uringcast
backend uringcast
  http-request replace-path ${PREFIX}(/.*) \\1
  server one 127.0.0.1:${to}
`;

const KINDS = {
  nginx: { config: nginx, command: (file) => ['nginx', ['-c', file]] },
  haproxy: { config: haproxy, command: (file) => ['haproxy', ['-db', '-f', file]] },
};

/** For a test's options: why it is left out, which harness/skipped.mjs makes a failure in CI. */
export function skipWithout(program) {
  const path = `${process.env.PATH}:/usr/sbin`;
  const isThere = !spawnSync(program, ['-v'], { env: { ...process.env, PATH: path } }).error;
  return { skip: isThere ? false : `${program} is not installed` };
}

/** A port that was free a moment ago: neither program says which one it took. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function isListening(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Starts `kind` in front of the port `to` until test `t` is over; where it listens. */
export async function startReverseProxy(t, kind, to) {
  const folder = await mkdtemp(join(tmpdir(), 'uringcast-proxy-'));
  const port = await freePort();
  const file = join(folder, 'config');
  await writeFile(file, KINDS[kind].config({ folder, port, to }));
  const [program, args] = KINDS[kind].command(file);
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  t.after(async () => {
    process.off('exit', kill);
    child.kill('SIGTERM');
    await within(`${kind} to end`, exited);
    await rm(folder, { recursive: true });
  });
  let said = '';
  child.stderr.on('data', (text) => (said += text));
  const listening = async () => {
    while (!(await isListening(port))) {
      assert.equal(child.exitCode, null, `${kind} did not start:\n${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await within(`${kind} to listen`, listening());
  return { host: '127.0.0.1', port };
}
