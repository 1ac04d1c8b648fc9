import { quoteCommand } from "../model/command.js";
import type { StepKind } from "../model/step.js";
import { guestFlushes, startedFromConfig, withoutDeferred } from "../model/guest.js";
import { withRunning } from "../model/transform.js";

export interface ShutDown {
  readonly domain: string;
  readonly config: string;
  readonly timeoutSeconds: number;
  /** Destroy a guest that ignores the request: only where the playbook says so. */
  readonly destroy: boolean;
  /**
   * Press the power button of a guest that runs no drivers of Xen's, and so hears of no request: an HVM one. xl does that only
   * where it is told to, and fails otherwise (xl_vmcontrol.c, shutdown_domain).
   */
  readonly powerButton?: true;
}

/** The downtime begins here, and it is over when the guest, its backends and its loop devices are really gone. */
export const shutDown: StepKind<"shut-down", ShutDown> = {
  kind: "shut-down",
  // a guest that is destroyed loses what it has not written yet
  risk: ({ destroy }) => (destroy ? "destructive" : "disruptive"),
  requires: ["xl", "xenstore-ls", "systemd-run"],
  title: ({ domain, timeoutSeconds, destroy }) =>
    `Shut ${domain} down, within ${timeoutSeconds} s${destroy ? ", then destroy it" : ""}`,
  actions: ({ domain, timeoutSeconds, destroy, powerButton }) => [
    {
      verb: ["shut_down", domain, String(timeoutSeconds), destroy ? "destroy" : "never"],
      // a name may begin with a dash: `xl shutdown -a` shuts all guests down
      command: ["xl", "shutdown", ...(powerButton === true ? ["-F"] : []), "--", domain],
      ...(destroy ? { also: `where it has not gone within ${timeoutSeconds} s: ${quoteCommand(["xl", "destroy", "--", domain])}` } : {}),
    },
  ],
  goals: ({ domain }) => [{ goal: "domain-down", domain }],
  effect: ({ domain }, model) => withoutDeferred(withRunning(guestFlushes(model, domain), domain, undefined)),
  undo: ({ domain, config }) => ({
    // whether it is down already, still going, or never read the request, is looked at when it is undone
    when: [],
    actions: [{ verb: ["bring_back", domain, config], shown: `${quoteCommand(["xl", "create", "-f", config])}, if it is down` }],
    effect: (model) => startedFromConfig(model, domain),
  }),
};
