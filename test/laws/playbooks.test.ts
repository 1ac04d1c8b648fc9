import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isSourceText } from "../../src/core/inventory/inventory.js";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { acrossHosts } from "../../src/core/load/across-hosts.js";
import { foundDomains } from "../../src/core/load/found-domains.js";
import { loadPlaybooks } from "../../src/core/load/load-playbooks.js";
import { matchDomains } from "../../src/core/load/match.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { aHost, ext4, MIB, swap } from "../support/a-host.js";
import type { ADisk, AGuest } from "../support/a-host.js";
import { filesBelow } from "../load/files.js";
import type { Scene } from "./generated.js";
import { share } from "./times.js";
import { walkCuts, walkThrough } from "./walk.js";
import { CONTENTS, withStrangers } from "./ways.js";

/** Laws over the playbooks that people begin with, each on a host that has the guests which it is about. */

const root = join(import.meta.dirname, "../..");
const files = filesBelow(root);

const disk = (id: string): ADisk => ({ bytes: 64 * MIB, content: ext4(`root-${id}`, 64 * MIB) });
const ofSwap = (id: string): ADisk => ({ bytes: 32 * MIB, content: swap(`swap-${id}`, 32 * MIB) });
const web1: AGuest = { name: "web1", autostart: true, disks: { xvda1: disk("web1"), xvda2: ofSwap("web1") } };

/** By playbook: an inventory that has its hosts, and what one of them is like. A playbook that is new gets its line. */
const HOSTS: Readonly<Record<string, { readonly inventory: string; readonly guests: readonly AGuest[] }>> = {
  // md takes no image with holes of a guest that runs
  "arrays.yml": { inventory: "lab.yml", guests: [{ ...web1, disks: { xvda1: { ...disk("web1"), full: true }, xvda2: { ...ofSwap("web1"), full: true } } }] },
  "demo.yml": { inventory: "lab.yml", guests: [web1] },
  "mirror.yml": { inventory: "lab.yml", guests: [web1] },
  "offline.yml": {
    inventory: "lab.yml",
    guests: [{ name: "legacy", disks: { xvda: { bytes: 64 * MIB, content: CONTENTS.ext3("legacy", 64 * MIB), elsewhere: true } } }],
  },
  "one-guest.yml": { inventory: "lab.yml", guests: [web1] },
  "pool.yml": {
    inventory: "pool.ini",
    guests: [web1, { name: "mail2", disks: { xvda1: disk("mail2"), xvdb: { content: { type: "unknown" } } } }, { name: "old", running: false, disks: { xvda: disk("old") } }],
  },
  "web.yml": {
    inventory: "lab.yml",
    guests: [web1, { name: "db1", disks: { xvda1: disk("db1"), xvda2: ofSwap("db1") } }, { name: "other", disks: { xvda1: disk("other") } }],
  },
};

/** What the playbook asks of the guests, as it does on the first of its hosts. */
function sceneOf(name: string): Scene {
  const fixture = HOSTS[name];
  const text = files.read(`playbooks/${name}`);
  if (fixture === undefined || text === undefined || !isSourceText(text)) throw new Error(`no host for playbooks/${name}: it gets a line in HOSTS`);
  const inventory = loadInventory([`inventory/${fixture.inventory}`], files).value;
  if (inventory === undefined) throw new Error(`${fixture.inventory} does not load`);
  const loaded = loadPlaybooks([text], inventory);
  const desired = loaded.value?.hosts[0];
  if (desired === undefined) throw new Error(renderDiagnostics(loaded.diagnostics));
  const state: HostState = withStrangers(aHost(fixture.guests));
  const found = foundDomains(state);
  const matched = matchDomains(desired, found);
  const complaints = [...loaded.diagnostics, ...matched.diagnostics, ...(matched.value === undefined ? [] : acrossHosts([{ matched: matched.value, found }], { complete: true, elsewhere: new Set() }))];
  expect(renderDiagnostics(complaints)).toBe("");
  return { state, wishes: matched.value?.domains ?? [] };
}

describe.each(readdirSync(join(root, "playbooks")).map((name, turn) => ({ name, turn })))("playbooks/$name", ({ name, turn }) => {
  test("ends in the desired state, every instant safe to start from, nothing left and nothing taken", () => {
    const scene = sceneOf(name);
    expect(scene.wishes).not.toEqual([]);
    walkThrough(scene);
  });

  test("loses nothing, whichever step a run of any of its guests is cut short in and however the host goes on", { tags: turn % 2 === 0 ? [] : ["long"] }, () => {
    const { state, wishes } = sceneOf(name);
    // what is cut short is a guest's run: each gets its turn
    wishes.forEach((wish, seed) => { walkCuts({ state, wishes: [wish] }, share(seed)); });
  });
});
