import { describe, expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import { aHost } from "../support/a-host.js";
import { FakeHost } from "./fake-host.js";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

/** A run that ends well, and a host that can not be looked at after it: what it did is not taken for verified. */

const files = tempFiles({
  "inventory.yml": "all: { hosts: { dom0a: } }\n",
  "web.yml": "- hosts: all\n  domains: { web1: { disks: { xvda1: { volume: vg0/web1-root } } } }\n",
});
const before = aHost([{ name: "web1", disks: { xvda1: {} } }]);

async function endingWith(after: HostState | undefined) {
  let state: HostState | undefined = before;
  const host = new FakeHost("dom0a", {
    events: [
      { event: "begin", run: "one", domain: "web1", digest: "d", owner: "alice@laptop" },
      { event: "end", outcome: "done", message: "" },
    ],
    onEnd: () => { state = after; },
  });
  return cli(["-i", files["inventory.yml"], files["web.yml"], "--yes"], { hosts: { dom0a: host }, states: () => state });
}

describe("a host that can not be looked at after a run that is done", () => {
  test("is not reached: 4, and the recap does not say how to remove what may be in use yet", async () => {
    const { exit, out, err } = await endingWith(undefined);
    expect(exit).toBe(4);
    expect(out + err).toContain("not-verified");
    expect(out).toContain("nobody could look");
    expect(out).not.toContain("no longer in use");
  });

  test("is refused: 3, and it is said why", async () => {
    const { exit, out, err } = await endingWith({ ...before, managers: ["libvirt"] });
    expect(exit).toBe(3);
    expect(out + err).toContain("not-verified");
    expect(out + err).toContain("error[");
    expect(out).toContain("nobody could look");
  });
});
