/**
 * How many times as long as on an idle machine programs in tests wait for what does not answer, and what is silent for a while is
 * silent: `TEST_PATIENCE=3` where the tests have what others leave of the processors. The order of events stays what it is.
 */
const PATIENCE = Number(process.env["TEST_PATIENCE"] ?? "1");
if (!(PATIENCE >= 1)) throw new Error("TEST_PATIENCE is no number from 1 on");

/** @param time that an idle machine needs, in whatever unit @returns how long it is waited for */
export function patient(time: number): number {
  return Math.ceil(time * PATIENCE);
}
