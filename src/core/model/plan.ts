import type { Change } from "./change.js";
import type { Diagnostic } from "./diagnostic.js";
import type { RunRecord } from "./host-state.js";
import type { Step } from "./step.js";

/** Steps in order, with two constructs for what is known only while it runs. */
export type PlanNode = Step | Repeat;

/** Copy passes: the body is run until the next pass would be short enough, stops shrinking, or `max` is reached. */
export interface Repeat {
  readonly node: "repeat";
  readonly id: string;
  readonly body: readonly Step[];
  readonly min: number;
  readonly max: number;
  /**
   * The budget of the whole downtime, and what of it is not the last pass. After a first pass of more than `firstSeconds` there
   * is a second one: much has changed meanwhile, and it says nothing of how long the last one takes.
   */
  readonly rule: { readonly downtimeSeconds: number; readonly overheadSeconds: number; readonly firstSeconds?: number };
  readonly why: string;
}

/** What a plan was made from. When one of these differs at apply, the plan is stale. */
export interface Binding {
  /** `config of web1`, `image /srv/xen/web1/root.img`… */
  readonly what: string;
  readonly is: Readonly<Record<string, string | number | boolean | null>>;
}

export interface DomainPlan {
  readonly domain: string;
  readonly changes: readonly Change[];
  readonly nodes: readonly PlanNode[];
  readonly bindings: readonly Binding[];
  readonly choices: readonly StrategyChoice[];
  /** Unset where nobody has to be taken onto a mirror, nor off the device that was one. */
  readonly switchOver?: SwitchChoice;
  readonly estimate: Estimate;
  /** Hash over the desired state of this guest: who wants the same attaches to what runs. */
  readonly digest: string;
  /** A run for the very same is under way: nothing is planned, and applying follows it. */
  readonly joins?: Pick<RunRecord, "run" | "owner" | "since" | "step">;
  /** The plan gets all ready, and the guest's own next reboot goes on: the run after that moves the disks. */
  readonly awaits?: "reboot";
  /** Of the unit that the run has on its host: 1 to 10000; unset: as any unit. */
  readonly ioWeight?: number;
  /** Runs of the guest whose books go as this one begins; unset: none do. By no step: it is done where the run is submitted. */
  readonly forgets?: readonly string[];
  /** What the guest's start needs: shown beside the steps. */
  readonly configDiff?: ConfigChange;
}

export interface ConfigChange {
  readonly path: string;
  /** Unified diff with secrets replaced. */
  readonly diff: string;
}

export interface StrategyChoice {
  readonly vdev: string;
  readonly strategy: string;
  /** How the guest is taken onto the disk; unset where it never is. */
  readonly switch?: string;
  readonly because: readonly string[];
  readonly forecast?: Forecast;
  readonly against: readonly OtherChoice[];
}

/** A way that was not taken: with a forecast where it could have been. */
export interface OtherChoice {
  readonly strategy: string;
  readonly switch?: string;
  readonly reasons: readonly string[];
  readonly forecast?: Forecast;
}

/** What a way to move one disk is reckoned to cost. */
export interface Forecast {
  /** Of this disk. */
  readonly copyBytes: number;
  /** Of the whole guest, from the first step to the last: its disks share one switch. */
  readonly seconds: number;
  readonly downtimeSeconds: number;
}

/** How a guest gets onto its new disks, why so, and why not otherwise. */
export interface SwitchChoice {
  readonly switch: string;
  readonly because: string;
  readonly against: readonly { readonly switch: string; readonly reasons: readonly string[] }[];
}

export interface Estimate {
  readonly copyBytes: number;
  /** From the first step to the last, the downtime included. */
  readonly seconds: number;
  readonly spaceNeeded: readonly { readonly group: string; readonly bytes: number; readonly freeBytes: number }[];
  readonly downtimeSeconds: number;
  /** -1: there is none. */
  readonly budgetSeconds: number;
  /** How the downtime was reckoned: one line for each part of it. */
  readonly parts: readonly { readonly what: string; readonly seconds: number; readonly how: string }[];
}

/** The forecast breaks the budget. */
export function isOverBudget({ downtimeSeconds, budgetSeconds }: Pick<Estimate, "downtimeSeconds" | "budgetSeconds">): boolean {
  return budgetSeconds >= 0 && downtimeSeconds > budgetSeconds;
}

export interface HostPlan {
  readonly host: string;
  readonly domains: readonly DomainPlan[];
  readonly diagnostics: readonly Diagnostic[];
}

/** All steps of a tree, those of repeats once. */
export function stepsOf(nodes: readonly PlanNode[]): readonly Step[] {
  const steps: Step[] = [];
  for (const node of nodes) {
    if (node.node === "step") steps.push(node);
    else steps.push(...node.body);
  }
  return steps;
}
