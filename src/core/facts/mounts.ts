import type { Mount } from "../model/storage.js";
import { known, unreadable, type FirstFact } from "./fact.js";

/**
 * Mounts as the host's init sees them, later ones after earlier ones (proc(5), "mountinfo"): the session that asks
 * may live in a mount namespace of its own.
 */
export const fact: FirstFact<readonly Mount[]> = {
  name: "mounts",
  round: 1,
  command: ["sh", "-c", "cat /proc/1/mountinfo 2>/dev/null || cat /proc/self/mountinfo"],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("mounts", result);
    const mounts: Mount[] = [];
    for (const line of result.stdout.split("\n")) {
      const mount = readLine(line);
      if (mount !== undefined) mounts.push(mount);
    }
    return known(mounts);
  },
};

/** `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue` */
function readLine(line: string): Mount | undefined {
  const fields = line.split(" ");
  const dash = fields.indexOf("-", 6);
  const [, , devno, root, target, options] = fields;
  const type = fields[dash + 1];
  const source = fields[dash + 2];
  if (dash === -1 || devno === undefined || root === undefined || target === undefined) return undefined;
  if (options === undefined || type === undefined || source === undefined) return undefined;
  return { target: unescape(target), source: unescape(source), type, options, devno, root: unescape(root) };
}

/** The kernel writes space, tab, newline, backslash and hash as three octal digits; a few filesystems more. */
function unescape(field: string): string {
  if (!field.includes("\\")) return field;
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
