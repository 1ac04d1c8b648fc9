import { expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { RunEvent } from "../../src/core/model/run-event.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { eventText } from "../../src/core/render/event-line.js";
import { renderRecap } from "../../src/core/render/recap.js";
import { reportOf } from "../../src/core/render/run-report.js";
import { plainStyle } from "../../src/core/render/style.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";

const view = { width: 80, style: plainStyle, verbosity: 0, describe: describeStep };

/** A guest that QEMU served was held for so long when its disks were switched. */
function downtimeLine(downtime: number, move: MoveOptions = {}): string | undefined {
  const host = aHost([{ name: "web1", qdisk: true, disks: { xvda1: {} } }]);
  const [plan] = planHost(host, [aWish("web1", ["xvda1"], { strategy: "qemu", ...move })], sha256).domains;
  if (plan === undefined) throw new Error("nothing to do");
  const events: readonly RunEvent[] = [
    { event: "begin", seq: 1, at: 10, run: "1", domain: "web1", digest: "d", owner: "alice" },
    { event: "commit", seq: 2, at: 20, domain: "web1" }, { event: "ready", seq: 3, at: 21, domain: "web1", downtime },
    { event: "end", seq: 4, at: 22, outcome: "done", message: "all steps are done" },
  ];
  return renderRecap([{ host: "dom0a", plan, end: "done", report: reportOf(events) }], view).find((line) => line.includes("downtime"))?.trim();
}

test("writes that were held while QEMU went over are a downtime, beside what was forecast of it", () => {
  expect(downtimeLine(0.3)).toBe("downtime  0.3 s, forecast 0.1 s, no budget set");
  expect(downtimeLine(0.02), "which is not nothing").toBe("downtime  less than 0.1 s, forecast 0.1 s, no budget set");
  expect(eventText({ event: "ready", seq: 1, at: 1, domain: "web1", downtime: 0.02 }).text).toBe("web1 is up again after less than 0.1 s");
});

test("and against the budget", () => {
  expect(downtimeLine(0.3, { downtimeSeconds: 1 })).toBe("downtime  0.3 s, forecast 0.1 s, budget 1 s");
  expect(downtimeLine(1.2, { downtimeSeconds: 1 })).toBe("downtime  1.2 s, forecast 0.1 s, budget 1 s: over the budget");
});
