import type { ConfiguredDisk } from "../model/domain.js";
import { builtFromConfig, builtWith } from "../model/guest.js";
import type { AttachedGoal } from "../model/goal.js";
import type { ReadyCheck } from "../model/desired.js";
import type { Action, StepKind } from "../model/step.js";
import { verdict } from "../goals/verdict.js";
import { withGhost, withoutFile, withRunning } from "../model/transform.js";

export interface CreatePaused {
  readonly domain: string;
  readonly config: string;
  /** The disks that it names, where it is not the guest's own. */
  readonly disks?: readonly ConfiguredDisk[];
}

/** Builds the guest from its new config without letting it run: until it does, everything can be taken back. */
export const createPaused: StepKind<"create-paused", CreatePaused> = {
  kind: "create-paused",
  risk: "safe",
  requires: ["xl", "systemd-run"],
  title: ({ domain, config }) => `Create ${domain} from ${config}, paused`,
  // -f: a path with a `=` in it is a setting to xl, and no file, wherever else it stands (main_create in tools/xl/xl_vmcontrol.c)
  actions: ({ domain, config }) => [{ verb: ["in_scope", domain], command: ["xl", "create", "-p", "-f", config] }],
  goals: ({ domain }) => [{ goal: "domain-paused", domain }],
  effect: ({ domain, disks }, model) =>
    disks === undefined ? builtFromConfig(model, domain) : builtWith(model, domain, disks),
  undo: ({ domain }) => ({
    // one that runs is left alone, and that is no trouble: the verb looks
    when: [],
    actions: [{ verb: ["destroy_paused", domain], command: ["xl", "destroy", "--", domain] }],
    effect: (model) =>
      model.host.domains[domain]?.running?.paused === true ? withRunning(model, domain, undefined) : model,
  }),
};

export interface CompareAttached {
  readonly domain: string;
  readonly disks: readonly AttachedGoal[];
}

/** What Dom0's kernel serves, or QEMU by xenstore's word, has to be what the plan says, before the guest may run on it. */
export const compareAttached: StepKind<"compare-attached", CompareAttached> = {
  kind: "compare-attached",
  risk: "safe",
  requires: ["xenstore-ls"],
  title: ({ disks }) => `Compare what is attached: ${disks.map((d) => `${d.vdev} = ${d.target}`).join(", ")}`,
  actions: ({ domain, disks }) => [
    {
      verb: ["compare_attached", domain, ...disks.flatMap((disk) => [disk.vdev, disk.target])],
      shown: `Dom0 serves ${disks.map((d) => `${d.target} as ${d.vdev}`).join(", ")}`,
    },
  ],
  goals: () => [],
  effect: (_args, model) => model,
  refuses: ({ domain, disks }, model) => verdict({ goal: "attached", domain, disks }, model) !== "done",
};

export interface ResumeGuest {
  readonly domain: string;
  /** Its saved memory, which must never be restored a second time; unset where there is none. */
  readonly file?: string;
}

/** Lets it run on a mapping that still lies on its old disk: nothing is committed by that. */
export const resumeGuest: StepKind<"resume-guest", ResumeGuest> = {
  kind: "resume-guest",
  risk: "safe",
  requires: ["xl"],
  title: ({ domain }) => `Let ${domain} run on`,
  actions: ({ domain, file }) => [{ verb: ["resume_guest", domain, file ?? "-"], command: ["xl", "unpause", "--", domain] }],
  goals: ({ domain }) => [{ goal: "domain-running", domain }],
  effect: ({ domain, file }, model) => {
    const running = model.host.domains[domain]?.running;
    if (running === undefined) return model;
    const up = withRunning(model, domain, { ...running, paused: false });
    return file === undefined ? up : withoutFile(up, file);
  },
};

export interface Unpause {
  readonly domain: string;
}

/** The commit: from the guest's first instruction on, the old disk is stale. */
export const unpause: StepKind<"unpause", Unpause> = {
  kind: "unpause",
  risk: "disruptive",
  commits: () => "running",
  requires: ["xl"],
  title: ({ domain }) => `Let ${domain} run on its new disk: the commit`,
  actions: ({ domain }) => [{ verb: ["unpause", domain], command: ["xl", "unpause", "--", domain] }],
  goals: ({ domain }) => [{ goal: "domain-running", domain }],
  // also where somebody else has let it run meanwhile: what is written down first is the commit
  always: true,
  effect: ({ domain }, model) => {
    const running = model.host.domains[domain]?.running;
    if (running === undefined) return model;
    const up = withRunning(model, domain, { ...running, paused: false });
    return withGhost(up, { committed: [...up.ghost.committed, domain] });
  },
};

export interface WaitReady {
  readonly domain: string;
  readonly ready: ReadyCheck | { readonly kind: "running"; readonly seconds: number; readonly timeoutSeconds: number };
  /** From here on it is held against what it has now, by `guard` and `update-stored`: this run has just built it anew. */
  readonly notes?: true;
}

/** The downtime ends here. Both ways of asking are tried from Dom0. */
export const waitReady: StepKind<"wait-ready", WaitReady> = {
  kind: "wait-ready",
  risk: "safe",
  requires: ["bash", "timeout", "xl"],
  needs: ({ ready }) => (ready.kind === "tcp" ? ["bash", "timeout", "xl"] : ["timeout", "xl"]),
  title: ({ domain, ready }) => `Wait until ${domain} is ready: ${readyText(ready)}`,
  actions: ({ domain, ready, notes }) => [
    waiting(domain, ready),
    ...(notes === undefined ? [] : [{ verb: ["note_stored", domain] as [string, ...string[]], shown: `note which devices ${domain} has, and what libxl has stored of it` }]),
  ],
  goals: () => [],
  effect: (_args, model) => model,
};

function waiting(domain: string, ready: WaitReady["ready"]): Action {
  const limit = String(ready.timeoutSeconds);
  switch (ready.kind) {
    case "tcp":
      return {
        verb: ["wait_ready", domain, limit, "tcp", ready.address ?? "", String(ready.port)],
        shown: `connect to ${ready.address ?? "?"} port ${ready.port} until it answers`,
      };
    case "command":
      return { verb: ["wait_ready", domain, limit, "command"], command: ready.command };
    case "running":
      return { verb: ["wait_ready", domain, limit, "running", String(ready.seconds)], shown: `see it run for ${ready.seconds} s` };
  }
}

function readyText(ready: WaitReady["ready"]): string {
  const within = `within ${ready.timeoutSeconds} s`;
  switch (ready.kind) {
    case "tcp":
      return `port ${ready.port} of ${ready.address ?? "?"} answers, ${within}`;
    case "command":
      return `${ready.command[0]} succeeds, ${within}`;
    case "running":
      return `it has run for ${ready.seconds} s`;
  }
}
