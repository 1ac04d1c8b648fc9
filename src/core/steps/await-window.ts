import type { TimeWindow } from "../model/desired.js";
import type { AttachedGoal } from "../model/goal.js";
import type { PlanNode } from "../model/plan.js";
import { stepsOf } from "../model/plan.js";
import type { Step, StepKind } from "../model/step.js";

export interface AwaitWindow {
  readonly domain: string;
  readonly window: TimeWindow;
  /** What the switch after it is reckoned to take: so much of the window has to be left. */
  readonly seconds: number;
  /** What the guest is to be taken off. */
  readonly disks: readonly AttachedGoal[];
  /** Ids of the steps that take it off: passed over where it has left by itself meanwhile. */
  readonly passesOver: readonly string[];
  /** Its memory goes to Dom0's: one guest at a time. */
  readonly inTurn?: true;
}

/**
 * Waits, on the host, until its own wall clock lies in the window. The guest runs on its volume meanwhile, and may be
 * rebooted, stopped or started by whomever: all of that leads to the volume itself, and then there is nothing to switch.
 */
export const awaitWindow: StepKind<"await-window", AwaitWindow> = {
  kind: "await-window",
  risk: "safe",
  requires: ["xl", "xenstore-ls"],
  title: ({ window, seconds }) => `Wait for ${window.text} by Dom0's clock, with ${seconds} s of it left`,
  actions: ({ domain, window, seconds, disks, passesOver, inTurn }) => [
    {
      verb: [
        "await_window", domain, window.text, String(seconds), window.spans.map(({ start, minutes }) => `${start}+${minutes}`).join(" "),
        passesOver.join(" "), inTurn === true ? "turn" : "-", ...disks.flatMap(({ vdev, target }) => [vdev, target]),
      ],
      shown: `date says so, and ${domain} is on ${disks.map(({ target }) => target).join(" and ")} still`
        + (inTurn === true ? "; no other run has its guest's memory in Dom0's" : ""),
    },
  ],
  goals: () => [],
  effect: (_args, model) => model,
};

/** The wait of a plan that has one. */
export function waitOf(nodes: readonly PlanNode[]): AwaitWindow | undefined {
  return stepsOf(nodes).find(isWait)?.args;
}

function isWait(step: Step): step is Step<"await-window", AwaitWindow> {
  return step.kind === awaitWindow.kind;
}
