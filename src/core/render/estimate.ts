import type { Estimate } from "../model/plan.js";
import { formatApart, formatBytes } from "../model/bytes.js";
import { isOverBudget } from "../model/plan.js";
import { formatForecast, formatSeconds } from "./figures.js";
import { columns, hanging } from "./wrap.js";
import { visible } from "./visible.js";
import type { View } from "./view.js";

/** What a move costs: bytes, space, downtime with its parts and the budget. */
export function renderEstimate(estimate: Estimate, indent: string, view: View): readonly string[] {
  return [
    `${indent}copy      ${estimate.copyBytes === 0 ? "nothing" : formatBytes(estimate.copyBytes)}`,
    ...estimate.spaceNeeded.flatMap((space, i) => {
      const [needed, free] = formatApart(space.bytes, space.freeBytes);
      const text = `${visible(space.group)}: ${needed} needed, ${free} free, `
        + (space.freeBytes >= space.bytes ? `${formatBytes(space.freeBytes - space.bytes)} left` : "not enough");
      return hanging(`${indent}${i === 0 ? "space     " : "          "}`, text, view.width);
    }),
    ...downtime(estimate, indent, view),
  ];
}

function downtime(estimate: Estimate, indent: string, view: View): readonly string[] {
  if (estimate.downtimeSeconds === 0 && estimate.parts.length === 0) return [`${indent}downtime  none`];
  const over = isOverBudget(estimate);
  const verdict = `about ${formatForecast(estimate.downtimeSeconds)}${budget(estimate)}`
    + (over ? ": more than the budget, the guest would not be shut down" : "");
  const whatWidth = Math.max(...estimate.parts.map((part) => columns(visible(part.what))), 0);
  const parts = estimate.parts.flatMap((part) => {
    const seconds = formatForecast(part.seconds).padStart(7);
    return hanging(`${indent}          ${visible(part.what).padEnd(whatWidth)} ${seconds}  `, visible(part.how), view.width);
  });
  const head = hanging(`${indent}downtime  `, verdict, view.width);
  return [...(over ? head.map(view.style.danger) : head), ...parts.map(view.style.faint)];
}

/** `, budget 30 s`, or nothing where the playbook sets none (-1). */
export function budget(estimate: Estimate): string {
  return estimate.budgetSeconds >= 0 ? `, budget ${formatSeconds(estimate.budgetSeconds)}` : ", no budget set";
}
