import type { Check, CheckContext } from "../checks/check.js";
import { checks } from "../checks/registry.js";
import type { Diagnostic } from "../model/diagnostic.js";

const ALL: readonly Check[] = Object.values(checks);

/** Those that are asked about a guest that nothing is to be done to. */
export const ALWAYS: readonly Check[] = ALL.filter((check) => check.always === true);

/** What checks find: all of them, or the given ones. An error among it forbids the plan. */
export function runChecks(context: CheckContext, which: readonly Check[] = ALL): readonly Diagnostic[] {
  const host = context.state.host.name;
  const domain = context.domain.name;
  return which.flatMap((check) =>
    check.run(context).map(({ vdev, severity, ...finding }) => ({
      ...finding,
      severity: severity ?? "error",
      code: check.code,
      subject: { host, domain, ...(vdev === undefined ? {} : { vdev }) },
    })),
  );
}
