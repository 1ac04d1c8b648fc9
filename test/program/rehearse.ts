import { readFileSync } from "node:fs";
import { rehearsalName, rehearsalUuid, rehearsalSnapshotName, volumeTags } from "../../src/core/model/names.js";
import type { PlanNode } from "../../src/core/model/plan.js";
import { compileProgram } from "../../src/core/program/compile.js";
import type { StepKinds } from "../../src/core/program/compile.js";
import { installBootUnit, removeBootUnit } from "../../src/core/steps/boot-unit.js";
import { createClone, destroyClone } from "../../src/core/steps/clone.js";
import { removeConfig, writeConfig } from "../../src/core/steps/derived-config.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { removeSnapshot } from "../../src/core/steps/snapshot.js";
import { snapshotCopy } from "../../src/core/steps/snapshot-copy.js";
import { stepOf } from "../../src/core/steps/step-of.js";
import type { StubHost } from "./host.js";
import { planOf, raw, rawStep, sha256 } from "./plan.js";

export interface RehearseOptions {
  /** What has to be on the clone's console. */
  readonly console?: string;
  readonly timeoutSeconds?: number;
}

/** A rehearsal of the real step kinds, in their real order, over paths of the stub host; it stays up for a moment only. */
function nodes(host: StubHost, options: RehearseOptions): readonly PlanNode[] {
  const { domain } = host;
  const clone = { name: rehearsalName(domain), uuid: rehearsalUuid(rehearsalName(domain)) };
  const origin = "vg0/web1-root";
  const snapshot = rehearsalSnapshotName(origin, domain, "xvda1");
  const tags = volumeTags(domain, "xvda1", "snapshot");
  const copyTags = volumeTags(domain, "xvda1", "copy");
  const target = `${host.root}/dev/${snapshot}`;
  const text = readFileSync(host.config, "utf8");
  const start = Buffer.byteLength(text.slice(0, text.indexOf(host.image)));
  const end = start + Buffer.byteLength(host.image);
  const behind = `name = "${clone.name}"\nuuid = "${clone.uuid}"\n`;
  const length = Buffer.byteLength(text);
  const config = `${host.root}/run/converge/${host.safe}/rehearsal.cfg`;
  return [
    rawStep("create", "prepare", {
      title: "Create the volume",
      actions: [{ command: ["lvcreate", "--yes", "--size", "4096b", ...copyTags.flatMap((tag) => ["--addtag", tag]), "--name", "web1-root", "vg0"] }],
      goals: [{ goal: "volume-exists", volume: origin, bytes: 4096, tags: ["converge"] }],
    }),
    stepOf(installBootUnit, "prepare", "rehearsal.install-boot-unit", { domain }, ""),
    stepOf(snapshotCopy, "prepare", "xvda1.rehearsal.snapshot", { origin, snapshot, bytes: 1024, extentBytes: 1, tags }, ""),
    stepOf(
      writeConfig, "prepare", "rehearsal.write-config",
      {
        from: host.config, before: sha256(text), to: config, what: "a clone", after: sha256(text.replace(host.image, target) + behind),
        edits: [{ start, end, text: target }, { start: length, end: length, text: behind }],
      }, "",
    ),
    stepOf(createClone, "prepare", "rehearsal.create", { ...clone, domain, config, memoryBytes: 128 * 1024 ** 2, disks: [{ vdev: "xvda1", target }] }, ""),
    rawStep("rehearsal.await", "prepare", {
      title: "Let it boot",
      actions: [{
        verb: ["await_clone", clone.name, clone.uuid, String(options.timeoutSeconds ?? 1), "0.2", options.console ?? "", snapshot],
        command: ["xl", "unpause", "--", clone.name],
      }],
    }),
    stepOf(destroyClone, "prepare", "rehearsal.destroy", clone, ""),
    stepOf(removeConfig, "prepare", "rehearsal.remove-config", { path: config }, ""),
    stepOf(removeSnapshot, "prepare", "xvda1.rehearsal.remove-snapshot", { snapshot, tags }, ""),
    stepOf(removeBootUnit, "prepare", "rehearsal.remove-boot-unit", { domain }, ""),
  ];
}

export function rehearseProgram(host: StubHost, options: RehearseOptions = {}): string {
  const kinds = { ...stepKinds, raw } as unknown as StepKinds;
  return compileProgram(planOf(host.domain, nodes(host, options)), kinds, { config: host.config });
}
