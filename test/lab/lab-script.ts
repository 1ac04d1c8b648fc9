import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** The checkout's root: the tests run from their source and, compiled, from below dist, the scripts only from the source. */
export function checkoutRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'test/lab/lab.sh'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('test/lab/lab.sh lies nowhere above this file');
    directory = parent;
  }
  return directory;
}

export const labScript = join(checkoutRoot(), 'test/lab/lab.sh');

/**
 * Runs one command of lab.sh and gives back what it printed.
 * Throws execa's error, which carries standard error, when the command fails.
 */
export async function runLabScript(command: string, options: readonly string[]): Promise<string> {
  // QEMU stays behind and would hold pipes open: it is daemonized by lab.sh, and closes them itself.
  const { stdout } = await execa(labScript, [command, ...options], { stdin: 'ignore' });
  return stdout;
}

/** Parses the NAME=VALUE lines that `lab.sh status` prints. */
export function parseStatus(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) values.set(line.slice(0, at), line.slice(at + 1));
  }
  return values;
}
