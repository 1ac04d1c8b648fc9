import type { StrategyChoice } from "../model/plan.js";
import { strategies } from "./registry.js";
import type { Strategy } from "./strategy.js";

/** A strategy by its name; undefined where there is none of it, which books of another version may speak of. */
export function strategyNamed(name: string): Strategy | undefined {
  const all: Readonly<Record<string, Strategy>> = strategies;
  return Object.hasOwn(all, name) ? all[name] : undefined;
}

/** The strategy that was chosen for a disk; undefined where none was. */
export function strategyFor(vdev: string, choices: readonly StrategyChoice[]): Strategy | undefined {
  const choice = choices.find((one) => one.vdev === vdev);
  return choice === undefined ? undefined : strategyNamed(choice.strategy);
}
