import type { Leg } from "../model/goal.js";
import type { Model } from "../model/model.js";
import { withOverwritten } from "../model/recycled.js";
import type { BlockNode, GuestQemu } from "../model/qemu.js";
import type { StepKind } from "../model/step.js";
import type { Content } from "../model/storage.js";
import { withDisk, withRunning, withVolume } from "../model/transform.js";
import { sameVdev } from "../xl/vdev.js";

export interface QemuMirror {
  readonly domain: string;
  readonly vdev: string;
  /** QEMU's node that the disk is served from now, and the one over the volume; the job that copies. */
  readonly source: string;
  readonly node: string;
  readonly job: string;
  /** As the guest sees the disk; its volume may be larger, by what LVM rounds up. */
  readonly bytes: number;
  readonly to: Leg;
  /** Bytes a second; unset: as fast as it goes. */
  readonly speed?: number;
}

/**
 * QEMU opens the volume beside the image and begins to copy, and whatever the guest writes meanwhile is copied again.
 * Both sides have to have one size, hence `size`. An error on either side ends the job and nothing else. The copy mode
 * is the default: `write-blocking` crashed QEMU 7.2, which takes the guest's disk away (seen).
 */
export const qemuMirror: StepKind<"qemu-mirror", QemuMirror> = {
  kind: "qemu-mirror",
  risk: "safe",
  requires: ["python3", "xl"],
  title: ({ vdev, to }) => `Have QEMU mirror ${vdev} to ${to.disk}`,
  actions: ({ domain, source, node, job, bytes, to, speed }) => {
    const file = { driver: "host_device", filename: to.device, cache: { direct: true } };
    const open = qmp("blockdev-add", { "node-name": node, driver: "raw", size: bytes, offset: 0, cache: { direct: true }, file });
    const mirror = qmp("blockdev-mirror", {
      "job-id": job, device: source, target: node, sync: "full", speed: speed ?? 0,
      "on-source-error": "report", "on-target-error": "report", "auto-finalize": false, "auto-dismiss": false,
    });
    return [
      { verb: ["open_node", domain, job, node, open], shown: shown(domain, open) },
      { verb: ["qmp", domain, mirror], shown: shown(domain, mirror) },
    ];
  },
  goals: ({ domain, job }) => [{ goal: "block-job", domain, job, at: "made" }],
  effect: ({ domain, node, job, bytes, to }, model) => {
    const made = withQemu(model, domain, ({ nodes, jobs }) => ({
      nodes: [...nodes, { node, path: to.device, driver: "raw", bytes }], jobs: [...jobs, { job, status: "running" }],
    }));
    return withDisk(made, to.disk, { writes: -1, deceptive: false, consistent: false });
  },
  undo: ({ domain, vdev, node, job, to }) => ({
    when: [],
    actions: [
      {
        verb: ["drop_job", domain, job, node],
        shown: shown(domain, `${qmp("job-cancel", { id: job })}, and close ${node} (after the commit: ${qmp("job-finalize", { id: job })})`),
      },
    ],
    effect: (model) => {
      const running = model.host.domains[domain]?.running;
      if (running?.qemu?.jobs.some((found) => found.job === job) !== true) return model;
      return model.ghost.committed.includes(domain) ? onNode(model, domain, vdev, node) : dropped(model, domain, job, node, to);
    },
  }),
};

export interface AwaitQemuMirror {
  readonly domain: string;
  readonly job: string;
  readonly to: Leg;
  readonly from: string;
  /** What is in the image, where that is known. */
  readonly content: Content;
}

export const awaitQemuMirror: StepKind<"await-qemu-mirror", AwaitQemuMirror> = {
  kind: "await-qemu-mirror",
  risk: "safe",
  always: true,
  requires: ["python3", "xl"],
  title: ({ from, to }) => `Wait until ${to.disk} has caught up with ${from}`,
  actions: ({ domain, job }) => [
    { verb: ["await_job", domain, job], shown: shown(domain, `${qmp("query-jobs")}, until ${job} is ready`) },
  ],
  goals: ({ domain, job }) => [{ goal: "block-job", domain, job, at: "ready" }],
  refuses: ({ domain, job }, model) => !isAtWork(model, domain, job),
  // what the guest writes from here on is copied a moment later: the volume has it all only once the job is pending
  effect: ({ domain, job, to, content }, model) => {
    const volume = model.host.volumes[to.disk];
    const filled = withOverwritten(volume === undefined ? model : withVolume(model, { ...volume, content }), to.disk, "head");
    return withJob(filled, domain, job, "ready");
  },
};

