import type { DesiredDomain } from "../../model/desired.js";
import type { HostState } from "../../model/host-state.js";
import { planHost } from "../../plan/plan-host.js";
import { strategies } from "../../strategies/registry.js";
import { digestOf, filledDomains, plansOnFacts } from "../facts-plans.js";
import type { Project } from "../project.js";
import type { Finding, Rule } from "../rule.js";

export const tightBudget: Rule = {
  name: "tight-budget",
  about: "A downtime that no strategy can keep to on the facts recorded, or that waiting for the shutdown may use up.",
  severity: "error",
  check: (project) => [...forecastOver(project), ...shutdownOver(project)],
};

function forecastOver(project: Project): Finding[] {
  return plansOnFacts(project).flatMap(({ state, wishes, downtimeAt }) => wishes.flatMap((wish): Finding[] => {
    const budget = wish.move.downtimeSeconds;
    const least = budget === undefined ? undefined : leastDowntime(wish, state);
    if (budget === undefined || least === undefined || least.seconds <= budget) return [];
    return [{
      at: downtimeAt(wish), subject: { host: state.host.name, domain: wish.name },
      summary: `no strategy keeps ${wish.name} down for ${budget} s at most: the best takes about ${least.seconds} s`,
      detail: least.parts.join("\n"), fix: "Allow more downtime; a recorded move makes the forecast better",
    }];
  }));
}

/** Of every strategy that a playbook may name, and the free choice among them. */
function leastDowntime(wish: DesiredDomain, state: HostState): { readonly seconds: number; readonly parts: readonly string[] } | undefined {
  const names = ["auto", ...Object.values(strategies).filter((strategy) => strategy.named).map((strategy) => strategy.name)];
  // a plan that breaks its budget is refused: what it would take is asked without one
  const { downtimeSeconds: _budget, ...asked } = wish.move;
  const estimates = names.flatMap((strategy) => {
    const move = { ...asked, strategy };
    const disks = wish.disks.map((disk) => ({ ...disk, move: { ...disk.move, strategy } }));
    return planHost(state, [{ ...wish, move, disks }], digestOf).domains.map(({ estimate }) => estimate);
  });
  const [best] = [...estimates].sort((a, b) => a.downtimeSeconds - b.downtimeSeconds);
  if (best === undefined) return undefined;
  return { seconds: best.downtimeSeconds, parts: best.parts.map(({ what, seconds, how }) => `${what}: ${seconds} s, ${how}`) };
}

function shutdownOver(project: Project): Finding[] {
  return filledDomains(project).flatMap((domain): Finding[] => {
    const move = { ...domain.playMove, ...domain.move };
    const { downtimeSeconds, shutdownTimeoutSeconds } = move;
    if (downtimeSeconds === undefined || shutdownTimeoutSeconds === undefined || shutdownTimeoutSeconds <= downtimeSeconds) return [];
    const { keyAt } = domain;
    return [{
      at: keyAt["move.shutdown.timeout"] ?? keyAt["play.move.shutdown.timeout"] ?? domain.at, severity: "warning",
      summary: `the shutdown of ${domain.pattern} is waited for ${shutdownTimeoutSeconds} s, and it may be down for ${downtimeSeconds} s`,
      fix: "Allow as much downtime as the shutdown may take, or wait for it less long",
    }];
  });
}
