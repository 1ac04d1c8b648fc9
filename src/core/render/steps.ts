import type { PlanNode, Repeat } from "../model/plan.js";
import { formatSeconds } from "./figures.js";
import type { Action, Phase, Risk, Step } from "../model/step.js";
import { commented, hanging, wrapCommand } from "./wrap.js";
import { visible } from "./visible.js";
import type { View } from "./view.js";

const PHASES: Readonly<Record<Phase, string>> = {
  prepare: "the guest runs on, nothing of its own is touched",
  switch: "the guest goes over to its new disks; until the commit all of it is undone on failure",
  settle: "what stays for good",
  finish: "what the run needed is taken away",
};

/**
 * The steps of a guest by phase, numbered, each with the commands that run. A command that the runtime watches over
 * is shown as it runs; what has no command of its own is shown in words after a `#`, so that the text can be pasted.
 */
export function renderSteps(nodes: readonly PlanNode[], indent: string, view: View): readonly string[] {
  const lines: string[] = [];
  let phase: Phase | undefined;
  let number = 0;
  for (const node of nodes) {
    const first = node.node === "step" ? node : node.body[0];
    if (first === undefined) continue;
    if (first.phase !== phase) {
      phase = first.phase;
      lines.push(...hanging(`${indent}${phase}: `, PHASES[phase], view.width).map(view.style.faint));
    }
    if (node.node === "repeat") lines.push(...repeatHead(node, `${indent}  `, view));
    for (const step of node.node === "step" ? [node] : node.body) {
      number += 1;
      lines.push(...(node.node === "step" ? renderStep(step, number, `${indent}  `, view) : barred(step, number, indent, view)));
    }
  }
  return lines;
}

function repeatHead(node: Repeat, indent: string, view: View): readonly string[] {
  const times = node.max === 1 ? "once" : node.min === node.max ? `${node.max} times` : `${node.min} to ${node.max} times`;
  const rule = node.rule.downtimeSeconds >= 0
    ? ` (budget ${formatSeconds(node.rule.downtimeSeconds)}, of which ${formatSeconds(node.rule.overheadSeconds)} are not copying)`
    : "";
  return hanging(`${indent}repeat `, `${times}: ${visible(node.why)}${rule}`, view.width);
}

/** A step of a repeat's body: a bar down its side shows what is repeated. */
function barred(step: Step, number: number, indent: string, view: View): readonly string[] {
  const bar = `${indent}  | `;
  return renderStep(step, number, "", { ...view, width: view.width - bar.length }).map((line) => `${bar}${line}`);
}

function renderStep(step: Step, number: number, indent: string, view: View): readonly string[] {
  const { title, risk, actions } = view.describe(step);
  const head = hanging(`${indent}${String(number).padStart(2)} `, `${visible(title)}${mark(risk)}`, view.width);
  const body = `${indent}     `;
  return [
    ...head.map((line) => paintRisk(line, risk, view)),
    ...(view.verbosity > 0 ? hanging(body, `why: ${visible(step.why)}`, view.width).map(view.style.faint) : []),
    ...(view.verbosity > 1 ? [view.style.faint(`${body}id:  ${visible(step.id)} (${visible(step.kind)})`)] : []),
    ...actions.flatMap((action) => renderAction(action, body, view)),
  ];
}

function renderAction(action: Action, indent: string, view: View): readonly string[] {
  if (!("command" in action)) {
    const { shown, writes = [] } = action;
    // as it is written: a line of a file that is wrapped is another one
    const file = view.verbosity === 0 ? [] : writes.map((line) => `${indent}#   ${visible(line)}`.trimEnd());
    return [...commented(indent, visible(shown), view.width), ...file].map(view.style.faint);
  }
  const lines = [
    ...(action.also === undefined ? [] : commented(indent, visible(action.also), view.width)).map(view.style.faint),
    ...wrapCommand(action.command, view.width - indent.length).map((line) => view.style.command(`${indent}${line}`)),
  ];
  if (view.verbosity < 2 || action.verb === undefined) return lines;
  return [view.style.faint(`${indent}# under ${action.verb.map(visible).join(" ")}`), ...lines];
}

function mark(risk: Risk): string {
  return risk === "safe" ? "" : ` [${risk}]`;
}

function paintRisk(line: string, risk: Risk, view: View): string {
  if (risk === "safe") return line;
  return risk === "destructive" ? view.style.danger(line) : view.style.warning(line);
}
