import { formatBytes } from "../model/bytes.js";
import type { OtherChoice, StrategyChoice, SwitchChoice } from "../model/plan.js";
import { formatForecast } from "./figures.js";
import { hanging } from "./wrap.js";
import { visible } from "./visible.js";
import type { View } from "./view.js";

/** Which strategy each disk takes, why, and why not the others, each with what it is reckoned to cost. */
export function renderChoices(choices: readonly StrategyChoice[], indent: string, view: View): readonly string[] {
  const width = Math.max(...choices.map((choice) => visible(choice.vdev).length), 0);
  return choices.flatMap((choice) => {
    const name = `${indent}${visible(choice.vdev).padEnd(width)}  `;
    const under = " ".repeat(name.length);
    return [
      ...hanging(name, told(choice, choice.because), view.width),
      ...cost(choice, under, view),
      ...choice.against.flatMap((other) => [
        ...hanging(`${under}not `, told(other, other.reasons), view.width),
        ...cost(other, `${under}    `, view),
      ].map(view.style.faint)),
    ];
  });
}

/** `dm, suspend: it is a raw image`. */
function told(choice: Pick<OtherChoice, "strategy" | "switch">, reasons: readonly string[]): string {
  const switched = choice.switch === undefined ? "" : `, ${visible(choice.switch)}`;
  return `${visible(choice.strategy)}${switched}${reasons.length === 0 ? "" : `: ${reasons.map(visible).join("; ")}`}`;
}

function cost({ forecast }: Pick<OtherChoice, "forecast">, indent: string, view: View): readonly string[] {
  if (forecast === undefined) return [];
  const copied = forecast.copyBytes === 0 ? "copies nothing" : `copies ${formatBytes(forecast.copyBytes)}`;
  const down = forecast.downtimeSeconds === 0 ? "no downtime" : `down for about ${formatForecast(forecast.downtimeSeconds)}`;
  return hanging(indent, `${copied}, takes about ${formatForecast(forecast.seconds)}, ${down}`, view.width);
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
