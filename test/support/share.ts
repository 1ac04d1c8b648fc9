/**
 * How much of the tests that sample is run: `npm test` is to be quick, `scripts/verify` (and so CI) takes a larger share
 * by TEST_SHARE=large, and `npm run laws` all that LAWS_TIMES says. No test is left out in any of them.
 */
export const LARGE = process.env["TEST_SHARE"] === "large" || process.env["LAWS_TIMES"] !== undefined;

/** @param large how many of something are looked at where there is time */
export function some(large: number): number {
  return LARGE ? large : Math.ceil(large * 0.4);
}
