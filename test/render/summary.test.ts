import { expect, test } from "vitest";
import type { HostPlan } from "../../src/core/model/plan.js";
import { plainStyle } from "../../src/core/render/style.js";
import type { HostPreview } from "../../src/core/render/summary.js";
import { renderSummary } from "../../src/core/render/summary.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";

const view = { width: 80, style: plainStyle, verbosity: 0, describe: describeStep };
const refused: HostPlan["diagnostics"] = [{ severity: "error", code: "some-code", summary: "no" }];
const idle: HostPreview = { host: "a", plan: { host: "a", domains: [], diagnostics: [] } };
const away: HostPreview = { host: "b", unreachable: "no route", diagnostics: [] };
const held: HostPreview = { host: "c", plan: { host: "c", domains: [], diagnostics: refused } };

test.each<readonly [string, readonly HostPreview[], string]>([
  ["all were looked at", [idle, idle], "nothing to do"],
  ["one was not reached", [idle, away], "1 of 2 hosts planned: nothing to do"],
  ["none was reached, or each is refused", [away, held], "0 of 2 hosts planned"],
])("the total says nothing of hosts that nobody knows anything of: %s", (_, previews, total) => {
  expect(renderSummary(previews, view).at(-1)).toBe(`  total  ${total}`);
});
