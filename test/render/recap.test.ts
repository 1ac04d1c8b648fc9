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

/** A run whose guest went down and came back by itself, by the words that are shown of it. */
function backLine(event: Pick<Extract<RunEvent, { event: "back" }>, "how" | "downtime">, end: "failed" | "stuck"): string {
  const [plan] = planHost(aHost([{ name: "web1", disks: { xvda1: {} } }]), [aWish("web1", ["xvda1"], { strategy: "rsync", downtimeSeconds: 30 })], sha256).domains;
  if (plan === undefined) throw new Error("nothing to do");
  const events: readonly RunEvent[] = [
    { event: "down", seq: 1, at: 10, domain: "web1" },
    ...(end === "stuck" ? [{ event: "commit", seq: 2, at: 20, domain: "web1" } as const] : []),
    { event: "back", seq: 3, at: 21, domain: "web1", ...event },
  ];
  const lines = renderRecap([{ host: "dom0a", plan, end, report: reportOf(events) }], view);
  const first = lines.findIndex((line) => line.includes("downtime"));
  return lines.slice(first).map((line) => line.trim()).join(" ");
}

test("a guest that came back by the way back was down until then, in words that say how it came", () => {
  expect(backLine({ how: "started", downtime: 21 }, "failed")).toBe("downtime  21 s, until it was started again on its old disks; forecast 27 s, budget 30 s");
  expect(backLine({ how: "started" }, "failed"), "nobody knows").toBe("downtime  not known, until it was started again on its old disks; forecast 27 s, budget 30 s");
  expect(backLine({ how: "restored", downtime: 3.2 }, "failed")).toBe("downtime  3.2 s, until it went on from its saved memory, on its old disks; forecast 27 s, budget 30 s");
  expect(backLine({ how: "resumed", downtime: 31 }, "stuck")).toBe("downtime  31 s, until it was let run on its new disks; it has not been seen ready; forecast 27 s, budget 30 s: over the budget");
  expect(backLine({ how: "stayed", downtime: 0 }, "failed")).toBe("downtime  none: it was asked to go down, did not, and runs on, on its old disks; forecast 27 s, budget 30 s");
  expect(backLine({ how: "stayed", downtime: 3 }, "failed")).toBe("downtime  3 s; asked to go down once more it did not, and runs on, on its old disks; forecast 27 s, budget 30 s");
  expect(backLine({ how: "found", downtime: 90 }, "stuck"), "which may be less").toBe("downtime  at most 1 min 30 s, until it was found running on its new disks; forecast 27 s, budget 30 s");
});

test("and against the budget", () => {
  expect(downtimeLine(0.3, { downtimeSeconds: 1 })).toBe("downtime  0.3 s, forecast 0.1 s, budget 1 s");
  expect(downtimeLine(1.2, { downtimeSeconds: 1 })).toBe("downtime  1.2 s, forecast 0.1 s, budget 1 s: over the budget");
});
