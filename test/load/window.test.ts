import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NO_FILES } from "../../src/core/inventory/inventory.js";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { loadPlaybooks } from "../../src/core/load/load-playbooks.js";
import { matchDomains } from "../../src/core/load/match.js";
import { parseWindow, windowProblem } from "../../src/core/load/window.js";
import { playbookSchema } from "../../src/core/load/schema/playbook.js";

const DAY = 24 * 60;

describe("a window of time", () => {
  test.each([
    ["02:00-05:00", "02:00-05:00", [0, 1, 2, 3, 4, 5, 6], 120, 180],
    [" 2:00 - 5:00 ", "02:00-05:00", [0, 1, 2, 3, 4, 5, 6], 120, 180],
    ["22:30-04:00", "22:30-04:00", [0, 1, 2, 3, 4, 5, 6], 1350, 330],
    ["Sat,Sun 01:00-05:00", "Sat,Sun 01:00-05:00", [5, 6], 60, 240],
    ["sun, sat 23:00-00:30", "Sun,Sat 23:00-00:30", [5, 6], 1380, 90],
    ["fri-mon 20:00-24:00", "Fri-Mon 20:00-24:00", [0, 4, 5, 6], 1200, 240],
    ["Mon-Wed,Tue 00:00-24:00", "Mon-Wed,Tue 00:00-24:00", [0, 1, 2], 0, 1440],
  ])("%j is read", (text, written, days, begin, minutes) => {
    expect(parseWindow(text)).toEqual({ text: written, spans: days.map((day) => ({ start: day * DAY + begin, minutes })) });
  });

  test("is taken by the schema exactly where it is read, but for one that is empty or begins at the day's end", () => {
    const { pattern } = playbookSchema.items.properties.move.properties.window;
    const form = new RegExp(pattern);
    const words = fc.array(fc.constantFrom("Mon", "sun", "Xyz", "-", ",", " ", "02:00", "2:00", "23:59", "24:00", "25:00", "07:60"), { maxLength: 7 });
    fc.assert(
      fc.property(words, (parts) => {
        const text = parts.join("");
        const { problem, fix } = windowProblem(text);
        expect(problem.length * fix.length).toBeGreaterThan(0);
        if (parseWindow(text) === undefined && form.test(text)) expect(problem).toMatch(/ends as it begins|begins at 24:00/);
        if (parseWindow(text) !== undefined) expect(form.test(text), text).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("window and finish", () => {
  const matched = (text: string, ...guests: string[]) => {
    const inventory = loadInventory(["dom0a,"], NO_FILES).value;
    if (inventory === undefined) throw new Error("no inventory");
    const loaded = loadPlaybooks([{ file: "1.yml", text }], inventory);
    const host = loaded.value?.hosts[0];
    if (host === undefined) throw new Error(loaded.diagnostics.map((d) => d.summary).join("; "));
    const { value, diagnostics } = matchDomains(host, guests.map((name) => ({ name, vdevs: ["xvda"] })));
    return { moves: value?.domains.map(({ move }) => [move.finish, move.window?.text]), said: diagnostics.map((d) => `${d.code} ${d.subject?.domain ?? ""}`) };
  };

  test("may come from different entries, the nearest wins, and one that is overruled is no mistake", () => {
    expect(matched(`
- hosts: all
  move: { finish: window, window: "02:00-05:00" }
  domains:
    "*": { disks: { xvda: { volume: "vg0/{{ domain }}" } } }
    web2: { move: { window: "Sun 03:00-04:00" } }
    web3: { move: { finish: now } }
`, "web1", "web2", "web3")).toEqual({
      moves: [["window", "02:00-05:00"], ["window", "Sun 03:00-04:00"], ["now", "02:00-05:00"]], said: [],
    });
    expect(matched(`
- hosts: all
  move: { window: "02:00-05:00" }
  domains:
    "*": { disks: { xvda: { volume: "vg0/{{ domain }}" } }, move: { finish: window } }
`, "web1").said).toEqual([]);
  });

  test("are an error for the guest that has only one of them", () => {
    expect(matched(`
- hosts: all
  domains:
    "*": { disks: { xvda: { volume: "vg0/{{ domain }}" } } }
    web1: { move: { finish: window } }
    web2: { move: { window: "02:00-05:00" } }
    web3: { move: { finish: window, window: "02:00-05:00" } }
`, "web1", "web2", "web3", "web4").said).toEqual(["missing-key web1", "window-unused web2"]);
  });
});
