import { formatBytes } from "../model/bytes.js";
import type { AttachedGoal } from "../model/goal.js";
import type { Model } from "../model/model.js";
import type { StepKind } from "../model/step.js";
import { diskKey, withGhost } from "../model/transform.js";

/** The clone that a rehearsal boots: known by its name and, since a name can be anybody's, by its UUID. */
export interface Clone {
  readonly name: string;
  readonly uuid: string;
}

export interface CreateClone extends Clone {
  /** Of whom. */
  readonly domain: string;
  readonly config: string;
  /** Its disks: snapshots, all of them. */
  readonly disks: readonly AttachedGoal[];
  /** What the hypervisor needs to have free for it. */
  readonly memoryBytes: number;
}

/** Built beside the guest, which goes on running, and not yet let run. */
export const createClone: StepKind<"create-clone", CreateClone> = {
  kind: "create-clone",
  risk: "safe",
  requires: ["xl", "xenstore-ls", "systemd-run"],
  title: ({ name, domain }) => `Create ${name}, a clone of ${domain} without network cards, paused`,
  actions: ({ name, uuid, config, disks, memoryBytes }) => [
    {
      verb: ["guard_memory", String(memoryBytes)],
      shown: `the hypervisor has ${formatBytes(memoryBytes)} free for it, and no other run its guest away, which needs that back: it is waited for`,
    },
    { verb: ["create_clone", name, uuid], command: ["xl", "create", "-p", "-f", config] },
    {
      verb: ["compare_attached", name, ...disks.flatMap(({ vdev, target }) => [vdev, target])],
      shown: `Dom0 serves ${disks.map(({ vdev, target }) => `${target} as ${vdev}`).join(", ")}`,
    },
  ],
  // no guest is looked for by this name: whether it is there is for the verbs to find out
  goals: () => [],
  effect: ({ name, disks }, model) =>
    withGhost(model, { clones: [...without(name, model), { name, disks: disks.map(({ target }) => diskKey(target)), state: "runs" }] }),
  undo: (clone) => ({
    when: [],
    actions: [{ verb: ["end_clone", clone.name, clone.uuid], command: ["xl", "destroy", "--", clone.name] }],
    effect: (model) => destroyClone.effect(clone, model),
  }),
};

export interface AwaitClone extends Clone {
  readonly timeoutSeconds: number;
  /** What has to be on its console; unset: it has to write to a disk. */
  readonly console?: string;
  readonly snapshots: readonly string[];
}

/** How long it has to stay up once it has come up. */
export const STEADY_SECONDS = 10;

/** Lets it run and watches it. It has no network to be asked over: see docs/adr/0035-rehearsal.md. */
export const awaitClone: StepKind<"await-clone", AwaitClone> = {
  kind: "await-clone",
  risk: "safe",
  requires: ["xl", "xenstore-ls", "dd"],
  title: ({ name, timeoutSeconds, console }) =>
    `Let ${name} boot, within ${timeoutSeconds} s: its disks connected, ` +
    `${console === undefined ? "written to" : `'${console}' on its console`}, and then ${STEADY_SECONDS} s up`,
  actions: ({ name, uuid, timeoutSeconds, console, snapshots }) => [
    {
      verb: ["await_clone", name, uuid, String(timeoutSeconds), String(STEADY_SECONDS), console ?? "", ...snapshots],
      command: ["xl", "unpause", "--", name],
    },
  ],
  goals: () => [],
  effect: (_args, model) => model,
};

/** It was there to be looked at, and what it wrote is worth nothing. */
export const destroyClone: StepKind<"destroy-clone", Clone> = {
  kind: "destroy-clone",
  risk: "safe",
  requires: ["xl", "xenstore-ls"],
  title: ({ name }) => `Destroy ${name}`,
  actions: ({ name, uuid }) => [{ verb: ["end_clone", name, uuid], command: ["xl", "destroy", "--", name] }],
  goals: () => [],
  effect: ({ name }, model) => withGhost(model, { clones: without(name, model) }),
};

function without(name: string, { ghost }: Model): NonNullable<Model["ghost"]["clones"]> {
  return (ghost.clones ?? []).filter((clone) => clone.name !== name);
}
