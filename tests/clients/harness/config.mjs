// Configuration files, for what neither a flag nor the environment can say.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The flags of a server that reads this TOML; the file is gone when test `t` is over. */
export async function configFile(t, toml) {
  const folder = await mkdtemp(join(tmpdir(), 'uringcast-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'uringcast.toml');
  await writeFile(path, toml);
  return ['--config', path];
}
