/** What the process ends with. Scripts depend on these: docs/reference/exit-codes.md. */
export const EXIT = {
  done: 0,
  /** Bad usage or input, or the user declined: nothing was changed. */
  usage: 1,
  /** `--check --detailed-exitcode`: changes are pending. */
  pending: 2,
  failed: 3,
  unreachable: 4,
  /** A stale plan, a lock that another holds, a check that forbids it. */
  refused: 5,
  /** 128 and the signal's number, as shells have it. The run goes on on the host, or was stopped as asked. */
  interrupted: 130, hungUp: 129, terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Where several apply: what a signal did, then 3 before 4 before 5, then the rest. */
const ORDER: readonly ExitCode[] = [EXIT.hungUp, EXIT.terminated, EXIT.interrupted, EXIT.failed, EXIT.unreachable, EXIT.refused, EXIT.usage, EXIT.pending];

/** The one that the process ends with, where several things happened; `done` where nothing did. */
export function worst(codes: Iterable<ExitCode>): ExitCode {
  const present = new Set(codes);
  return ORDER.find((code) => present.has(code)) ?? EXIT.done;
}
