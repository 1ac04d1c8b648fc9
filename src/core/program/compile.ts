import { quoteWord } from "../model/command.js";
import { isTemporary } from "../goals/temporary.js";
import type { Goal } from "../model/goal.js";
import { safeName, bootUnitName } from "../model/names.js";
import type { DomainPlan, Estimate, Repeat } from "../model/plan.js";
import { stepsOf } from "../model/plan.js";
import type { Action, Step, StepKind } from "../model/step.js";
import { RUNTIME, RUNTIME_GOALS, RUNTIME_VERBS, RUNTIME_WATCHES } from "./runtime.generated.js";

/** What a program needs to know of its guest besides the plan. */
export interface ProgramHeader {
  /** The xl config that the guest is started from, before and after. */
  readonly config: string;
}

/** What of a step kind ends up in a program. */
export type CompilableKind = Pick<StepKind<string, unknown>, "title" | "actions" | "goals" | "undo" | "temporary" | "always">;

/** Step kinds by their names. */
export type StepKinds = Readonly<Record<string, CompilableKind>>;

/**
 * The host program of a plan: POSIX sh text. The same plan gives the same text; run, owner and times come from the
 * directory that it is put into.
 * @throws RangeError for what can only be a bug: an unknown kind, goal or verb, an id that is not plain
 */
export function compileProgram(plan: DomainPlan, kinds: StepKinds, header: ProgramHeader): string {
  return `#!/bin/sh\n${RUNTIME}\n${compileCalls(plan, kinds, header)}\nmain "$@"\n`;
}

/** The part of a program that its plan makes: functions that hold nothing but calls with quoted arguments. */
export function compileCalls(plan: DomainPlan, kinds: StepKinds, header: ProgramHeader): string {
  const steps = stepsOf(plan.nodes);
  const numbers = new Map(steps.map((step, index) => [step, index + 1]));
  const number = (step: Step): number => {
    const found = numbers.get(step);
    if (found === undefined) throw new RangeError(`step ${step.id} is not in its plan`);
    return found;
  };
  const repeats = plan.nodes.filter((node): node is Repeat => node.node === "repeat");
  const kindOf = (step: Step): CompilableKind => {
    const kind = Object.hasOwn(kinds, step.kind) ? kinds[step.kind] : undefined;
    if (kind === undefined) throw new RangeError(`there is no step kind ${step.kind} in the registry: \`npm run generate\` writes it anew`);
    return kind;
  };
  const stepCall = (step: Step): string =>
    call("step", String(number(step)), plainId(step.id), plainId(step.kind), step.phase, kindOf(step).title(step.args));

  const { estimate } = plan;
  const parts = [
    call("about", plan.domain, safeName(plan.domain), plan.digest, header.config),
    call("bounds", seconds(hangsAfter(estimate))),
    // runs that carry nothing say nothing of what carrying takes
    ...(plan.choices.length === 0 || plan.awaits !== undefined
      ? []
      : [call("forecast", carrier(plan), seconds(estimate.downtimeSeconds), seconds(estimate.seconds), String(estimate.copyBytes))]),
  ];
  for (const step of steps) parts.push(...stepFunctions(step, kindOf(step), number(step)));
  repeats.forEach((repeat, index) => {
    parts.push(sh(`body_${String(index + 1)}`, repeat.body.map(stepCall)));
  });
  parts.push(
    sh(
      "plan",
      plan.nodes.map((node) => {
        if (node.node === "step") return stepCall(node);
        const { downtimeSeconds, overheadSeconds, firstSeconds } = node.rule;
        const budget = downtimeSeconds < 0 || !Number.isFinite(downtimeSeconds) ? "-1" : seconds(downtimeSeconds);
        const body = `body_${String(repeats.indexOf(node) + 1)}`;
        const first = firstSeconds === undefined ? "-1" : seconds(firstSeconds);
        return call("repeat", plainId(node.id), String(node.min), String(node.max), budget, seconds(overheadSeconds), body, first);
      }),
    ),
  );
  return parts.join("\n\n");
}

/**
 * Seconds that a single command may take while the guest is away, before it counts as one that hangs: more than the whole
 * downtime should take, by a wide margin, since forecasts may be guesses.
 */
export function hangsAfter({ downtimeSeconds, budgetSeconds }: Pick<Estimate, "downtimeSeconds" | "budgetSeconds">): number {
  return Math.max(120, 5 * downtimeSeconds, Number.isFinite(budgetSeconds) ? budgetSeconds : 0);
}

