import type { Command } from "../model/command.js";

/** What a copy by a process may take of the host. */
export interface Throttle {
  readonly nice?: number;
  readonly ionice?: "idle" | "best-effort" | "none";
  readonly bandwidthBytesPerSecond?: number;
}

/** A command at its place behind the others: the bandwidth is for whoever copies to keep to. */
export function throttled({ nice, ionice }: Throttle, [program, ...args]: Command): Command {
  const inLine: Command = ionice === "idle"
    ? ["ionice", "-c", "3", program, ...args]
    : ionice === "best-effort" ? ["ionice", "-c", "2", "-n", "7", program, ...args] : [program, ...args];
  return nice === undefined ? inLine : ["nice", "-n", String(nice), ...inLine];
}

/** The tools that any throttle may take. */
export const THROTTLE_TOOLS = ["nice", "ionice"] as const;

/** Those of them that this one takes. */
export function throttleTools({ nice, ionice }: Throttle): readonly string[] {
  return [...(nice === undefined ? [] : ["nice"]), ...(ionice === undefined || ionice === "none" ? [] : ["ionice"])];
}
