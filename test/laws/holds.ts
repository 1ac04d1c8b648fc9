import type { Model } from "../../src/core/model/model.js";
import { disksBehind, isUsed } from "../../src/core/model/mapping.js";
import { hasMapping } from "./laws.js";

/** What has to hold in every state that a plan leads through, or that is left when a run is cut short. */

/** Everything that a start from the config on disk would read holds all that the guest was told is safe. */
export function expectSafeToStart(model: Model, when: string): void {
  for (const domain of Object.values(model.host.domains)) {
    const lists = [domain.config?.disks ?? [], domain.running?.stored ?? []];
    for (const disk of lists.flat()) {
      // of a mirror's legs the complete one
      const [complete = ""] = disksBehind(disk.target, model.host);
      const ghost = model.ghost.disks[complete];
      const acknowledged = model.ghost.acknowledged[`${domain.name}/${disk.vdev}`] ?? 0;
      // plain throws: this is asked a hundred thousand times, and an assertion library takes its time
      if (ghost === undefined) throw new Error(`${when}: ${disk.target} is not there`);
      if (ghost.writes < acknowledged) throw new Error(`${when}: ${disk.target} lacks writes`);
      if (ghost.deceptive) throw new Error(`${when}: ${disk.target} looks newer than it is`);
      if (!ghost.consistent) throw new Error(`${when}: ${disk.target} is half a copy`);
    }
  }
}

/** Nothing that served a run alone is there. */
export function expectNothingLeft(model: Model, when: string): void {
  // a guest that runs on a mapping keeps it, with what it lies on and what brings it back at a boot
  const used = (model.host.mappings ?? []).filter((mapping) => isUsed(mapping.name, model));
  const kept = (path: string): boolean => used.some(({ table }) => table.kind === "linear" && table.on === path);
  const left = [
    ...(model.host.mappings ?? []).filter((mapping) => !used.includes(mapping)).map((mapping) => `mapping ${mapping.name}`),
    ...used.filter(({ table }) => table.kind !== "linear").map((mapping) => `mirror ${mapping.name}`),
    ...model.host.mounts.filter((m) => m.target.startsWith("/run/converge")).map((m) => `mount ${m.target}`),
    ...model.host.loops.filter((l) => !kept(l.backing)).map((l) => `loop ${l.device}`),
    ...model.ghost.bootUnits.filter((name) => !used.some((mapping) => hasMapping(model, name, mapping.name))).map((u) => `boot unit of ${u}`),
    ...Object.values(model.host.volumes).filter((v) => v.kind === "snapshot").map((v) => `snapshot ${v.name}`),
    ...(model.ghost.clones ?? []).map(({ name }) => `clone ${name}`),
    ...Object.values(model.host.domains).flatMap(({ running }) => (running?.qemu?.jobs ?? []).map(({ job }) => `block job ${job}`)),
    ...Object.values(model.host.domains).flatMap(({ running }) =>
      (running?.qemu?.nodes ?? []).filter(({ node }) => node.startsWith("converge-") && !running?.attached.some((disk) => disk.open?.node === node))
        .map(({ node }) => `block node ${node}`)),
  ];
  if (left.length > 0) throw new Error(`${when}: left ${left.join(", ")}`);
}
