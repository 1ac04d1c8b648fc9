import type { Diagnostic } from "./diagnostic.js";

/**
 * What an exception about one host says to the user. The other hosts, and the other recordings, have nothing to do with it: what is odd
 * about one of dozens must not keep the others from being looked at, and who runs them has to know which one to leave out.
 * @returns an error of that host
 */
export function mistakeAbout(host: string, error: unknown): Diagnostic {
  const where = error instanceof Error ? firstFrame(error.stack ?? "") : undefined;
  return {
    severity: "error", code: "internal-error", subject: { host },
    summary: `converge has made a mistake of its own about ${host}: ${error instanceof Error ? error.message : String(error)}`,
    ...(where === undefined ? {} : { detail: where }),
    fix: "This is a bug: please report it, with a recording of the host's facts if one can be made (converge facts --record). Until it is mended leave the host out.",
  };
}

/** `at planHost (plan-host.js:37:11)`: enough to find it by, and no folder of this machine's. */
function firstFrame(stack: string): string | undefined {
  const [, name, path, place] = /^ *at (?:(\S+) \()?(?:file:\/\/)?(\/[^()]*?)(:\d+:\d+)\)?$/m.exec(stack) ?? [];
  return path === undefined ? undefined : `at ${name === undefined ? "" : `${name} in `}${path.slice(path.lastIndexOf("/") + 1)}${place ?? ""}`;
}
