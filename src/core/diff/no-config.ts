import type { HostState } from "../model/host-state.js";
import type { Diagnostic } from "../model/diagnostic.js";

/**
 * A guest whose config is not known: there is none, or it can not be read, and so does not say whose it is. Told apart by what the file is
 * called: to write another over one that is there is no help.
 */
export function noConfig(name: string, { host, unreadConfigs = [] }: HostState, otherwise: string): Pick<Diagnostic, "severity" | "code" | "summary" | "detail" | "fix"> {
  const own = unreadConfigs.find((path) => path.slice(path.lastIndexOf("/") + 1).replace(/\.cfg$/, "") === name);
  if (own !== undefined) {
    return {
      severity: "error", code: "no-config", summary: `the config of ${name} can not be read: ${own}`,
      fix: "Mend what the warning about that file says.",
    };
  }
  return {
    severity: "error", code: "no-config", summary: `${name} has no config in /etc/xen`,
    ...(unreadConfigs.length === 0 ? {} : { detail: `${unreadConfigs.join(", ")} can not be read on ${host.name}: it may be there` }),
    fix: otherwise,
  };
}
