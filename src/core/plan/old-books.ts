import { safeName } from "../model/names.js";
import type { HostState } from "../model/host-state.js";
import type { HostPlan } from "../model/plan.js";

/** So many runs of a guest stay in its books, the one that begins among them, as `forget_old_runs` in runtime/submit.sh has it. */
const KEPT = 20;

/**
 * The plan, with what the submission of each guest's run removes: that is no step of it, and runs all the same. What a step of it is there
 * to remove is said by that step.
 */
export function withForgottenRuns(plan: HostPlan, state: HostState): HostPlan {
  return {
    ...plan,
    domains: plan.domains.map((domain) => {
      const said = new Set(domain.changes.flatMap((change) => (change.change === "forget-runs" ? change.runs.map(({ run }) => run) : [])));
      const forgets = domain.joins === undefined ? forgottenRuns(domain.domain, state).filter((run) => !said.has(run)) : [];
      return forgets.length === 0 ? domain : { ...domain, forgets };
    }),
  };
}

/**
 * The runs of a guest whose books go as its next one begins: by their names, which sort by time, the next one's among the newest. What
 * a submission that died right away has left has no end, as a run that is half-way, and is not told apart from one: it may go unsaid.
 */
export function forgottenRuns(domain: string, state: Pick<HostState, "runs" | "past" | "commits">): readonly string[] {
  // a guest that has gone may be known by the name of its books alone
  const isOf = (one: { readonly domain: string }): boolean => one.domain === domain || one.domain === safeName(domain);
  const past = (state.past ?? []).filter(isOf);
  const telling = runsThatMoved((state.commits ?? []).filter(isOf));
  const open = new Set(past.filter((one) => one.open === true).map(({ run }) => run));
  const last = state.runs.filter(isOf);
  for (const { run, unfinished } of last) if (unfinished !== undefined) open.add(run);
  return [...past, ...last].map(({ run }) => run).sort().reverse().slice(KEPT - 1)
    .filter((run) => !open.has(run) && !telling.has(run));
}

/**
 * The newest that has committed, and for each volume the newest of those: a rollback knows by it since when the image is behind. As
 * `runs_that_moved` in runtime/submit.sh.
 * @param commits of one guest, the newest first
 */
function runsThatMoved(commits: NonNullable<HostState["commits"]>): ReadonlySet<string> {
  const known = new Set<string>();
  const telling = commits.filter(({ volumes, unsaid }, at) => {
    // one that does not say where it brought its guest may have brought it anywhere
    const about = unsaid === true ? [...volumes, "?"] : volumes;
    const tells = at === 0 || about.some((volume) => !known.has(volume));
    about.forEach((volume) => known.add(volume));
    return tells;
  });
  return new Set(telling.map(({ run }) => run));
}
