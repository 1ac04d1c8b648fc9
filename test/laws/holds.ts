import type { Model } from "../../src/core/model/model.js";
import { disksBehind } from "../../src/core/model/mapping.js";
import { nothingLeft, nothingOfOthers } from "./laws.js";

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
  nothingOfOthers(model, when);
}

/** Nothing that served a run alone is there, on a host that had no loop device and no snapshot before. */
export function expectNothingLeft(model: Model, when: string): void {
  nothingLeft(model, { loops: [], volumes: {} }, when);
}
