import { known, unreadable, type FirstFact } from "./fact.js";

/** Memory of Dom0 itself, in bytes. */
export interface ReportedMemory {
  readonly totalBytes: number;
  /** What can be had without swapping (proc(5), MemAvailable). */
  readonly availableBytes: number;
}

/** Memory of Dom0 (proc(5), "meminfo"). */
export const fact: FirstFact<ReportedMemory> = {
  name: "memory",
  round: 1,
  command: ["cat", "/proc/meminfo"],
  parse(result) {
    const total = kibibytes(result.stdout, "MemTotal");
    const available = kibibytes(result.stdout, "MemAvailable") ?? kibibytes(result.stdout, "MemFree");
    if (total === undefined || available === undefined) return unreadable("memory of Dom0", result);
    return known({ totalBytes: total, availableBytes: available });
  },
};

function kibibytes(text: string, key: string): number | undefined {
  const match = new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(text);
  return match === null ? undefined : Number(match[1]) * 1024;
}
