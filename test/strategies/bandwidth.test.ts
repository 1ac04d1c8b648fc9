import { describe, expect, test } from "vitest";
import type { MoveOptions } from "../../src/core/model/desired.js";
import { stepsOf } from "../../src/core/model/plan.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { aHost, aWish, MIB, sha256, withFullImages } from "../support/a-host.js";

/** What a playbook allows a copy (`throttle.bandwidth`) is in every step that copies while the guest runs. */

const BANDWIDTH = 8 * MIB;

/** The steps that copy, and what each is told. */
const COPIES = {
  dm: { "start-mirror": { bytesPerSecond: BANDWIDTH }, "sync-mirror": { bytesPerSecond: BANDWIDTH } },
  md: { "grow-array": { bytesPerSecond: BANDWIDTH } },
  "md-preseed": { preseed: { throttle: { bandwidthBytesPerSecond: BANDWIDTH } }, "re-add-array": { bytesPerSecond: BANDWIDTH } },
  drbd: { "connect-resource": { bytesPerSecond: BANDWIDTH }, "sync-resource": { bytesPerSecond: BANDWIDTH } },
  qemu: { "qemu-mirror": { speed: BANDWIDTH } },
  rsync: { "copy-files": { throttle: { bandwidthBytesPerSecond: BANDWIDTH } } },
} as const satisfies Record<string, Readonly<Record<string, unknown>>>;

function planned(strategy: keyof typeof COPIES, throttle: NonNullable<MoveOptions["throttle"]>) {
  const state = withFullImages(aHost([{ name: "web1", disks: { xvda1: {} }, qdisk: strategy === "qemu" }]));
  const mdadm = { present: true, version: "4.2" };
  const move: MoveOptions = { strategy, ...(strategy === "qemu" || strategy === "rsync" ? {} : { switch: "suspend" }), throttle };
  const { domains, diagnostics } = planHost({ ...state, tools: { ...state.tools, mdadm } }, [aWish("web1", ["xvda1"], move)], sha256);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return stepsOf(domains[0]?.nodes ?? []);
}

describe.each(Object.keys(COPIES) as (keyof typeof COPIES)[])("by %s", (strategy) => {
  test.each(Object.entries<object>(COPIES[strategy]))("a bandwidth is in %s", (kind, told) => {
    const found = planned(strategy, { bandwidthBytesPerSecond: BANDWIDTH }).filter((step) => step.kind === kind);
    expect(found.length).toBeGreaterThan(0);
    // the last pass of files is what the guest is down for
    expect(found[0]?.args).toMatchObject(told);
  });

  test("none is in no step", () => {
    const said = JSON.stringify(planned(strategy, { nice: 5 }).map(({ args }) => args));
    expect(said).not.toMatch(/bytesPerSecond|bandwidthBytesPerSecond|"speed"/);
  });
});
