import type { DiskMove } from "./strategy.js";

/**
 * Why a strategy that mirrors blocks can not do what is asked, or nothing: it shows both sides to be equal by the mirror's
 * own state, and does not read them again at rest. Whoever asks for more is told, instead of being given less.
 */
export function unverified({ options }: DiskMove): readonly string[] {
  return options.verify === "full" ? ["verify: full is asked for, and blocks are not compared at rest (rsync compares every file)"] : [];
}
