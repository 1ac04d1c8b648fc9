import { readFileSync, statSync } from "node:fs";
import { devnoOf } from "../../src/core/facts/devno.js";
import type { Leg } from "../../src/core/model/goal.js";
import { arrayName, mappingName, mappingPath, resourceName } from "../../src/core/model/mapping.js";
import { volumeTags } from "../../src/core/model/names.js";
import type { PlanNode } from "../../src/core/model/plan.js";
import type { Step } from "../../src/core/model/step.js";
import { compileProgram } from "../../src/core/program/compile.js";
import { completeArray, growArray, syncArray } from "../../src/core/steps/array-mirror.js";
import { completeChanges, readdArray, syncChanges } from "../../src/core/steps/changes-mirror.js";
import { attachLoop, detachLoop } from "../../src/core/steps/attach-loop.js";
import { installBootUnit } from "../../src/core/steps/boot-unit.js";
import { createArray } from "../../src/core/steps/create-array.js";
import { compareLegs, holdDisks, releaseDisks } from "../../src/core/steps/compare-legs.js";
import { createMapping } from "../../src/core/steps/create-mapping.js";
import { cutArray, retireArray } from "../../src/core/steps/cut-array.js";
import { removeConfig, writeConfig } from "../../src/core/steps/derived-config.js";
import { editConfig } from "../../src/core/steps/edit-config.js";
import { guard } from "../../src/core/steps/guard.js";
import { dropMarks, markUsed } from "../../src/core/steps/mark-used.js";
import { migrateGuest } from "../../src/core/steps/migrate-guest.js";
import { startMirror, syncMirror } from "../../src/core/steps/mirror.js";
import { mountMemory } from "../../src/core/steps/mount-memory.js";
import { unmount } from "../../src/core/steps/mount-volume.js";
import { preseed } from "../../src/core/steps/preseed.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { restorePaused, saveGuest } from "../../src/core/steps/save-guest.js";
import { shutDown } from "../../src/core/steps/shut-down.js";
import { compareAttached, createPaused, resumeGuest, waitReady } from "../../src/core/steps/start-guest.js";
import { stepOf } from "../../src/core/steps/step-of.js";
import { retireMapping, switchMapping } from "../../src/core/steps/switch-mapping.js";
import { updateStored } from "../../src/core/steps/update-stored.js";
import { trackArray } from "../../src/core/steps/track-array.js";
import type { TrackArray } from "../../src/core/steps/track-array.js";
import { tryBitmap } from "../../src/core/steps/try-bitmap.js";
import { createResource } from "../../src/core/steps/create-resource.js";
import { cutResource, retireResource } from "../../src/core/steps/cut-resource.js";
import { completeResource, connectResource, syncResource } from "../../src/core/steps/resource-mirror.js";
import type { StepKind } from "../../src/core/model/step.js";
import type { KeptKinds } from "../../src/core/strategies/two-switches.js";
import type { StepKinds } from "../../src/core/program/compile.js";
import type { StubHost } from "./host.js";
import { planOf, rawStep, raw, sha256 } from "./plan.js";

export type How = "suspend" | "restart" | "migrate";
export type Mirror = "dm" | "md" | "md-preseed" | "drbd";

const laid = {
  dm: createMapping, md: createArray, "md-preseed": trackArray, drbd: createResource,
} as const satisfies Record<Mirror, StepKind<string, TrackArray>>;
const kinds = {
  md: { mirror: growArray, sync: syncArray, complete: completeArray, cut: cutArray, retire: retireArray },
  "md-preseed": {
    mirror: readdArray, sync: syncChanges, complete: completeChanges, cut: cutArray, retire: retireArray,
  },
  drbd: {
    mirror: connectResource, sync: syncResource, complete: completeResource, cut: cutResource, retire: retireResource,
  },
} as const satisfies Record<string, Omit<KeptKinds, "last">>;

