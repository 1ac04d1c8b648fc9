import type { AttachedDisk } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { numberOfLoop } from "../model/loop.js";
import { disksBehind, isOwnPath } from "../model/mapping.js";
import { own } from "../model/own.js";
import { canonicalVdev, sameVdev } from "../xl/vdev.js";
import type { Check } from "./check.js";

export const viewsDisagree: Check = {
  code: "views-disagree",
  about: "config, stored config, xenstore and who serves it must agree on a running guest's disks before one of them is believed",
  always: true,
  run: ({ domain, desired, moves, nodes, state }) => {
    const { config, running } = domain;
    if (config === undefined || running === undefined) return [];
    // what is in a drive changes as the guest or somebody else ejects it, and is not carried
    const isDrive = (vdev: string): boolean => [config.disks, running.stored]
      .every((disks) => disks.find((d) => sameVdev(d.vdev, vdev))?.cdrom === true);
    // what a playbook does not name stays as it is; where anything is done, all of it has to be known
    const idle = moves.length === 0 && nodes.length === 0;
    const asked = (vdev: string): boolean => !idle || desired.disks.some((wish) => sameVdev(wish.vdev, vdev));
    const vdevs = new Set([...config.disks, ...running.stored, ...running.attached].map((d) => canonicalVdev(d.vdev)).filter(asked));
    const lines: string[] = [];
    for (const vdev of [...vdevs].sort()) {
      if (isDrive(vdev)) continue;
      const disk = running.attached.find((d) => sameVdev(d.vdev, vdev));
      const inConfig = config.disks.find((d) => sameVdev(d.vdev, vdev))?.target;
      const inStored = running.stored.find((d) => sameVdev(d.vdev, vdev))?.target;
      const inXenstore = disk?.params;
      // a block script of its own may serve anything under that name
      const scripted = [config.disks, running.stored].some((disks) => disks.find((d) => sameVdev(d.vdev, vdev))?.script !== undefined);
      const served = servedBy(disk, state, scripted);
      // QEMU that went over to another disk is right, and xenstore goes on naming what the guest was created with
      const views = [inConfig, inStored, ...(disk?.open === undefined ? [inXenstore] : []), ...(served === undefined ? [] : [served.path])]
        .map((path) => (path === undefined ? [] : disksBehind(path, state).map((one) => keyOf(one, state))));
      // the legs of a mirror are one disk
      const [first = [], ...others] = views;
      if (first.some((one) => others.every((view) => view.includes(one)))) continue;
      const open = served === undefined ? "" : `, ${served.who} has ${show(served.path)} open`;
      lines.push(`${vdev}: ${config.path} has ${show(inConfig)}, xl's stored config ${show(inStored)}, xenstore ${show(inXenstore)}${open}`);
    }
    if (lines.length === 0) return [];
    return [
      {
        at: desired.at, summary: `what is known of ${domain.name}'s disks does not agree`, detail: lines.join("\n"),
        fix: "Decide which is right, and restart the guest from it.",
      },
    ];
  },
};

/** What really lies below a disk, by the word of QEMU or by the device numbers of the kernel; undefined: nobody says. */
function servedBy(disk: AttachedDisk | undefined, state: HostState, scripted: boolean): { readonly who: string; readonly path: string } | undefined {
  if (disk?.open !== undefined) return { who: "QEMU", path: disk.open.path };
  if (disk?.backend !== "vbd" || disk.devno === undefined) return undefined;
  const { devno } = disk;
  const volume = Object.values(state.volumes).find((found) => found.devno === devno);
  if (volume !== undefined) return { who: "the kernel", path: `/dev/${volume.name}` };
  const loop = state.loops.find((found) => numberOfLoop(found) === devno);
  if (loop === undefined) return scripted ? undefined : otherThanNamed(disk.params, devno, state);
  const image = Object.values(state.images).find((found) => found.inode === loop.inode && found.devno === loop.devno);
  return { who: "the kernel", path: image?.path ?? `${loop.backing}${loop.deleted ? " (deleted)" : ""}` };
}

/**
 * A device that is neither a volume nor a loop, where xenstore names an image, or a device of converge's own that has another
 * number by now. Paths of others' devices may lead to one disk by several ways (multipath, by-id): they say nothing.
 */
function otherThanNamed(params: string, devno: string, { devices = {}, images }: HostState): { readonly who: string; readonly path: string } | undefined {
  const named = devices[params];
  const differs = isOwnPath(params) ? named !== undefined && named.devno !== devno : Object.hasOwn(images, params);
  if (!differs) return undefined;
  const other = Object.values(devices).find((device) => device.devno === devno);
  return { who: "the kernel", path: other?.path ?? `a device of number ${devno}` };
}

/** One for all names of a file. */
function keyOf(path: string, { images }: HostState): string {
  const image = own(images, path) ?? Object.values(images).find((found) => found.realPath === path);
  return image === undefined ? path : `${image.devno} ${image.inode}`;
}

function show(target: string | undefined): string {
  return target === undefined ? "nothing" : target === "" ? "an empty drive" : target;
}
