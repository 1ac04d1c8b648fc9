import { describe, expect, test } from "vitest";
import type { DesiredDomain, MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { Step } from "../../src/core/model/step.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { simulate, startModel } from "../../src/core/plan/simulate.js";
import type { WriteConfig } from "../../src/core/steps/derived-config.js";
import type { EditConfig } from "../../src/core/steps/edit-config.js";
import { openConfig } from "../../src/core/xl/edit.js";
import { replaceBytes } from "../../src/core/xl/text-edit.js";
import { aHost, aWish, sha256, withFullImages } from "../support/a-host.js";

/**
 * A guest on a device that mirrors its disk is offered no discards: they would make holes in an image that has none, and let
 * image and volume differ. Its own config, the way back and what it is left with say of discards what they always said.
 */

/** Of a guest whose disks say nothing of discards, that it has them, and that it has none. */
const SAID = { xvda1: undefined, xvdb: "1", xvdc: "0" } as const;
const SILENT = { xvda1: "0", xvdb: "0", xvdc: "0" } as const;

function host(): HostState {
  const state = withFullImages(aHost([{ name: "web1", disks: { xvda1: {}, xvdb: {}, xvdc: {} } }]));
  const { web1 } = state.domains;
  if (web1?.config === undefined) throw new Error("no guest with a config");
  const text = web1.config.text.text.replace(",xvdb,w'", ",xvdb,w,discard'").replace(",xvdc,w'", ",xvdc,w,no-discard'");
  const config = { ...web1.config, text: { ...web1.config.text, text }, sha256: sha256(text) };
  return {
    ...state, host: { ...state.host, capabilities: ["pv", "shadow"] }, domains: { web1: { ...web1, config } },
    modules: { ...state.modules, drbd: "loaded" },
    tools: { ...state.tools, ...Object.fromEntries(["drbdsetup", "drbdmeta", "drbdadm"].map((tool) => [tool, { present: true }])) },
  };
}

function wish(move: MoveOptions): readonly DesiredDomain[] {
  return [aWish("web1", ["xvda1", "xvdb", "xvdc"], move)];
}

function steps(state: HostState, move: MoveOptions): readonly Step[] {
  const { domains: [domain], diagnostics } = planHost(state, wish(move), sha256);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return stepsOf(domain?.nodes ?? []);
}

/** What each disk of the config says of discards that an edit makes. */
function said(state: HostState, { edits, after }: Pick<WriteConfig | EditConfig, "edits" | "after">): Readonly<Record<string, string | undefined>> {
  const text = replaceBytes(state.domains["web1"]?.config?.text.text ?? "", edits);
  expect(sha256(text)).toBe(after);
  const { value, diagnostics } = openConfig({ file: "web1.cfg", text });
  expect(diagnostics).toEqual([]);
  return Object.fromEntries((value?.disks ?? []).map(({ disk, options }) => [disk.vdev, options["discard"]]));
}

/** The same of each config that is written for one command. */
function written(state: HostState, planned: readonly Step[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(planned.filter(({ kind }) => kind === "write-config").map(({ args }) => {
    const config = args as WriteConfig;
    return [config.to.replace("/run/converge/web1/", ""), said(state, config)];
  }));
}

const STRATEGIES = ["dm", "md", "md-preseed", "drbd"] as const;

describe.each(STRATEGIES)("%s", (strategy) => {
  test.each(["restart", "suspend", "migrate"] as const)("takes discards from the disks that it moves, and from no config that stays: %s", (switchOver) => {
    const state = host();
    const planned = steps(state, { strategy, switch: switchOver, finish: "now" });
    expect(written(state, planned)).toEqual({
      "next.cfg": SILENT, "stored.cfg": SAID, ...(switchOver === "suspend" ? { "before.cfg": SAID } : {}),
    });
    const [edit] = planned.filter(({ kind }) => kind === "edit-config");
    expect(said(state, edit?.args as EditConfig)).toEqual(SAID);
  });
});

test("what a guest is given for its own reboot takes them too", () => {
  const state = host();
  expect(written(state, steps(state, { strategy: "dm", switch: "next-reboot" }))).toEqual({ "before.cfg": SAID, "next.cfg": SILENT });
});

test("a disk that stays where it is keeps its own", () => {
  const state = host();
  const { domains: [domain] } = planHost(state, [aWish("web1", ["xvda1"], { strategy: "md", switch: "restart" })], sha256);
  expect(written(state, stepsOf(domain?.nodes ?? []))).toEqual({ "next.cfg": { ...SAID, xvda1: "0" }, "stored.cfg": SAID });
});

describe("a guest that an earlier run left on its device", () => {
  const left = (move: MoveOptions): HostState => {
    const state = host();
    const simulated = simulate(planHost(state, wish(move), sha256).domains[0]?.nodes ?? [], startModel(state));
    if (!simulated.ok) throw new Error(simulated.why);
    return simulated.end.host;
  };

  test("has nothing left to be done to it", () => {
    const move: MoveOptions = { strategy: "md", switch: "suspend" };
    const { domains, diagnostics } = planHost(left(move), wish(move), sha256);
    expect(domains).toEqual([]);
    expect(diagnostics.filter(({ severity }) => severity !== "note")).toEqual([]);
  });

  test.each(["suspend", "migrate"] as const)("has them again once it leaves that: %s", (switchOver) => {
    const state = left({ strategy: "md", switch: switchOver });
    const planned = steps(state, { strategy: "md", switch: switchOver, finish: "now" });
    expect(planned.map(({ kind }) => kind)).toContain(switchOver === "suspend" ? "restore-paused" : "migrate-guest");
    expect(written(state, planned)).toEqual({ "stored.cfg": SAID, ...(switchOver === "suspend" ? { "next.cfg": SILENT } : {}) });
  });
});
