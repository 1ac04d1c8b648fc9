import { existsSync, readFileSync, readdirSync } from "node:fs";

/**
 * Ends every process that has this in its environment, and what it starts meanwhile. Where there is no /proc nobody is found.
 * @param variable `NAME=value`
 */
export function endAllWith(variable: string): void {
  if (!existsSync("/proc/self/environ")) return;
  while (readdirSync("/proc").filter((name) => /^\d+$/.test(name) && unlessGone(() => ended(Number(name), `${variable}\0`))).length > 0);
}

function ended(pid: number, variable: string): boolean {
  // one that has died already has none
  if (!readFileSync(`/proc/${String(pid)}/environ`, "latin1").includes(variable)) return false;
  process.kill(pid, "SIGKILL");
  return true;
}

/** Of a process that is no more, or is somebody else's: no. */
function unlessGone(look: () => boolean): boolean {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && "code" in error && ["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(String(error.code))) return false;
    throw error;
  }
}
