import type { AttachedDisk, ConfiguredDisk } from "./domain.js";
import type { Model } from "./model.js";
import { disksBehind } from "./mapping.js";
import { withGhost, withRunning } from "./transform.js";

/** What guests do, in the model: being built, starting, writing. */

/** A guest built from its config as it stands now, paused. */
export function builtFromConfig(model: Model, name: string): Model {
  return builtWith(model, name, model.host.domains[name]?.config?.disks ?? []);
}

/** A guest built, paused, from a config of its own that names these disks. */
export function builtWith(model: Model, name: string, disks: readonly ConfiguredDisk[]): Model {
  const config = model.host.domains[name]?.config;
  if (config === undefined) return model;
  return withRunning(model, name, {
    domid: 1 + Math.max(0, ...Object.values(model.host.domains).map((d) => d.running?.domid ?? 0)),
    uuid: config.uuid ?? "new", paused: true, memoryKiB: (config.memoryMiB ?? 0) * 1024,
    macs: Array.from({ length: config.networkCards }, () => "00:16:3e:00:00:01"),
    stored: disks, attached: disks.map(attachedAs),
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
      const [complete = "", other] = disksBehind(disk.params, model.host);
      const ghost = disks[complete];
      if (ghost === undefined || ghost.writes === Number.MAX_SAFE_INTEGER) continue;
      disks[complete] = { ...ghost, writes: ghost.writes + 1 };
      acknowledged[`${domain.name}/${disk.vdev}`] = ghost.writes + 1;
      // a mirror's second leg gets each write too, which is of use only once it has all that was there before
      const second = other === undefined ? undefined : disks[other];
      if (other !== undefined && second?.consistent === true) disks[other] = { ...second, writes: ghost.writes + 1 };
    }
  }
  return withGhost(model, { disks, acknowledged });
}
