import type { StrategyChoice, SwitchChoice } from "../model/plan.js";
import { hanging } from "./wrap.js";
import { visible } from "./visible.js";
import type { View } from "./view.js";

/** Which strategy each disk takes, why, and why not the others. */
export function renderChoices(choices: readonly StrategyChoice[], indent: string, view: View): readonly string[] {
  const width = Math.max(...choices.map((choice) => visible(choice.vdev).length), 0);
  return choices.flatMap((choice) => {
    const name = `${indent}${visible(choice.vdev).padEnd(width)}  `;
    const because = choice.because.length === 0 ? "" : `: ${choice.because.map(visible).join("; ")}`;
    const under = " ".repeat(name.length);
    return [
      ...hanging(name, `${visible(choice.strategy)}${because}`, view.width),
      ...choice.against.flatMap((other) =>
        hanging(`${under}not `, `${visible(other.strategy)}: ${other.reasons.map(visible).join("; ")}`, view.width)
          .map(view.style.faint)),
    ];
  });
}

/** How the guest gets there, why so, and why not otherwise. */
export function renderSwitch(choice: SwitchChoice | undefined, indent: string, view: View): readonly string[] {
  if (choice === undefined) return [];
  return [
    ...hanging(indent, `${visible(choice.switch)}: ${visible(choice.because)}`, view.width),
    ...choice.against.flatMap((other) =>
      hanging(`${indent}not `, `${visible(other.switch)}: ${other.reasons.map(visible).join("; ")}`, view.width).map(view.style.faint)),
  ];
}
