import type { StrategyChoice } from "../model/plan.js";
import { strategies } from "./registry.js";
import type { Strategy } from "./strategy.js";

/** The strategy that was chosen for a disk; undefined where none fits, or nothing is chosen for it. */
export function chosenFor(choices: readonly StrategyChoice[], vdev: string): Strategy | undefined {
  const name = choices.find((choice) => choice.vdev === vdev)?.strategy;
  return Object.values<Strategy>(strategies).find((strategy) => strategy.name === name);
}
