// The tables of docs/compatibility.md say which test shows what we claim; here, that each is there.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const ROOT = new URL('../../', import.meta.url);

/** Where the names of the tables lead; any other is a path from the root. */
const FOLDERS = { conformance: 'tests/clients/conformance/', clients: 'tests/clients/' };

const read = (path) => readFile(new URL(path, ROOT), 'utf8');

/** The file that the tables call `name`. */
function pathOf(name) {
  const [folder, file] = [name.split('/')[0], name.slice(name.indexOf('/') + 1)];
  if (folder === 'blackbox') return `tests/${name}.rs`;
  return folder in FOLDERS ? `${FOLDERS[folder]}${file}.test.mjs` : name;
}

/** The titles of the tests in `text`, as patterns: a title may have parts that a loop fills in. */
function titles(path, text) {
  if (path.endsWith('.rs')) {
    return [...text.matchAll(/#\[test\]\s+fn (\w+)\(/g)].map(([, name]) => pattern(name));
  }
  if (path.endsWith('.txt')) {
    return [...text.matchAll(/^== (.+)$/gm)].map(([, name]) => pattern(name));
  }
  const calls = text.matchAll(/\b(?:it|test)\(\s*(['"`])((?:\\.|(?!\1).)*)\1/g);
  return [...calls].map(([, , title]) => pattern(title.replace(/\\(['"`])/g, '$1')));
}

function pattern(title) {
  const parts = title.split(/\$\{[^}]*\}/);
  return new RegExp(`^${parts.map((part) => part.replace(/[^\w ]/g, '\\$&')).join('.+')}$`);
}

/** The rows of all tables, as lists of cells, without their heads. */
function rows(markdown) {
  const lines = markdown.split('\n').filter((line) => line.startsWith('| '));
  const cells = lines.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
  return cells.filter(([, ours]) => ours !== 'uringcast');
}

test('every cell of ours says no or names a test', async () => {
  const all = rows(await read('docs/compatibility.md'));
  assert(all.length > 100, `${all.length} rows`);
  const silent = all.filter(
    ([, ours]) => !/^(no\b|-$)/.test(ours) && !/`[^`]+` \*[^*]+\*/.test(ours),
  );
  assert.deepEqual(
    silent.map(([feature]) => feature),
    [],
  );
});

test('every row has as many cells as its table', async () => {
  const markdown = await read('docs/compatibility.md');
  for (const table of markdown.split(/\n(?!\|)/).map((text) => text.split('\n').slice(1))) {
    const counts = table
      .filter((line) => line.startsWith('|'))
      .map((line) => line.split('|').length);
    assert(new Set(counts).size <= 1, `cells of ${table[0]}: ${counts}`);
  }
});

test('every test that is named exists', async () => {
  const markdown = await read('docs/compatibility.md');
  const named = [...markdown.matchAll(/`([\w./-]+)` \*([^*|]+)\*/g)];
  assert(named.length > 100, `${named.length} tests`);
  const gone = [];
  for (const [, name, title] of named) {
    const path = pathOf(name);
    const text = await read(path).catch(() => '');
    if (!titles(path, text).some((known) => known.test(title))) gone.push(`${path}: ${title}`);
  }
  assert.deepEqual(gone, []);
});
