import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { arrayName, mappingPath } from "../../src/core/model/mapping.js";
import type { TimeWindow } from "../../src/core/model/desired.js";
import type { PlanNode } from "../../src/core/model/plan.js";
import type { Step } from "../../src/core/model/step.js";
import { compileProgram } from "../../src/core/program/compile.js";
import type { StepKinds } from "../../src/core/program/compile.js";
import { awaitWindow } from "../../src/core/steps/await-window.js";
import { removeBootUnit } from "../../src/core/steps/boot-unit.js";
import { guard } from "../../src/core/steps/guard.js";
import { mountMemory } from "../../src/core/steps/mount-memory.js";
import { unmount } from "../../src/core/steps/mount-volume.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { restorePaused, saveGuest } from "../../src/core/steps/save-guest.js";
import { compareAttached, resumeGuest, waitReady } from "../../src/core/steps/start-guest.js";
import { stepOf } from "../../src/core/steps/step-of.js";
import type { StubHost } from "./host.js";
import { mirrorNodes } from "./mirror.js";
import { planOf, raw, sha256 } from "./plan.js";

/** Monday, from 02:00 to 02:10. */
const WINDOW: TimeWindow = { text: "Mon 02:00-02:10", spans: [{ start: 120, minutes: 10 }] };

/** A move mirrored by md, and the second switch of it in its window, of the real step kinds in their real order. */
export function windowNodes(host: StubHost): readonly PlanNode[] {
  const { domain } = host;
  const run = `${host.root}/run/converge/${host.safe}`;
  const onto = host.root + mappingPath(arrayName(domain, "xvda1"));
  const device = `${host.root}/dev/vg0/web1-root`;
  const nodes = mirrorNodes(host, "suspend", "md");
  const at = nodes.findIndex((node) => node.id === "retire");
  const after = sha256(readFileSync(host.config, "utf8").replace(host.image, device));
  const file = `${run}/memory/guest`;
  const disks = [{ vdev: "xvda1", target: device, format: "raw", access: "w" as const, cdrom: false }];
  const again: readonly Step[] = [
    stepOf(mountMemory, "switch", "again.make-room", { target: `${run}/memory`, bytes: 1024 }, ""),
    stepOf(guard, "switch", "again.guard", {
      domain, bootId: "boot-1", config: { path: host.config, sha256: after }, images: [], attached: [{ vdev: "xvda1", target: onto }],
    }, ""),
    stepOf(saveGuest, "switch", "again.save", { domain, config: host.config, before: `${run}/next.cfg`, file }, ""),
    stepOf(restorePaused, "switch", "again.restore-paused", { domain, config: `${run}/stored.cfg`, file, disks }, ""),
    stepOf(compareAttached, "switch", "again.compare", { domain, disks: [{ vdev: "xvda1", target: device }] }, ""),
    stepOf(resumeGuest, "switch", "again.resume", { domain, file }, ""),
    stepOf(waitReady, "switch", "again.ready", { domain, ready: { kind: "command", command: ["true"], timeoutSeconds: 1 } }, ""),
    stepOf(unmount, "switch", "again.give-room-back", { target: `${run}/memory` }, ""),
  ];
  return [
    ...nodes.slice(0, at),
    stepOf(awaitWindow, "switch", "await-window", {
      domain, window: WINDOW, seconds: 120, inTurn: true, disks: [{ vdev: "xvda1", target: onto }], passesOver: again.map(({ id }) => id),
    }, ""),
    ...again,
    ...nodes.slice(at),
    stepOf(removeBootUnit, "finish", "remove-boot-unit", { domain }, ""),
  ];
}

export function windowProgram(host: StubHost): string {
  const all = { ...stepKinds, raw } as unknown as StepKinds;
  return compileProgram(planOf(host.domain, windowNodes(host)), all, { config: host.config });
}

/** What `date` says of the time of day from now on: day of the week (Monday is 1), hour, minute, second. */
export function setClock(host: StubHost, day: number, hour: string, minute = "00"): void {
  const bin = join(host.root, "bin/date");
  writeFileSync(bin, `#!/bin/sh
case $1 in
  +%u*) cat "$STUB_STATE/clock" ;;
  *) exec /bin/date "$@" ;;
esac
`);
  chmodSync(bin, 0o755);
  host.tell("clock", `${String(day)} ${hour} ${minute} 00 Day${String(day)} ${hour}:${minute} TEST\n`);
}
