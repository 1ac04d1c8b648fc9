import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import type { MoveOptions, ReadyCheck } from "../../src/core/model/desired.js";
import type { RunEvent } from "../../src/core/model/run-event.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { liveLine, logLine } from "../../src/core/render/event-line.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { renderHostPlan } from "../../src/core/render/preview.js";
import type { GuestEnd } from "../../src/core/render/recap.js";
import { renderRecap } from "../../src/core/render/recap.js";
import { emptyReport, withEvent } from "../../src/core/render/run-report.js";
import { plainStyle } from "../../src/core/render/style.js";
import { renderSummary } from "../../src/core/render/summary.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";
import type { AGuest } from "../support/a-host.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";

/**
 * A case is a host and a wish in a few words, and perhaps a journal; beside it lies what is printed, at 80 columns
 * and without colour. `UPDATE_GOLDEN=1 npx vitest run --project fast test/render` writes the expectations anew: read the diff.
 */
interface Case {
  readonly guests: readonly AGuest[];
  readonly wishes: readonly { readonly domain: string; readonly disks: readonly string[]; readonly move?: MoveOptions; readonly ready?: ReadyCheck }[];
  readonly host?: Partial<HostState>;
  readonly verbosity?: number;
  readonly journal?: readonly RunEvent[];
  readonly end?: GuestEnd;
}

const folder = new URL("cases/", import.meta.url);

function printed(input: Case): string {
  const state = { ...aHost(input.guests), ...input.host };
  const wishes = input.wishes.map(({ domain, disks, move, ready }) => ({ ...aWish(domain, disks, move), ...(ready === undefined ? {} : { ready }) }));
  const plan = planHost(state, wishes, sha256);
  const view = { width: 80, style: plainStyle, verbosity: input.verbosity ?? 0, describe: describeStep };
  const lines = [
    ...renderHostPlan(plan, view, (diagnostics) => renderDiagnostics(diagnostics).replace(/\n$/, "").split("\n")),
    ...renderSummary([{ host: plan.host, plan }], view),
  ];
  const [first] = plan.domains;
  if (input.journal !== undefined && first !== undefined) {
    const report = input.journal.reduce(withEvent, emptyReport);
    lines.push(
      "", "Live", ...input.journal.map((event) => liveLine(event, report.beganAt ?? 0, first.domain, plainStyle)),
      "", "Log", ...input.journal.map((event) => logLine(event, plainStyle)),
      "", ...renderRecap([{ host: plan.host, plan: first, end: input.end ?? report.outcome ?? "lost", report }], view),
    );
  }
  return `${lines.join("\n")}\n`;
}

describe("what is printed", () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    test(file.replace(".json", ""), () => {
      const text = printed(JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Case);
      const golden = new URL(file.replace(".json", ".expected.txt"), folder);
      if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(golden, text);
      expect(text, "UPDATE_GOLDEN=1 writes it anew: read the diff").toBe(readFileSync(golden, "utf8"));
    });
  }
});
