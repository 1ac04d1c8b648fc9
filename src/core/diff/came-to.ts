import type { Diagnostic } from "../model/diagnostic.js";
import type { HostState } from "../model/host-state.js";
import { safeName, sourceOfTags } from "../model/names.js";
import type { Volume } from "../model/storage.js";

/**
 * Whether some run has brought the guest to the volume. A config that names it does not say so: a run that died before its commit
 * has written that and is yet to be taken back, or somebody has. The copy may lack anything then, and its image is the only whole one.
 */
export function cameTo(domain: string, volume: string, { commits, runs }: Pick<HostState, "commits" | "runs">): boolean {
  // the model's hosts have no books
  if (commits === undefined) return true;
  // begun, and not written down as done: whoever looks after it goes forward
  if (runs.some((run) => isOf(run.domain, domain) && run.committing !== undefined && run.committedAt === undefined)) return true;
  const last = commits.find((commit) => isOf(commit.domain, domain) && commit.volumes.includes(volume));
  return last !== undefined && last.returns !== true;
}

/** Books that have lost the guest's own name call it as its folder is called. */
function isOf(booked: string, domain: string): boolean {
  return booked === domain || booked === safeName(domain);
}

/** @param then what follows on that the config names the image again */
export function neverCame(
  { domain, vdev }: { readonly domain: string; readonly vdev: string }, { name, tags }: Volume, isThere: boolean, then: string,
): Omit<Diagnostic, "at"> {
  const image = sourceOfTags(tags) ?? "its image";
  if (isThere) {
    return {
      severity: "error", code: "copy-not-committed",
      summary: `${domain} runs on ${name} as its ${vdev}, and no run is known to have brought it there`,
      detail: `by its tags it is a copy that was begun, of ${image}; what is on it only, no other disk has`,
      fix: `Look whether all is there. If it is: lvchange --deltag converge.role=copy --addtag converge.role=disk ${name}`,
    };
  }
  return {
    severity: "error", code: "copy-not-committed",
    summary: `${domain} has ${name} for ${vdev} in its config, and no run has brought it there`,
    detail: `it is a copy that was begun, of ${image}, and may lack any part of it`,
    fix: `Let the config name ${image} again, ${then}`,
  };
}
