import type { Goal, Verdict } from "../model/goal.js";
import { disksBehind, isAwaited, isUsed } from "../model/mapping.js";
import type { Model } from "../model/model.js";
import { servedFrom } from "../model/qemu.js";
import type { Mapping } from "../model/storage.js";
import { diskKey } from "../model/transform.js";
import { sameVdev } from "../xl/vdev.js";

/**
 * A goal's verdict in the model. The probe on the host is the runtime's function of the same name.
 * @param undoing asked to find out whether there is something to take back
 */
export function verdict(goal: Goal, model: Model, undoing = false): Verdict {
  const { host, ghost } = model;
  switch (goal.goal) {
    case "volume-exists": {
      const volume = host.volumes[goal.volume];
      if (volume === undefined) return "pending";
      return volume.bytes === goal.bytes && hasTags(volume.tags, goal.tags) ? "done" : "conflict";
    }
    case "volume-tagged": {
      const volume = host.volumes[goal.volume];
      if (volume === undefined || !volume.tags.includes("converge")) return "conflict";
      return hasTags(volume.tags, goal.tags) ? "done" : "pending";
    }
    case "snapshot-exists": {
      const volume = host.volumes[goal.volume];
      if (volume === undefined) return "pending";
      // while LVM makes it, or takes it away, it is a volume by itself for a moment, and the power may go then
      const isIt = volume.origin === goal.origin || (undoing && volume.origin === undefined);
      const ours = isIt && hasTags(volume.tags, goal.tags);
      // one that overflowed is worth nothing, and still ours to remove
      return ours && (undoing || volume.invalid !== true) ? "done" : "conflict";
    }
    case "volume-absent": {
      const volume = host.volumes[goal.volume];
      if (volume === undefined) return "done";
      return hasTags(volume.tags, goal.tags) ? "pending" : "conflict";
    }
    case "content": {
      const content = host.volumes[goal.volume]?.content;
      if (content === undefined || content.type === "blank" || content.type === "unknown") return "pending";
      return "uuid" in content && content.type === goal.type && content.uuid === goal.uuid ? "done" : "conflict";
    }
    case "mounted": {
      const mount = host.mounts.find((m) => m.target === goal.target);
      if (mount === undefined) return "pending";
      return mount.source === goal.source ? "done" : "conflict";
    }
    case "unmounted":
      return host.mounts.some((m) => m.target === goal.target) ? "pending" : "done";
    case "loop-attached": {
      const loop = host.loops.find((l) => l.device === goal.link);
      if (loop === undefined) return "pending";
      return loop.backing === goal.file ? "done" : "conflict";
    }
    case "loop-detached":
      return host.loops.some((l) => l.device === goal.link) ? "pending" : "done";
    case "array":
    case "resource":
    case "mapping": {
      const table = mapping(goal.name, model)?.table;
      return table?.kind === "linear" && table.on === goal.leg.disk ? "done" : "pending";
    }
    case "array-tracked": {
      const found = mapping(goal.name, model);
      if (found?.table.kind === "linear" && found.table.on === goal.leg.disk && found.bitmap === true) return "done";
      // a bitmap comes with the array, and the array is built only where nobody has it
      return found !== undefined && isUsed(goal.name, model) ? "conflict" : "pending";
    }
    case "array-mirrored":
    case "resource-mirrored":
    case "mirrored": {
      const table = mapping(goal.name, model)?.table;
      if (table === undefined) return "conflict";
      return table.kind === "mirror" && table.from === goal.from.disk && table.to === goal.to.disk ? "done" : "pending";
    }
    case "array-in-sync":
    case "resource-in-sync":
    case "mirror-in-sync": {
      const table = mapping(goal.name, model)?.table;
      if (table?.kind !== "mirror") return "conflict";
      return table.inSync ? "done" : "pending";
    }
    case "mapping-unused":
      return isUsed(goal.name, model) || isAwaited(goal.name, model) ? "pending" : "done";
    case "stored": {
      const stored = host.domains[goal.domain]?.running?.stored;
      if (stored === undefined) return "conflict";
      return goal.disks.every(({ vdev, target }) => stored.some((d) => sameVdev(d.vdev, vdev) && d.target === target)) ? "done" : "pending";
    }
    case "config": {
      const sha256 = Object.values(host.domains).find((d) => d.config?.path === goal.path)?.config?.sha256;
      if (sha256 === goal.sha256) return "done";
      return sha256 === goal.before ? "pending" : "conflict";
    }
    case "domain-running": {
      const running = host.domains[goal.domain]?.running;
      return running !== undefined && !running.paused ? "done" : "pending";
    }
    case "domain-paused": {
      const running = host.domains[goal.domain]?.running;
      if (running === undefined) return "pending";
      return running.paused ? "done" : "conflict";
    }
    case "domain-down":
      return host.domains[goal.domain]?.running === undefined ? "done" : "pending";
    case "attached": {
      const attached = host.domains[goal.domain]?.running?.attached;
      if (attached === undefined) return "conflict";
      const same = goal.disks.every((disk) =>
        attached.some((a) => sameVdev(a.vdev, disk.vdev) && sameDisk(servedFrom(a), disk.target, model)),
      );
      return same ? "done" : "conflict";
    }
    case "block-job": {
      const running = host.domains[goal.domain]?.running;
      if (running === undefined) return "conflict";
      const status = running.qemu?.jobs.find(({ job }) => job === goal.job)?.status;
      if (status === undefined || status === "concluded") return "pending";
      return goal.at === "made" || status === "ready" || status === "pending" ? "done" : "pending";
    }
    case "on-volumes": {
      const running = host.domains[goal.domain]?.running;
      if (running === undefined) return "conflict";
      const on = goal.disks.every(({ vdev, target }) =>
        running.attached.some((disk) => sameVdev(disk.vdev, vdev) && servedFrom(disk) === target) &&
        running.stored.some((disk) => sameVdev(disk.vdev, vdev) && disk.target === target));
      return on ? "done" : "pending";
    }
    case "let-go": {
      const nodes = host.domains[goal.domain]?.running?.qemu?.nodes ?? [];
      return nodes.some(({ path }) => path === goal.path) ? "pending" : "done";
    }
    case "boot-unit":
      return ghost.bootUnits.includes(goal.domain) ? "done" : "pending";
    case "boot-unit-absent":
      return ghost.bootUnits.includes(goal.domain) ? "pending" : "done";
    case "file-exists":
      return imageAt(goal.path, model) ? "done" : "pending";
    case "file-absent":
      return imageAt(goal.path, model) ? "pending" : "done";
  }
}

/** The verdict over all goals of a step: conflict before pending before done; `pending` where there are none. */
export function verdictOf(goals: readonly Goal[], model: Model, undoing = false): Verdict {
  const verdicts = goals.map((goal) => verdict(goal, model, undoing));
  if (verdicts.includes("conflict")) return "conflict";
  return verdicts.length > 0 && verdicts.every((v) => v === "done") ? "done" : "pending";
}

function sameDisk(a: string, b: string, model: Model): boolean {
  return diskKey(a) === diskKey(b) || disksBehind(a, model.host).join(" ") === disksBehind(b, model.host).join(" ");
}

function mapping(name: string, { host }: Model): Mapping | undefined {
  return host.mappings?.find((found) => found.name === name);
}

function imageAt(path: string, { host }: Model): boolean {
  return Object.values(host.images).some((image) => image.realPath === path);
}

function hasTags(tags: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((tag) => tags.includes(tag));
}
