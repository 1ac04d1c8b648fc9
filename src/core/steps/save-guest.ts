import { quoteCommand } from "../model/command.js";
import { builtWith, startedFromConfig } from "../model/guest.js";
import type { ConfiguredDisk } from "../model/domain.js";
import type { StepKind } from "../model/step.js";
import { withFile, withoutFile, withRunning } from "../model/transform.js";

export interface SaveGuest {
  readonly domain: string;
  /** The guest's own config, and one that has its old disks and the identity that it has now. */
  readonly config: string;
  readonly before: string;
  /** Where its memory goes. */
  readonly file: string;
}

/** The guest is frozen, not shut down: it keeps its memory, its uptime and its connections. */
export const saveGuest: StepKind<"save-guest", SaveGuest> = {
  kind: "save-guest",
  risk: "disruptive",
  requires: ["xl", "xenstore-ls", "systemd-run"],
  title: ({ domain, file }) => `Freeze ${domain}, its memory into ${file}`,
  actions: ({ domain, before, file }) => [{ verb: ["save_guest", domain, file, before], command: ["xl", "save", "--", domain, file] }],
  goals: ({ domain }) => [{ goal: "domain-down", domain }],
  effect: ({ domain, file }, model) => withFile(withRunning(model, domain, undefined), file),
  undo: ({ domain, config, before, file }) => ({
    when: [],
    actions: [
      {
        verb: ["thaw", domain, config],
        shown: `${quoteCommand(["xl", "restore", before, file])}, if it is down and was not thawed since`,
      },
    ],
    effect: (model) => startedFromConfig(withoutFile(model, file), domain),
  }),
};

export interface RestorePaused {
  readonly domain: string;
  /** Names the new disks. */
  readonly config: string;
  readonly file: string;
  readonly disks: readonly ConfiguredDisk[];
}

/** Built from its memory and not yet running: until it does, everything can be taken back. */
export const restorePaused: StepKind<"restore-paused", RestorePaused> = {
  kind: "restore-paused",
  risk: "safe",
  requires: ["xl", "systemd-run"],
  title: ({ domain, config }) => `Restore ${domain} with the disks of ${config}, paused`,
  // never with -e: nobody would watch over the guest then
  actions: ({ domain, config, file }) => [
    { verb: ["in_scope", domain], command: ["xl", "restore", "-p", config, file] },
  ],
  goals: ({ domain }) => [{ goal: "domain-paused", domain }],
  effect: ({ domain, disks }, model) => builtWith(model, domain, disks),
  undo: ({ domain }) => ({
    // one that runs is left alone, and that is no trouble: the verb looks
    when: [],
    actions: [{ verb: ["destroy_paused", domain], command: ["xl", "destroy", "--", domain] }],
    effect: (model) =>
      model.host.domains[domain]?.running?.paused === true ? withRunning(model, domain, undefined) : model,
  }),
};
