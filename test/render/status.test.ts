import { expect, test } from "vitest";
import type { HostState } from "../../src/core/model/host-state.js";
import { guestStatuses } from "../../src/core/render/status.js";
import { restoredGuests, savedGuests } from "../laws/world.js";
import { startModel } from "../../src/core/plan/simulate.js";
import { movedHost } from "../support/a-return.js";

const nextOf = (state: HostState): readonly (readonly [string, string])[] =>
  guestStatuses({ ...state, runs: [] }, (command, domain) => `${command} ${domain}`).map(({ state: of, next }) => [of, next]);

test("a guest on the device that mirrored its disk leaves it by a reboot of its own, but where xendomains has restored it there", () => {
  const moved = movedHost({ strategy: "dm", switch: "suspend" });
  expect(nextOf(moved)).toEqual([["mapped", expect.stringContaining("its next restart puts it on its volumes directly") as string]]);
  const restored = restoredGuests(savedGuests(startModel(moved))).host;
  expect(nextOf(restored)).toEqual([["mapped", expect.stringContaining("its own reboot comes back to its mappings") as string]]);
  expect(nextOf(restored)[0]?.[1]).toContain("shut down and started from its config it is on its volumes directly");
});
