import { hasErrors } from "../../core/model/diagnostic.js";
import type { Diagnostic } from "../../core/model/diagnostic.js";
import type { SourceText } from "../../core/model/source.js";
import type { SavedHost } from "../../core/plan/saved.js";
import { readSavedPlan } from "../../core/plan/saved.js";
import { staleness } from "../../core/plan/stale.js";
import { sha256 } from "../run/plan-target.js";
import type { Preview } from "../run/preview.js";
import { hasWork, previewHosts } from "../run/preview.js";
import { acrossAll, recordings, verdictOf } from "./apply-playbooks.js";
import { carryOut } from "./carry-out.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT, worst } from "./exit-code.js";
import { Refusal } from "./failure.js";
import type { RunOptions } from "./options.js";
import { reporterFor } from "./session.js";
import type { Session } from "./session.js";
import { toolVersion } from "./version.js";
import { wanted, workFromSavedPlan } from "./work.js";

/**
 * Runs a saved plan: hosts are looked at, planned anew from the saved wishes, and what comes out is compared with what
 * was saved. Where anything differs nothing is begun anywhere. It never asks: it was reviewed.
 */
export async function applySavedPlan(source: SourceText, options: RunOptions, session: Session): Promise<ExitCode> {
  const { value: saved, diagnostics } = readSavedPlan(source, toolVersion(), sha256);
  if (saved === undefined) throw new Refusal(diagnostics);
  const work = await workFromSavedPlan(saved, options, session);
  const reporter = reporterFor(session, options);
  try {
    reporter.begin(options.check === true ? "check" : "apply", [source.file]);
    reporter.complain(work.diagnostics);
    const previews = await previewHosts(work.targets, options.forks, session.clock);
    const idle = (work.idle ?? []).map((host) => ({ host, plan: { host, domains: [], diagnostics: [] } }));
    reporter.preview([...previews, ...idle]);
    const stale = previews.flatMap((preview) => staleHost(preview, saved.hosts, options));
    reporter.complain(stale);
    // a guest may have been defined on a second host since
    const across = acrossAll(previews, work, []);
    reporter.complain(across);
    const recorded = options.check === true || !previews.some(hasWork) ? [] : recordings(work);
    reporter.complain(recorded);
    const known = worst([...previews.map(verdictOf), ...(stale.length + across.length + recorded.length > 0 ? [EXIT.refused] : [])]);
    const pending = options.detailedExitcode === true && previews.some(hasWork) ? EXIT.pending : EXIT.done;
    const exit = known !== EXIT.done || options.check === true || !previews.some(hasWork)
      ? worst([known, pending])
      : await carryOut(work, previews, options, session, reporter);
    reporter.end(exit);
    return exit;
  } finally {
    await work.close();
  }
}

function staleHost(preview: Preview, saved: readonly SavedHost[], options: RunOptions): readonly Diagnostic[] {
  if (!("plan" in preview) || hasErrors(preview.plan.diagnostics)) return [];
  const host = saved.find((candidate) => candidate.host === preview.host);
  const domains = host?.domains.filter((domain) => wanted(domain.domain, options.domain)) ?? [];
  return domains.flatMap((domain) => {
    const now = preview.plan.domains.find((one) => one.domain === domain.domain);
    // this very plan is being carried out: what is seen of its guest is half-way, and the run is followed
    if (now?.joins !== undefined && now.digest === domain.digest) return [];
    return staleness(preview.host, domain, now);
  });
}
