import { randomBytes } from "node:crypto";
import { hostname, userInfo } from "node:os";

/** Who starts a run, for whoever finds the guest taken: `alice@laptop`. */
export function ownerName(): string {
  let user = process.env["USER"] ?? "somebody";
  try {
    user = userInfo().username;
  } catch {
    // a user without an entry in passwd, as in some containers
  }
  return `${user}@${hostname()}`;
}

/** Name of a run: sorts by time, and two at once differ. */
export function runStamp(now: Date = new Date()): string {
  const time = now.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `${time}-${randomBytes(3).toString("hex")}`;
}
