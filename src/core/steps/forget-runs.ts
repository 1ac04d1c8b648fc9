import type { StepKind } from "../model/step.js";
import { forgetCommand } from "../model/unit.js";

export interface ForgetOldRuns {
  readonly domain: string;
  readonly runs: readonly string[];
}

/** Books of runs that ended long ago go. One that is not at its end, or that a boot unit still calls, stays whatever was planned. */
export const forgetOldRuns: StepKind<"forget-runs", ForgetOldRuns> = {
  kind: "forget-runs",
  risk: "safe",
  requires: ["rm"],
  title: ({ domain, runs }) => `Forget ${runs.length === 1 ? "an old run" : `${runs.length} old runs`} of ${domain}`,
  actions: ({ domain, runs }) => runs.map((run) => (
    { verb: ["forget_run", run], command: forgetCommand(domain, run) }
  )),
  goals: () => [],
  effect: ({ domain, runs }, model) => {
    const past = (model.host.past ?? []).filter((one) => one.domain !== domain || !runs.includes(one.run));
    const commits = (model.host.commits ?? []).filter((one) => one.domain !== domain || !runs.includes(one.run));
    return { ...model, host: { ...model.host, past, commits } };
  },
};
