import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Goal } from "../../src/core/model/goal.js";
import type { DomainPlan, PlanNode, Repeat } from "../../src/core/model/plan.js";
import type { Action, Phase, Step, StepKind } from "../../src/core/model/step.js";
import { bootUnitName, snapshotName, volumeTags } from "../../src/core/model/names.js";
import { installBootUnit } from "../../src/core/steps/boot-unit.js";
import { createPaused } from "../../src/core/steps/start-guest.js";
import { compileProgram } from "../../src/core/program/compile.js";
import type { StubHost } from "./host.js";

interface Raw {
  readonly title: string;
  readonly actions: readonly Action[];
  readonly goals?: readonly Goal[];
  readonly undo?: { readonly when: readonly Goal[]; readonly actions: readonly Action[] };
}

/** A kind whose steps say in their arguments what they do: the runtime is tested without the real kinds. */
export const raw: StepKind<"raw", Raw> = {
  kind: "raw",
  risk: "safe",
  requires: [],
  title: ({ title }) => title,
  actions: ({ actions }) => actions,
  goals: ({ goals }) => goals ?? [],
  effect: (_args, model) => model,
  undo: ({ undo }) => (undo === undefined ? undefined : { ...undo, effect: (model) => model }),
};

export function rawStep(id: string, phase: Phase, args: Raw): Step<"raw", Raw> {
  return { node: "step", id, kind: "raw", phase, args, why: "" };
}

