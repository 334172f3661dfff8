// A reporter for node's test runner: names what was left out, and with CI=true makes that a failure.

export default async function* skipped(events) {
  const names = [];
  for await (const { type, data } of events) {
    if ((type === 'test:pass' || type === 'test:fail') && data.skip !== undefined) {
      names.push(`  ${data.name}: ${data.skip}\n`);
    }
  }
  if (names.length === 0) return;
  const isFailure = process.env.CI === 'true';
  if (isFailure) process.exitCode = 1;
  yield `${names.length} left out${isFailure ? ', which is a failure with CI=true' : ''}:\n`;
  yield* names;
}