/** The mirrored move of the real step kinds, in their real order, over paths of the stub host. */
export function mirrorNodes(host: StubHost, how: How, by: Mirror, only?: readonly string[]): readonly PlanNode[] {
  const { domain } = host;
  const run = `${host.root}/run/converge/${host.safe}`;
  const link = `${run}/xvda1/image`;
  const name = { dm: mappingName, md: arrayName, "md-preseed": arrayName, drbd: resourceName }[by](domain, "xvda1");
  const onto = host.root + mappingPath(name);
  const device = `${host.root}/dev/vg0/web1-root`;
  const from: Leg = { device: link, disk: host.image };
  const to: Leg = { device, disk: "vg0/web1-root" };
  const bytes = 4 * 1024 ** 2;
  const text = readFileSync(host.config, "utf8");
  const start = Buffer.byteLength(text.slice(0, text.indexOf(host.image)));
  const end = start + Buffer.byteLength(host.image);
  const derived = (which: string, path: string | undefined) => ({
    from: host.config, before: sha256(text), to: `${run}/${which}.cfg`, what: which,
    after: sha256(path === undefined ? text : text.replace(host.image, path)),
    edits: path === undefined ? [] : [{ start, end, text: path }],
  });
  const disks = (target: string) => [{ vdev: "xvda1", target, format: "raw", access: "w" as const, cdrom: false }];
  const file = `${run}/memory/guest`;
  const suspend = how === "suspend";
  const tags = volumeTags(domain, "xvda1", "copy");
  // the way that shuts the guest down copies no more than what is in use
  const marks = `${run}/xvda1/marks`;
  const mark = stepOf(markUsed, "switch", "mark-used", { name, image: host.image, bytes, type: "ext4", link: marks }, "");
  const limit = 1024;
  const marked = how === "restart" && (only?.includes("mark-used") ?? true);
  const startIt = marked
    ? stepOf(startMirror, "switch", "start-mirror", { domain, name, bytes, from, to, log: marks, bytesPerSecond: limit }, "")
    : stepOf(startMirror, "prepare", "start-mirror", { domain, name, bytes, from, to, bytesPerSecond: limit }, "");
  const stands = (id: string): Step => stepOf(
    guard, "switch", id,
    {
      domain, bootId: "boot-1", config: { path: host.config, sha256: sha256(text) },
      images: [{ ...fileOf(host.image), link, under: onto }], volumes: [{ volume: to.disk, under: onto }],
      attached: [{ vdev: "xvda1", target: onto }], ...(by === "dm" ? { mirrors: [name] } : {}),
    }, "",
  );
  const across = (): readonly Step[] => {
    const next = { domain, config: `${run}/next.cfg`, disks: disks(onto) };
    switch (how) {
      case "suspend":
        return [
          stepOf(saveGuest, "switch", "save", { domain, config: host.config, before: `${run}/before.cfg`, file }, ""),
          stepOf(restorePaused, "switch", "restore-paused", { ...next, file }, ""),
        ];
      case "restart":
        return [
          stepOf(shutDown, "switch", "shut-down", { domain, config: host.config, timeoutSeconds: 1, destroy: false }, ""),
          ...(by === "dm" && marked ? [mark, startIt] : []),
          stepOf(createPaused, "switch", "create-paused", next, ""),
        ];
      case "migrate":
        return [stepOf(migrateGuest, "switch", "migrate", { domain, config: host.config, to: next.config, disks: next.disks }, "")];
    }
  };
  return [
    stepOf(installBootUnit, "prepare", "install-boot-unit", { domain, mappings: [name] }, ""),
    ...(by === "md-preseed" ? [stepOf(tryBitmap, "prepare", "try-bitmap", { name: "md/converge.try-0123456789abcdef" }, "")] : []),
    rawStep("create", "prepare", {
      title: "Create the volume",
      actions: [{ command: ["lvcreate", "--yes", "--size", `${String(bytes)}b`, ...tags.flatMap((tag) => ["--addtag", tag]), "--name", "web1-root", "vg0"] }],
      goals: [{ goal: "volume-exists", volume: to.disk, bytes, tags: ["converge"] }],
    }),
    stepOf(attachLoop, "prepare", "attach", { link, file: host.image, under: name }, ""),
    stepOf(laid[by], "prepare", laid[by].kind, { name, bytes, leg: from, volume: device, bitmap: `${host.book}/converge-web1-xvda1.bitmap` }, ""),
    stepOf(writeConfig, "prepare", "write-before", derived("before", undefined), ""),
    stepOf(writeConfig, "prepare", "write-next", derived("next", onto), ""),
    ...(suspend ? [stepOf(mountMemory, "prepare", "make-room", { target: `${run}/memory`, bytes }, "")] : []),
    stepOf(
      guard, "switch", "guard",
      {
        domain, bootId: "boot-1", running: { domid: 7, uuid: "uuid-of-it" }, config: { path: host.config, sha256: sha256(text) },
        images: [],
      }, "",
    ),
    ...across(),
    stepOf(compareAttached, "switch", "compare", { domain, disks: [{ vdev: "xvda1", target: onto }] }, ""),
    stepOf(resumeGuest, "switch", "resume", { domain, ...(suspend ? { file } : {}) }, ""),
    stepOf(waitReady, "switch", "ready", { domain, ready: { kind: "command", command: ["true"], timeoutSeconds: 1 } }, ""),
    ...(suspend ? [stepOf(unmount, "prepare", "give-room-back", { target: `${run}/memory` }, "")] : []),
    ...(by === "dm"
      ? [
          ...(marked ? [] : [startIt]),
          stepOf(syncMirror, "prepare", "sync", { name, bytes, from, to, content: { type: "blank" }, bytesPerSecond: limit }, ""),
        ]
      : [
          ...(by === "md-preseed"
            ? [stepOf(preseed, "prepare", "preseed", { domain, name, bytes, from, to, throttle: { nice: 10, bandwidthBytesPerSecond: 1024 ** 3 } }, "")]
            : []),
          stepOf(kinds[by].mirror, "prepare", kinds[by].mirror.kind, { domain, name, bytes, from, to, bytesPerSecond: 1024 ** 2 }, ""),
          stepOf(kinds[by].sync, "prepare", "sync", { name, bytes, from, to }, ""),
        ]),
    stepOf(writeConfig, "prepare", "write-stored", derived("stored", device), ""),
    stands("guard-mirror"),
    ...(by === "dm" ? [] : [stepOf(kinds[by].complete, "switch", "complete", { name, bytes, from, to, content: { type: "blank" } }, "")]),
    // one of the ways has it: whatever can be told of it is told of that one
    ...(suspend
      ? [
          stepOf(holdDisks, "switch", "hold", { domain, mappings: [name] }, ""),
          stepOf(compareLegs, "switch", "compare-legs", { name, bytes, from, to, limitSeconds: 30 }, ""),
          stepOf(releaseDisks, "switch", "release", { domain, mappings: [name] }, ""),
          stands("guard-compared"),
        ]
      : []),
    stepOf(
      editConfig, "switch", "edit",
      {
        domain, path: host.config, before: sha256(text), after: sha256(text.replace(host.image, device)),
        edits: [{ start, end, text: device }], disks: disks(device), oldDisks: disks(host.image), standing: "mirrored",
      }, "",
    ),
    stepOf(
      updateStored, "switch", "update-stored",
      { domain, file: `${run}/stored.cfg`, oldFile: `${run}/next.cfg`, disks: disks(device), oldDisks: disks(onto) }, "",
    ),
    ...(by === "dm"
      ? [
          stepOf(switchMapping, "switch", "switch", { domain, name, bytes, leg: to, running: true }, ""),
          stepOf(retireMapping, "settle", "retire", { name }, ""),
          stepOf(detachLoop, "settle", "detach", { link }, ""),
          ...(how === "restart" ? [stepOf(dropMarks, "settle", "drop-marks", { link: marks }, "")] : []),
        ]
      : [
          stepOf(kinds[by].cut, "switch", "cut", { domain, name, bytes, from, to, running: true }, ""),
          stepOf(detachLoop, "settle", "detach", { link }, ""),
          stepOf(kinds[by].retire, "settle", "retire", { name }, ""),
        ]),
    ...["before", "next", "stored"].map((which) => stepOf(removeConfig, "finish", `remove-${which}`, { path: `${run}/${which}.cfg` }, "")),
  ];
}

function fileOf(path: string) {
  const { ino: inode, size: bytes, dev } = statSync(path);
  return { path, inode, bytes, devno: devnoOf(dev) };
}

/** @param only the steps of these names, where it is not all of them */
export function mirrorProgram(host: StubHost, how: How, by: Mirror, only?: readonly string[]): string {
  const all = { ...stepKinds, raw } as unknown as StepKinds;
  return compileProgram(planOf(host.domain, mirrorNodes(host, how, by, only).filter(({ id }) => only?.includes(id) ?? true)), all, { config: host.config });
}
