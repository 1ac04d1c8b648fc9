import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ReadyCheck } from "../../src/core/model/desired.js";
import type { Leg } from "../../src/core/model/goal.js";
import { mappingName, mappingPath } from "../../src/core/model/mapping.js";
import { volumeTags } from "../../src/core/model/names.js";
import type { PlanNode } from "../../src/core/model/plan.js";
import { compileProgram } from "../../src/core/program/compile.js";
import { attachLoop } from "../../src/core/steps/attach-loop.js";
import { installBootUnit } from "../../src/core/steps/boot-unit.js";
import { createMapping } from "../../src/core/steps/create-mapping.js";
import { writeConfig } from "../../src/core/steps/derived-config.js";
import { markUsed } from "../../src/core/steps/mark-used.js";
import { startMirror, syncMirror } from "../../src/core/steps/mirror.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { shutDown } from "../../src/core/steps/shut-down.js";
import { compareAttached, createPaused, resumeGuest, waitReady } from "../../src/core/steps/start-guest.js";
import { stepOf } from "../../src/core/steps/step-of.js";
import type { StubHost } from "./host.js";
import { planOf, raw, rawStep, sha256 } from "./plan.js";

/** A second disk, beside the one that every stub host's guest has. */
export async function withTwoDisks(host: StubHost): Promise<readonly [string, string]> {
  const second = join(host.root, "srv/data.img");
  writeFileSync(second, "another image");
  writeFileSync(host.config, `${readFileSync(host.config, "utf8")}disk = xvda2|${second}\n`);
  await host.command(["xl", "destroy", host.domain]);
  await host.command(["xl", "create", host.config]);
  host.forgetCalls();
  return [host.image, second];
}

const READY: ReadyCheck = { kind: "command", command: ["true"], timeoutSeconds: 1 };

/**
 * A guest's two disks mirrored by device-mapper, up to where both are in sync: while it is down both mirrors are begun, and
 * waited for one after the other when it runs again.
 * @param limits bytes a second of each, as far as it has a limit
 * @param ready how the guest is seen to be up
 */
export function twoMirrorsProgram(
  host: StubHost, images: readonly [string, string], limits: readonly (number | undefined)[] = [], ready: ReadyCheck = READY,
): string {
  const { domain } = host;
  const run = `${host.root}/run/converge/${host.safe}`;
  const bytes = 4 * 1024 ** 2;
  const disks = images.map((image, index) => {
    const vdev = `xvda${String(index + 1)}`;
    const volume = `vg0/web1-${String(index + 1)}`;
    const name = mappingName(domain, vdev);
    const limit = limits[index];
    const from: Leg = { device: `${run}/${vdev}/image`, disk: image };
    const to: Leg = { device: `${host.root}/dev/${volume}`, disk: volume };
    return {
      vdev, image, volume, name, from, to, onto: host.root + mappingPath(name), marks: `${run}/${vdev}/marks`,
      limit: limit === undefined ? {} : { bytesPerSecond: limit },
    };
  });
  const text = readFileSync(host.config, "utf8");
  const edits = disks.map(({ image, onto }) => {
    const start = Buffer.byteLength(text.slice(0, text.indexOf(image)));
    return { start, end: start + Buffer.byteLength(image), text: onto };
  });
  const next = {
    domain, config: `${run}/next.cfg`,
    disks: disks.map(({ vdev, onto }) => ({ vdev, target: onto, format: "raw", access: "w" as const, cdrom: false })),
  };
  const nodes: readonly PlanNode[] = [
    stepOf(installBootUnit, "prepare", "install-boot-unit", { domain, mappings: disks.map(({ name }) => name) }, ""),
    ...disks.flatMap(({ vdev, volume, name, from, to }) => {
      const tags = volumeTags(domain, vdev, "copy");
      return [
        rawStep(`${vdev}.create`, "prepare", {
          title: "Create the volume",
          actions: [{
            command: [
              "lvcreate", "--yes", "--size", `${String(bytes)}b`, ...tags.flatMap((tag) => ["--addtag", tag]), "--name", volume.replace("vg0/", ""), "vg0",
            ],
          }],
          goals: [{ goal: "volume-exists", volume, bytes, tags: ["converge"] }],
        }),
        stepOf(attachLoop, "prepare", `${vdev}.attach`, { link: from.device, file: from.disk, under: name }, ""),
        stepOf(createMapping, "prepare", `${vdev}.create-mapping`, { name, bytes, leg: from, volume: to.device }, ""),
      ];
    }),
    stepOf(
      writeConfig, "prepare", "write-next",
      {
        from: host.config, before: sha256(text), to: next.config, what: "next", edits,
        after: sha256(disks.reduce((changed, { image, onto }) => changed.replace(image, onto), text)),
      }, "",
    ),
    stepOf(shutDown, "switch", "shut-down", { domain, config: host.config, timeoutSeconds: 1, destroy: false }, ""),
    ...disks.flatMap(({ vdev, image, name, from, to, marks, limit }) => [
      stepOf(markUsed, "switch", `${vdev}.mark-used`, { name, image, bytes, type: "ext4", link: marks }, ""),
      stepOf(startMirror, "switch", `${vdev}.start-mirror`, { domain, name, bytes, from, to, log: marks, ...limit }, ""),
    ]),
    stepOf(createPaused, "switch", "create-paused", next, ""),
    stepOf(compareAttached, "switch", "compare", { domain, disks: disks.map(({ vdev, onto }) => ({ vdev, target: onto })) }, ""),
    stepOf(resumeGuest, "switch", "resume", { domain }, ""),
    stepOf(waitReady, "switch", "ready", { domain, ready }, ""),
    ...disks.map(({ vdev, name, from, to, limit }) =>
      stepOf(syncMirror, "prepare", `${vdev}.sync`, { name, bytes, from, to, content: { type: "blank" }, ...limit }, "")),
  ];
  return compileProgram(planOf(domain, nodes), { ...stepKinds, raw }, { config: host.config });
}
