import { expect } from "vitest";
import { patient } from "./patience.js";

/** For how long the program below waits for a command while the guest is away, in seconds. */
export const GIVEN_UP = patient(4);

/** A program that does not wait long for a command while the guest is away, and looks often: some seconds, for busy machines. */
export function impatient(program: string): string {
  const told = program.replace(/^bounds .*$/m, `bounds ${String(GIVEN_UP)}`).replace("TICK=4\n", "TICK=0.9\n");
  expect(told).not.toBe(program);
  return told;
}

/** How a command hangs: before it has done anything, or after all that it does. */
export const HANGS = ["hang-before", "hang-after"] as const;