/** The strategy that carries most, under which the run is remembered. */
function carrier({ choices }: DomainPlan): string {
  const bytes = (choice: DomainPlan["choices"][number]): number => choice.forecast?.copyBytes ?? 0;
  return [...choices].sort((a, b) => bytes(b) - bytes(a))[0]?.strategy ?? "none";
}

/** A goal as the runtime is asked for it: function and arguments. */
function goalWords(goal: Goal): readonly [name: string, ...args: string[]] {
  const name = goal.goal.replaceAll("-", "_");
  if (!RUNTIME_GOALS.has(name)) throw unknown("goal", name);
  switch (goal.goal) {
    case "volume-exists":
      return [name, goal.volume, String(goal.bytes), ...goal.tags];
    case "volume-tagged":
    case "volume-absent":
      return [name, goal.volume, ...goal.tags];
    case "snapshot-exists":
      return [name, goal.volume, goal.origin, ...goal.tags];
    case "content":
      return [name, goal.volume, goal.type, goal.uuid];
    case "mounted":
      return [name, goal.target, goal.source];
    case "unmounted":
      return [name, goal.target];
    case "loop-attached":
      return [name, goal.link, goal.file];
    case "loop-detached":
      return [name, goal.link];
    case "array":
    case "array-tracked":
    case "array-in-sync":
    case "resource":
    case "resource-in-sync":
    case "mapping":
      return [name, goal.name, goal.leg.device];
    case "array-mirrored":
    case "resource-mirrored":
    case "mirrored":
      return [name, goal.name, goal.from.device, goal.to.device];
    case "mirror-in-sync":
    case "mapping-unused":
      return [name, goal.name];
    case "stored":
      return [name, goal.domain, goal.file];
    case "config":
      return [name, goal.path, goal.sha256, goal.before];
    case "domain-running":
    case "domain-paused":
    case "domain-down":
      return [name, goal.domain];
    case "attached":
      return [name, goal.domain, ...goal.disks.flatMap((disk) => [disk.vdev, disk.target])];
    case "block-job":
      return [name, goal.domain, goal.job, goal.at];
    case "on-volumes":
      return [name, goal.domain, ...goal.disks.flatMap((disk) => [disk.vdev, disk.target])];
    case "let-go":
      return [name, goal.domain, goal.path];
    case "boot-unit":
    case "boot-unit-absent":
      return [name, bootUnitName(goal.domain)];
    case "file-exists":
    case "file-absent":
      return [name, goal.path];
  }
}

function stepFunctions(step: Step, kind: CompilableKind, number: number): readonly string[] {
  const goals = kind.goals(step.args);
  const functions = [
    sh(`step_${String(number)}`, [
      ...(kind.always === true ? [call("always")] : []),
      ...goals.map((goal) => call("goal", ...goalWords(goal))),
      ...kind.actions(step.args).map(actionCall),
    ]),
  ];
  const undo = kind.undo?.(step.args);
  if (undo !== undefined) {
    functions.push(
      sh(`undo_${String(number)}`, [
        call("undoing", plainId(step.id), isTemporary(kind, goals) ? "temporary" : "kept", kind.title(step.args)),
        ...undo.when.map((goal) => call("when", ...goalWords(goal))),
        ...undo.actions.map(actionCall),
      ]),
    );
  }
  return functions;
}

function actionCall(action: Action): string {
  const [verb, ...args] = action.verb ?? ["plain"];
  const command = "command" in action ? ["--", ...action.command] : [];
  const name = verb.replaceAll("-", "_");
  if (name === "watch") {
    const [watch = "", ...rest] = args;
    const watchName = watch.replaceAll("-", "_");
    if (!RUNTIME_WATCHES.has(watchName)) throw unknown("watch", watchName);
    return call("watch", watchName, ...rest);
  }
  if (!RUNTIME_VERBS.has(name)) throw unknown("verb", name);
  return call("act", name, ...args, ...command);
}

function unknown(what: "goal" | "verb" | "watch", name: string): RangeError {
  return new RangeError(`the runtime knows no ${what} ${name}: it is to have a function ${what}_${name}, and \`npm run generate\` embeds it`);
}

function call(...words: readonly string[]): string {
  return words.map(quoteWord).join(" ");
}

/** No sh function may be empty. */
function sh(name: string, calls: readonly string[]): string {
  const body = calls.length === 0 ? ["  :"] : calls.map((line) => `  ${line}`);
  return `${name}() {\n${body.join("\n")}\n}`;
}

/** Ids become names of files and are read back from the journal by sed: they are converge's own, and plain. */
function plainId(id: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(id)) throw new RangeError(`not a plain id: ${id}`);
  return id;
}

/** To hundredths, which is what the runtime counts in. */
function seconds(value: number): string {
  return String(Math.ceil(value * 100) / 100);
}