export interface DropQemuMirror {
  readonly domain: string;
  readonly job: string;
  readonly node: string;
}

/** What a run that could not tidy up has left in the guest's QEMU. */
export const dropQemuMirror: StepKind<"drop-qemu-mirror", DropQemuMirror> = {
  kind: "drop-qemu-mirror",
  risk: "safe",
  requires: ["python3", "xl"],
  title: ({ job }) => `End the job ${job}, which an earlier run has left`,
  actions: ({ domain, job, node }) => [
    { verb: ["drop_job", domain, job, node], shown: shown(domain, `${qmp("job-cancel", { id: job })}, and close ${node}`) },
  ],
  goals: () => [],
  effect: ({ domain, job, node }, model) => withQemu(model, domain, (qemu) => without(qemu, job, node)),
};

export interface CloseNode {
  readonly domain: string;
  readonly node: string;
  readonly path: string;
}

/** QEMU keeps the image open until it is told otherwise, or the guest starts anew: so nothing is done to it before. */
export const closeNode: StepKind<"close-node", CloseNode> = {
  kind: "close-node",
  risk: "safe",
  requires: ["python3", "xl"],
  title: ({ path }) => `Have QEMU close ${path}`,
  actions: ({ domain, node }) => {
    const command = qmp("blockdev-del", { "node-name": node });
    return [{ verb: ["close_node", domain, command], shown: shown(domain, command) }];
  },
  goals: ({ domain, path }) => [{ goal: "let-go", domain, path }],
  effect: ({ domain, path }, model) =>
    withQemu(model, domain, ({ nodes, jobs }) => ({ nodes: nodes.filter((found) => found.path !== path), jobs })),
};

/** A QMP command as JSON: quoting is JSON's, and the text goes to the host as one argument. */
export function qmp(execute: string, args?: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ execute, ...(args === undefined ? {} : { arguments: args }) });
}

function shown(domain: string, what: string): string {
  return `QMP of ${domain}: ${what}`;
}

/** The guest's disk is served from this node, and the job that filled it is over. */
export function onNode(model: Model, domain: string, vdev: string, node: string): Model {
  const running = model.host.domains[domain]?.running;
  const open = running?.qemu?.nodes.find((found: BlockNode) => found.node === node);
  if (running?.qemu === undefined || open === undefined) return model;
  return withRunning(model, domain, {
    ...running,
    attached: running.attached.map((disk) => (sameVdev(disk.vdev, vdev) ? { ...disk, open } : disk)),
    qemu: { nodes: running.qemu.nodes, jobs: running.qemu.jobs.filter(({ job }) => job !== node) },
  });
}

function dropped(model: Model, domain: string, job: string, node: string, to: Leg): Model {
  const without_ = withQemu(model, domain, (qemu) => without(qemu, job, node));
  return withDisk(without_, to.disk, { writes: -1, deceptive: false, consistent: false });
}

function without({ nodes, jobs }: GuestQemu, job: string, node: string): GuestQemu {
  return { nodes: nodes.filter((found) => found.node !== node), jobs: jobs.filter((found) => found.job !== job) };
}

/** The job is there: it ends with the guest's QEMU, which each start of the guest has anew. */
export function isAtWork({ host }: Model, domain: string, job: string): boolean {
  return host.domains[domain]?.running?.qemu?.jobs.some((found) => found.job === job) === true;
}

/** The job is where it is said to be. */
export function withJob(model: Model, domain: string, job: string, status: string): Model {
  return withQemu(model, domain, ({ nodes, jobs }) => ({
    nodes, jobs: jobs.map((found) => (found.job === job ? { ...found, status } : found)),
  }));
}

function withQemu(model: Model, domain: string, change: (qemu: GuestQemu) => GuestQemu): Model {
  const running = model.host.domains[domain]?.running;
  if (running?.qemu === undefined) return model;
  return withRunning(model, domain, { ...running, qemu: change(running.qemu) });
}
