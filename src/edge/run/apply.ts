import type { DomainPlan } from "../../core/model/plan.js";
import { emptyReport } from "../../core/render/run-report.js";
import type { ApplyHostOptions, HostResult } from "./apply-host.js";
import { applyHost, isWell } from "./apply-host.js";
import { inParallel } from "./parallel.js";
import type { Target } from "./target.js";

/** Hosts of one play that are taken together. */
export interface Batch {
  readonly hosts: readonly string[];
  /** Go on with the next batch while no more than this share (0 to 100) of this one has failed. */
  readonly maxFailPercent: number;
}

/** One host of a run, with what was shown for it. */
export interface Prepared {
  readonly target: Target;
  readonly seen: NonNullable<ApplyHostOptions["seen"]>;
  readonly shown: readonly DomainPlan[];
}

export interface ApplyOptions extends Omit<ApplyHostOptions, "target" | "seen" | "shown"> {
  readonly batches: readonly Batch[];
  readonly hosts: ReadonlyMap<string, Prepared>;
  /** Hosts that have failed before anything was begun: not reached, or refused. */
  readonly fallen: ReadonlySet<string>;
  /** Never more hosts than this at a time. */
  readonly forks: number;
  /** Called as each host ends. */
  readonly onHost?: (result: HostResult) => void;
}

/**
 * Takes the hosts batch by batch, until more of one have failed than its play permits: then none is begun any more, in that
 * batch neither. A host that the preview could not reach, or that it was refused for, is one of the failed.
 */
export async function applyAll(options: ApplyOptions): Promise<readonly HostResult[]> {
  const results: HostResult[] = [];
  let stopped = false;
  for (const batch of options.batches) {
    const taken = batch.hosts.flatMap((name) => options.hosts.get(name) ?? []);
    const failed = new Set(batch.hosts.filter((name) => options.fallen.has(name)));
    if (stopped || options.interruption.wish !== "go on") {
      results.push(...taken.map(untouched));
      continue;
    }
    results.push(...await inParallel(taken, options.forks, async (prepared) => {
      if (tooManyFailed(batch, failed.size)) return untouched(prepared);
      const result = await applyHost({ ...options, ...prepared });
      options.onHost?.(result);
      if (!isGood(result)) failed.add(result.host);
      return result;
    }));
    stopped = tooManyFailed(batch, failed.size);
  }
  return results;
}

/** More of a batch failed than its play permits. */
function tooManyFailed(batch: Batch, failed: number): boolean {
  return failed > 0 && (failed / batch.hosts.length) * 100 > batch.maxFailPercent;
}

/** Every guest of it was brought where it should be, or will be. */
function isGood(result: HostResult): boolean {
  return result.unreachable === undefined && result.guests.every((guest) => isWell(guest) && guest.unverified !== true);
}

function untouched({ target, shown }: Prepared): HostResult {
  const guests = shown.map((plan) => ({ host: target.name, plan, end: "not-started" as const, report: emptyReport }));
  return { host: target.name, guests, diagnostics: [] };
}