export function sha256(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

export function planOf(domain: string, nodes: readonly PlanNode[]): DomainPlan {
  return {
    domain, nodes, changes: [], bindings: [], digest: "sha256:d1",
    choices: [{ vdev: "xvda1", strategy: "rsync", switch: "restart", because: [], against: [] }],
    estimate: { copyBytes: 0, seconds: 12.5, spaceNeeded: [], downtimeSeconds: 0, budgetSeconds: 0, parts: [] },
  };
}

export interface MoveOptions {
  readonly budget?: number;
  readonly minimum?: number;
  readonly insist?: "destroy" | "never";
  readonly ready?: readonly [string, ...string[]];
  /** Snapshots are thin, and take from this pool. */
  readonly pool?: string;
  /** How often there are passes and to what end, and which of them compare every file: unset, the usual ones. */
  readonly passes?: Passes;
}

export interface Passes {
  readonly repeats: readonly (Pick<Repeat, "id" | "min" | "max" | "rule"> & { readonly compares: boolean })[];
  readonly lastCompares: boolean;
}

/** The classic move, in the small: every verb that changes something is in it. */
export function moveNodes(host: StubHost, options: MoveOptions = {}): readonly PlanNode[] {
  const { domain } = host;
  const run = `${host.root}/run/converge/${host.safe}`;
  const copyTags = volumeTags(domain, "xvda1", "copy");
  const diskTags = volumeTags(domain, "xvda1", "disk");
  const snapshot = snapshotName("vg0/srv", domain);
  const snapshotTags = volumeTags(domain, "xvda1", "snapshot");
  const volume = "vg0/web1-root";
  const device = `${host.root}/dev/${volume}`;
  const before = readFileSync(host.config, "utf8");
  const from = Buffer.byteLength(before.slice(0, before.indexOf(host.image)));
  const after = before.replace(host.image, device);
  const edit = [String(from), String(from + Buffer.byteLength(host.image)), device];
  const tagsOf = (tags: readonly string[]): string[] => tags.flatMap((tag) => ["--addtag", tag]);

  const mount = (id: string, phase: Phase, source: string, target: string): Step =>
    rawStep(id, phase, {
      title: `Mount ${target}`,
      actions: [{ verb: ["mount_at", target], command: ["mount", source, target] }],
      goals: [{ goal: "mounted", target, source }],
      undo: { when: [{ goal: "mounted", target, source }], actions: [{ verb: ["unmount", target], shown: "umount" }] },
    });
  const unmount = (id: string, phase: Phase, target: string): Step =>
    rawStep(id, phase, {
      title: `Unmount ${target}`,
      actions: [{ verb: ["unmount", target], shown: "umount" }],
      goals: [{ goal: "unmounted", target }],
    });
  const attach = (id: string, phase: Phase, link: string, file: string): Step =>
    rawStep(id, phase, {
      title: `Attach ${file}`,
      actions: [{ verb: ["attach_loop", link, file], command: ["losetup", "--find", "--show", file] }],
      goals: [{ goal: "loop-attached", link, file }],
      undo: { when: [{ goal: "loop-attached", link, file }], actions: [{ verb: ["detach_loop", link], shown: "losetup -d" }] },
    });
  const detach = (id: string, phase: Phase, link: string): Step =>
    rawStep(id, phase, {
      title: `Detach ${link}`,
      actions: [{ verb: ["detach_loop", link], shown: "losetup -d" }],
      goals: [{ goal: "loop-detached", link }],
    });
  const rsync = (compares: boolean) => ["rsync", ...(compares ? ["--checksum"] : []), "--info=progress2", "--stats"] as const;
  const passes = options.passes ?? {
    repeats: [{ id: "passes", min: options.minimum ?? 1, max: 3, rule: { downtimeSeconds: options.budget ?? 30, overheadSeconds: 5 }, compares: false }],
    lastCompares: false,
  };

  return [
    rawStep("boot-unit", "prepare", {
      title: "Install the boot unit",
      actions: installBootUnit.actions({ domain }),
      goals: [{ goal: "boot-unit", domain }],
      undo: { when: [], actions: [{ verb: ["remove_boot_unit", bootUnitName(domain)], shown: "" }] },
    }),
    rawStep("guard", "prepare", {
      title: "Check that nothing has changed",
      actions: [
        { verb: ["guard_boot", "boot-1"], shown: "" },
        { verb: ["guard_domain", domain, "7", "uuid-of-it"], shown: "" },
        { verb: ["guard_config", host.config, sha256(before)], shown: "" },
        { verb: ["guard_free", host.image, domain], shown: "" },
      ],
    }),
    rawStep("create", "prepare", {
      title: `Create ${volume}`,
      actions: [{ command: ["lvcreate", "--yes", "--size", "4096b", ...tagsOf(copyTags), "--name", "web1-root", "vg0"] }],
      goals: [{ goal: "volume-exists", volume, bytes: 4096, tags: ["converge", copyTags[1] ?? ""] }],
    }),
    rawStep("mkfs", "prepare", {
      title: "Make the file system",
      actions: [{ command: ["mkfs.stub", "ext4", "11-22", device] }],
      goals: [{ goal: "content", volume, type: "ext4", uuid: "11-22" }],
    }),
    ...passes.repeats.map(({ compares, ...repeat }): Repeat => ({
      node: "repeat", why: "", ...repeat,
      body: [
        rawStep("snapshot", "prepare", {
          title: "Snapshot",
          actions: [{
            verb: ["take_snapshot", "vg0/srv"],
            command: ["lvcreate", "--yes", "--snapshot", "--size", "1024b", ...tagsOf(snapshotTags), "--name",
              snapshot.slice(4), "vg0/srv"],
          }],
          goals: [{ goal: "snapshot-exists", volume: snapshot, origin: "vg0/srv", tags: snapshotTags }],
          undo: {
            when: [{ goal: "snapshot-exists", volume: snapshot, origin: "vg0/srv", tags: snapshotTags }],
            actions: [{ command: ["lvremove", "--yes", snapshot] }],
          },
        }),
        mount("mount-snapshot", "prepare", `${host.root}/dev/${snapshot}`, `${run}/snapshot`),
        attach("attach", "prepare", `${run}/loop`, host.snapshotImage),
        mount("mount-source", "prepare", `${run}/loop`, `${run}/source`),
        mount("mount-target", "prepare", device, `${run}/target`),
        rawStep("copy", "prepare", {
          title: "Copy",
          actions: [
            options.pool === undefined
              ? { verb: ["watch", "snapshot_fill", snapshot, "70", "512"], shown: "" }
              : { verb: ["watch", "pool_fill", options.pool, "90"], shown: "" },
            { verb: ["if-no-room", `${run}/target`], shown: "make room" },
            { verb: ["copy", "xvda1", "delta"], command: [...rsync(compares), `${run}/source/`, `${run}/target/`] },
          ],
        }),
        unmount("unmount-target", "prepare", `${run}/target`),
        unmount("unmount-source", "prepare", `${run}/source`),
        detach("detach", "prepare", `${run}/loop`),
        unmount("unmount-snapshot", "prepare", `${run}/snapshot`),
        rawStep("remove-snapshot", "prepare", {
          title: "Remove the snapshot",
          actions: [{ command: ["lvremove", "--yes", snapshot] }],
          goals: [{ goal: "volume-absent", volume: snapshot, tags: snapshotTags }],
        }),
      ],
    })),
    rawStep("shut-down", "switch", {
      title: `Shut ${domain} down`,
      actions: [{ verb: ["shut_down", domain, "1", options.insist ?? "never"], command: ["xl", "shutdown", "--", domain] }],
      goals: [{ goal: "domain-down", domain }],
      undo: { when: [], actions: [{ verb: ["bring_back", domain, host.config], shown: "" }] },
    }),
    attach("last.attach", "switch", `${run}/last-loop`, host.image),
    mount("last.mount-source", "switch", `${run}/last-loop`, `${run}/last-source`),
    rawStep("last.copy", "switch", {
      title: "Copy the last changes",
      actions: [
        { verb: ["if-no-room", `${run}/target`], shown: "make room" },
        { verb: ["copy", "xvda1", "last"], command: [...rsync(passes.lastCompares), `${run}/last-source/`, `${run}/target/`] },
      ],
    }),
    rawStep("edit", "switch", {
      title: "Edit the config",
      actions: [{ verb: ["note_disks", device], shown: "" }, { verb: ["edit_config", host.config, sha256(before), sha256(after), ...edit], shown: "" }],
      goals: [{ goal: "config", path: host.config, sha256: sha256(after), before: sha256(before) }],
      undo: { when: [], actions: [{ verb: ["restore_config", host.config, sha256(after), "at-rest", domain, "xvda1", device], shown: "" }] },
    }),
    rawStep("create-paused", "switch", {
      title: "Create it paused",
      actions: createPaused.actions({ domain, config: host.config }),
      goals: [{ goal: "domain-paused", domain }],
      undo: { when: [], actions: [{ verb: ["destroy_paused", domain], command: ["xl", "destroy", "--", domain] }] },
    }),
    rawStep("compare", "switch", {
      title: "Compare what is attached",
      actions: [{ verb: ["compare_attached", domain, "xvda1", device], shown: "" }],
      goals: [{ goal: "attached", domain, disks: [{ vdev: "xvda1", target: device }] }],
    }),
    rawStep("unpause", "switch", {
      title: "Unpause: the commit",
      actions: [{ verb: ["unpause", domain], command: ["xl", "unpause", "--", domain] }],
      goals: [{ goal: "domain-running", domain }],
    }),
    rawStep("ready", "switch", {
      title: "Wait until it is ready",
      actions: [{ verb: ["wait_ready", domain, "1", "command"], command: [...(options.ready ?? ["true"])] as [string, ...string[]] }],
    }),
    unmount("last.unmount-source", "settle", `${run}/last-source`),
    detach("last.detach", "settle", `${run}/last-loop`),
    rawStep("settle", "settle", {
      title: "Tag the volume as the guest's disk",
      actions: [{
        command: ["lvchange", ...tagsOf([diskTags[3] ?? ""]), "--deltag", copyTags[3] ?? "", volume],
      }],
      goals: [{ goal: "volume-tagged", volume, tags: [diskTags[3] ?? ""] }],
    }),
    rawStep("remove-boot-unit", "finish", {
      title: "Remove the boot unit",
      actions: [{ verb: ["remove_boot_unit", bootUnitName(domain)], shown: "" }],
      goals: [{ goal: "boot-unit-absent", domain }],
    }),
  ];
}

export function moveProgram(host: StubHost, options: MoveOptions = {}): string {
  return compileProgram(planOf(host.domain, moveNodes(host, options)), { raw }, { config: host.config });
}
