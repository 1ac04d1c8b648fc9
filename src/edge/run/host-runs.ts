import type { Host } from "../hosts/host.js";
import type { HostRuns } from "./target.js";
import { Unreachable } from "./target.js";

/** Runs on a host. */
export function hostRuns(_host: Host): HostRuns {
  return {
    submit: () => Promise.reject(new Unreachable("not yet built")),
    follow: () => Promise.reject(new Unreachable("not yet built")),
    stop: () => Promise.reject(new Unreachable("not yet built")),
  };
}
