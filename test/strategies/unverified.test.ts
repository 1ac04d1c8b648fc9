import { expect, test } from "vitest";
import { planHost } from "../../src/core/plan/plan-host.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";
import type { MoveOptions } from "../../src/core/model/desired.js";

function planned(move: MoveOptions) {
  const state = aHost([{ name: "web1", running: true, disks: { xvda1: {} } }]);
  return planHost(state, [aWish("web1", ["xvda1"], move)], sha256);
}

test.each(["dm", "md", "qemu"])("%s is refused where all of it is to be compared at rest", (strategy) => {
  const { domains, diagnostics } = planned({ strategy, switch: "suspend", verify: "full" });
  expect(domains).toEqual([]);
  const said = diagnostics.find(({ code }) => code === "no-strategy-fits");
  expect(`${said?.summary ?? ""} ${said?.detail ?? ""}`).toMatch(/verify: full is asked for/);
});

test("auto takes files then, and says why not the others", () => {
  const { domains } = planned({ verify: "full" });
  expect(domains[0]?.choices[0]).toMatchObject({ strategy: "rsync" });
  expect(JSON.stringify(domains[0]?.choices[0]?.against)).toMatch(/verify: full/);
});
