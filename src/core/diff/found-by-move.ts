import type { BoundImage, HostState } from "../model/host-state.js";

/** The file under a path as that run found it which last moved a guest off it onto the volume; undefined where no books say so. */
export function foundByMove(volume: string, isIt: (path: string) => boolean, { commits }: Pick<HostState, "commits">): BoundImage | undefined {
  const moved = commits?.find((commit) => commit.volumes.includes(volume) && commit.returns !== true);
  return moved?.images?.find(({ path }) => isIt(path));
}
