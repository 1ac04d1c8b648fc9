import { expect, test } from "vitest";
import type { RunEvent } from "../../src/core/model/run-event.js";
import { copied, reportOf } from "../../src/core/render/run-report.js";

const step = (seq: number, at: number, id: string): RunEvent => ({ event: "step", seq, at, id, kind: "copy-files", phase: "prepare", title: id });
const progress = (seq: number, at: number, bytes: number): RunEvent => ({ event: "progress", seq, at, id: "xvda1", bytes, percent: 100, rate: 1, left: 0 });

const PASS: readonly RunEvent[] = [
  step(1, 10, "xvda1.pass.copy"), progress(2, 11, 60), progress(3, 12, 100),
  { event: "pass", seq: 4, at: 15, id: "passes", number: 1, seconds: 2, bytes: 100, forecast: 3, verdict: "fits" },
];

test("what was copied is the passes, and the last copy apart from them", () => {
  expect(copied(reportOf([...PASS, step(5, 30, "xvda1.copy-last"), progress(6, 30.5, 20)]))).toEqual({ bytes: 120, seconds: 2.5 });
});

test("a pass counts once where no last copy came", () => {
  expect(copied(reportOf(PASS))).toEqual({ bytes: 100, seconds: 2 });
});

test("a copy without passes counts from the beginning of its step", () => {
  expect(copied(reportOf([step(1, 10, "xvda1.sync"), progress(2, 12, 50), progress(3, 14, 100)]))).toEqual({ bytes: 100, seconds: 4 });
});

test("zeroes that were written before are nothing that was copied", () => {
  const zeroes: RunEvent = { event: "progress", seq: 2, at: 9, id: "xvda1.zero-volume", bytes: 500, percent: 50, rate: 1, left: 0 };
  expect(copied(reportOf([step(1, 8, "xvda1.zero-volume"), zeroes, step(3, 10, "xvda1.sync"), progress(4, 12, 100)]))).toEqual({ bytes: 100, seconds: 2 });
});
