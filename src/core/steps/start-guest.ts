import type { AttachedDisk, ConfiguredDisk } from "../model/domain.js";
import type { AttachedGoal } from "../model/goal.js";
import type { ReadyCheck } from "../model/desired.js";
import type { Model } from "../model/model.js";
import type { StepKind } from "../model/step.js";
import { diskKey, withDisk, withGhost, withRunning } from "../model/transform.js";

export interface CreatePaused {
  readonly domain: string;
  readonly config: string;
}

/** Builds the guest from its new config without letting it run: until it does, everything can be taken back. */
export const createPaused: StepKind<"create-paused", CreatePaused> = {
  kind: "create-paused",
  risk: "safe",
  requires: () => ["xl", "systemd-run"],
  title: ({ domain, config }) => `Create ${domain} from ${config}, paused`,
  actions: ({ domain, config }) => [{ verb: ["in_scope", domain], command: ["xl", "create", "-p", config] }],
  goals: ({ domain }) => [{ goal: "domain-paused", domain }],
  effect: ({ domain }, model) => {
    const config = model.host.domains[domain]?.config;
    if (config === undefined) return model;
    return withRunning(model, domain, {
      domid: 1 + Math.max(0, ...Object.values(model.host.domains).map((d) => d.running?.domid ?? 0)),
      uuid: config.uuid ?? "new", paused: true, memoryKiB: (config.memoryMiB ?? 0) * 1024,
      stored: config.disks, attached: config.disks.map(attachedAs),
    });
  },
  undo: ({ domain }) => ({
    when: [{ goal: "domain-paused", domain }],
    actions: [{ command: ["xl", "destroy", domain] }],
  }),
};

function attachedAs(disk: ConfiguredDisk): AttachedDisk {
  return { vdev: disk.vdev, params: disk.target, backend: disk.backendtype === "qdisk" ? "qdisk" : "vbd", state: 4 };
}

export interface CompareAttached {
  readonly domain: string;
  readonly disks: readonly AttachedGoal[];
}

/** What xenstore says is attached has to be what the plan says, before the guest may run on it. */
export const compareAttached: StepKind<"compare-attached", CompareAttached> = {
  kind: "compare-attached",
  risk: "safe",
  requires: () => ["xenstore-ls"],
  title: ({ disks }) => `Compare what is attached: ${disks.map((d) => `${d.vdev} = ${d.target}`).join(", ")}`,
  actions: ({ domain, disks }) => [
    {
      verb: ["compare_attached", domain, ...disks.flatMap((disk) => [disk.vdev, disk.target])],
      shown: `xenstore names ${disks.map((d) => `${d.target} for ${d.vdev}`).join(", ")}`,
    },
  ],
  goals: () => [],
  effect: (_args, model) => model,
};

export interface Unpause {
  readonly domain: string;
}

/** The commit: from the guest's first instruction on, the old disk is stale. */
export const unpause: StepKind<"unpause", Unpause> = {
  kind: "unpause",
  risk: "disruptive",
  requires: () => ["xl"],
  title: ({ domain }) => `Let ${domain} run on its new disk: the commit`,
  actions: ({ domain }) => [{ verb: ["unpause", domain], command: ["xl", "unpause", domain] }],
  goals: ({ domain }) => [{ goal: "domain-running", domain }],
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
}

/** The downtime ends here. Both ways of asking are tried from Dom0. */
export const waitReady: StepKind<"wait-ready", WaitReady> = {
  kind: "wait-ready",
  risk: "safe",
  requires: ({ ready }) => (ready.kind === "tcp" ? ["bash", "timeout", "xl"] : ["timeout", "xl"]),
  title: ({ domain, ready }) => `Wait until ${domain} is ready: ${readyText(ready)}`,
  actions: ({ domain, ready }) => {
    const limit = String(ready.timeoutSeconds);
    switch (ready.kind) {
      case "tcp":
        return [
          {
            verb: ["wait_ready", domain, limit, "tcp", ready.address ?? "", String(ready.port)],
            shown: `connect to ${ready.address ?? "?"} port ${ready.port} until it answers`,
          },
        ];
      case "command":
        return [{ verb: ["wait_ready", domain, limit, "command"], command: ready.command }];
      case "running":
        return [
          {
            verb: ["wait_ready", domain, limit, "running", String(ready.seconds)],
            shown: `see it run for ${ready.seconds} s`,
          },
        ];
    }
  },
  goals: () => [],
  effect: (_args, model) => model,
};

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

/** In the model, a running guest writes to each of its disks and is told that the writes are safe. */
export function guestWrites(model: Model): Model {
  let at = model;
  for (const domain of Object.values(model.host.domains)) {
    if (domain.running === undefined || domain.running.paused) continue;
    for (const disk of domain.running.attached) {
      const key = diskKey(disk.params);
      const ghost = at.ghost.disks[key];
      if (ghost === undefined || ghost.writes === Number.MAX_SAFE_INTEGER) continue;
      const writes = ghost.writes + 1;
      at = withDisk(at, key, { ...ghost, writes });
      at = withGhost(at, { acknowledged: { ...at.ghost.acknowledged, [`${domain.name}/${disk.vdev}`]: writes } });
    }
  }
  return at;
}
