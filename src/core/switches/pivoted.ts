import type { ConfiguredDisk, Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import type { PlanNode } from "../model/plan.js";
import { removeBootUnit } from "../steps/boot-unit.js";
import { holdDisks, releaseDisks } from "../steps/compare-legs.js";
import { pivotDisks } from "../steps/pivot-disks.js";
import type { PivotedDisk } from "../steps/pivot-disks.js";
import { stepOf } from "../steps/step-of.js";
import { tidy } from "../steps/tidy.js";
import { editDisks } from "../xl/edit.js";
import { sameVdev } from "../xl/vdev.js";
import { bootUnitStep, guardStep, liftedWeight, WHY_LIFTED } from "./restart.js";
import type { DomainMove } from "./restart.js";

/** The guest is taken nowhere: its QEMU copies the disks while it runs, and goes over to the volumes with all of them. */
export function pivotedSteps(move: DomainMove, state: HostState): readonly PlanNode[] {
  const { domain, moves, edit, options } = move;
  const name = domain.name;
  const fragments = moves.map((m) => m.fragments);
  const pivots = fragments.flatMap((f) => f.pivot ?? []);
  const oldStored = domain.running?.stored ?? [];
  const disks = pivots.map(({ disk }) => ({ ...disk, edits: editsOf(domain, disk) }));
  const stored = oldStored.map((disk): ConfiguredDisk => {
    const moved = disks.find(({ vdev }) => sameVdev(vdev, disk.vdev));
    return moved === undefined ? disk : { ...disk, target: moved.device, format: "raw", backendtype: "phy" };
  });
  const comparisons = pivots.flatMap(({ compare }) => compare ?? []);
  // paused until it is on its volumes: what QEMU has compared it keeps everything from, until it goes over
  const held = { domain: name, mappings: [] };
  return [
    bootUnitStep(domain),
    ...fragments.flatMap((f) => f.prepare),
    ...pivots.flatMap((pivot) => pivot.sync),
    guardStep(move, state, "guard"),
    ...(comparisons.length === 0
      ? []
      : [
          ...liftedWeight(domain, options, WHY_LIFTED),
          stepOf(holdDisks, "switch", "hold", held, "nothing may write while they are compared"), ...comparisons,
        ]),
    stepOf(
      pivotDisks, "switch", "pivot", { domain: name, disks, edit, stored, oldStored },
      "image and volume are equal while the guest's writes wait: whatever starts it next may use either",
    ),
    ...(comparisons.length === 0 ? [] : [stepOf(releaseDisks, "switch", "release", held, "it is on its volumes")]),
    ...pivots.flatMap((pivot) => pivot.release),
    ...fragments.flatMap((f) => f.settle),
    ...move.unsettled,
    stepOf(removeBootUnit, "finish", "remove-boot-unit", { domain: name }, "the switch is over"),
    stepOf(tidy, "finish", "tidy", { domain: name }, "nothing of the run stays"),
  ];
}

/** What the edit of the config is for one of its disks alone: QEMU goes over with each by itself, and one may stay. */
function editsOf({ name, config }: Domain, { vdev, device }: Pick<PivotedDisk, "vdev" | "device">): PivotedDisk["edits"] {
  const edited = config === undefined ? undefined : editDisks(config.text, [{ vdev, device }]).value;
  if (edited === undefined) throw new Error(`the config of ${name} can be edited with all of its disks, and not with ${vdev} alone`);
  return edited.edits.map(({ byteStart, byteEnd, text }) => ({ start: byteStart, end: byteEnd, text }));
}
