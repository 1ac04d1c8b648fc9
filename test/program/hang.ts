import { expect } from "vitest";

/** A program that does not wait long for a command while the guest is away, and looks often: some seconds, for busy machines. */
export function impatient(program: string): string {
  const told = program.replace(/^bounds .*$/m, "bounds 4").replace("TICK=4\n", "TICK=0.9\n");
  expect(told).not.toBe(program);
  return told;
}

/** How a command hangs: before it has done anything, or after all that it does. */
export const HANGS = ["hang-before", "hang-after"] as const;
