import type { AttachedDisk, ConfiguredDisk } from "./domain.js";
import type { Model } from "./model.js";
import { diskKey, withGhost, withRunning } from "./transform.js";

/** What guests do, in the model: being built, starting, writing. */

/** A guest built from its config as it stands now, paused. */
export function builtFromConfig(model: Model, name: string): Model {
  const config = model.host.domains[name]?.config;
  if (config === undefined) return model;
  return withRunning(model, name, {
    domid: 1 + Math.max(0, ...Object.values(model.host.domains).map((d) => d.running?.domid ?? 0)),
    uuid: config.uuid ?? "new", paused: true, memoryKiB: (config.memoryMiB ?? 0) * 1024,
    stored: config.disks, attached: config.disks.map(attachedAs),
  });
}

/** A guest that is down is started from its config; one that runs is left alone. */
export function startedFromConfig(model: Model, name: string): Model {
  const running = model.host.domains[name]?.running;
  if (running !== undefined && !running.paused) return model;
  const built = running === undefined ? builtFromConfig(model, name) : model;
  const now = built.host.domains[name]?.running;
  return now === undefined ? built : withRunning(built, name, { ...now, paused: false });
}

function attachedAs(disk: ConfiguredDisk): AttachedDisk {
  return { vdev: disk.vdev, params: disk.target, backend: disk.backendtype === "qdisk" ? "qdisk" : "vbd", state: 4 };
}

/** In the model, a running guest writes to each of its disks and is told that the writes are safe. */
export function guestWrites(model: Model): Model {
  const disks = { ...model.ghost.disks };
  const acknowledged = { ...model.ghost.acknowledged };
  for (const domain of Object.values(model.host.domains)) {
    if (domain.running === undefined || domain.running.paused) continue;
    for (const disk of domain.running.attached) {
      const key = diskKey(disk.params);
      const ghost = disks[key];
      if (ghost === undefined || ghost.writes === Number.MAX_SAFE_INTEGER) continue;
      disks[key] = { ...ghost, writes: ghost.writes + 1 };
      acknowledged[`${domain.name}/${disk.vdev}`] = ghost.writes + 1;
    }
  }
  return withGhost(model, { disks, acknowledged });
}
