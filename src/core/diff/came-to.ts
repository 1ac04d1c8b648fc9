import type { Diagnostic } from "../model/diagnostic.js";
import type { HostState, PastCommit } from "../model/host-state.js";
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
  const last = lastAbout(domain, volume, commits);
  return last !== undefined && last.unsaid !== true && last.returns !== true;
}

/** Whether a run that has committed may have brought its guest to the volume, or back from it. */
export function mayBeAbout(volume: string, { volumes, unsaid }: Pick<PastCommit, "volumes" | "unsaid">): boolean {
  return unsaid === true || volumes.includes(volume);
}

/** The newest run of the guest that has committed, and may have brought it to the volume or back for all that its books say. */
function lastAbout(domain: string, volume: string, commits: readonly PastCommit[]): PastCommit | undefined {
  return commits.find((commit) => isOf(commit.domain, domain) && mayBeAbout(volume, commit));
}

/** Books that have lost the guest's own name call it as its folder is called. */
function isOf(booked: string, domain: string): boolean {
  return booked === domain || booked === safeName(domain);
}

/** @param then what follows on that the config names the image again */
export function neverCame(
  { domain, vdev }: { readonly domain: string; readonly vdev: string }, { name, tags }: Volume, isThere: boolean, then: string, state: HostState,
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
  const last = lastAbout(domain, name, state.commits ?? []);
  if (last?.unsaid === true) {
    return {
      severity: "error", code: "copy-not-committed",
      summary: `${domain} has ${name} for ${vdev} in its config, and nobody knows whether a run has brought it there`,
      detail: `by its tags it is a copy that was begun, of ${image}; the books of the run ${last.run}, which has brought ${domain} onto other disks, `
        + "do not say which: another version of converge wrote them. What is on the volume may be nowhere else",
      fix: `Look whether all is there, and which of the two is newer. If the volume is: lvchange --deltag converge.role=copy --addtag converge.role=disk ${name}. `
        + `Only if the guest has never been on it: let the config name ${image} again.`,
    };
  }
  return {
    severity: "error", code: "copy-not-committed",
    summary: `${domain} has ${name} for ${vdev} in its config, and no run has brought it there`,
    detail: `it is a copy that was begun, of ${image}, and may lack any part of it`,
    fix: `Let the config name ${image} again, ${then}`,
  };
}
