import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasErrors } from "../../src/core/model/diagnostic.js";
import { observe } from "../../src/core/observe/observe.js";
import { readRecording } from "../../src/core/facts/recording.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { readSavedPlan, writeSavedPlan } from "../../src/core/plan/saved.js";
import { readSavedWish } from "../../src/core/plan/saved-wish.js";
import { canonicalJson } from "../../src/core/plan/canonical-json.js";
import { formatInstant } from "../../src/core/render/figures.js";
import { readRunEvent } from "../../src/core/render/read-event.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { commandLine } from "../../src/edge/cli/rollback-command.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";
import { STEERING } from "./names.js";

/** Files that somebody has had in their hands: saved plans, recorded facts, and what lies in a host's books. */

const state = aHost([{ name: "web1", disks: { xvda1: {}, xvda2: {} } }]);
const wish = aWish("web1", ["xvda1", "xvda2"], { strategy: "rsync", source: "retire" });
const saved = writeSavedPlan({
  tool: "test", playbooks: ["web.yml"], batches: [{ hosts: ["dom0a"], maxFailPercent: 0 }],
  hosts: [{ host: "dom0a", connection: { kind: "local", address: "dom0a", sshArguments: [] }, history: [], desired: [wish], domains: planHost(state, [wish], sha256).domains }],
}, sha256);
const recorded = readFileSync(new URL("../observe/recorded/lab-web1-running.json", import.meta.url), "utf8");

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What is put in the place of a value. */
const PLANTED: readonly Json[] = [null, true, -1, 1e308, "", "$(touch pwned)", "-rf", "../../etc/passwd", [], [[]], {}, { __proto__: null, constructor: "x" }, "\u001b[2J", "x".repeat(100_000)];

/** Every place of a value, as a path; of long lists the first and the last. */
function placesOf(value: Json, path: readonly (string | number)[] = []): readonly (readonly (string | number)[])[] {
  if (typeof value !== "object" || value === null) return [path];
  const entries: readonly (readonly [string | number, Json])[] = Array.isArray(value)
    ? [...value.entries()].filter(([i]) => i < 2 || i === value.length - 1) : Object.entries(value);
  return [path, ...entries.flatMap(([key, below]) => placesOf(below, [...path, key]))];
}

function planted(value: Json, path: readonly (string | number)[], put: Json | undefined): Json | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return put;
  if (Array.isArray(value)) {
    const list = value as readonly Json[];
    return list.flatMap((one, i) => (i === key ? (planted(one, rest, put) ?? []) : [one]));
  }
  const entries = Object.entries(value as Record<string, Json>);
  return Object.fromEntries(entries.flatMap(([name, one]) => {
    const below = name === key ? planted(one, rest, put) : one;
    return below === undefined ? [] : [[name, below]];
  }));
}

describe("a saved plan", () => {
  const whole = JSON.parse(saved) as Json;

  test("is read as it was written", () => {
    expect(readSavedPlan({ file: "plan.json", text: saved }, "test", sha256).diagnostics).toEqual([]);
  });

  test("with any one value changed or left out is refused, whatever was put there", () => {
    const places = placesOf(whole).filter((path) => path.length > 0);
    expect(places.length).toBeGreaterThan(100);
    places.forEach((path, i) => {
      for (const put of [undefined, PLANTED[i % PLANTED.length]]) {
        const changed = planted(whole, path, put);
        if (canonicalJson(changed) === canonicalJson(whole)) continue;
        const { value, diagnostics } = readSavedPlan({ file: "plan.json", text: JSON.stringify(changed) }, "test", sha256);
        expect(value, path.join(".")).toBeUndefined();
        expect(diagnostics.map(({ code }) => code)).toHaveLength(1);
        expect(renderDiagnostics(diagnostics)).not.toMatch(STEERING);
      }
    });
  });

  test("with any one letter changed is refused, or says the same", () => {
    fc.assert(fc.property(fc.nat(saved.length - 1), fc.string({ unit: "binary", maxLength: 3 }), fc.nat(3), (at, put, cut) => {
      const { value, diagnostics } = readSavedPlan({ file: "plan.json", text: saved.slice(0, at) + put + saved.slice(at + cut) }, "test", sha256);
      expect(value === undefined).toBe(hasErrors(diagnostics));
      if (value !== undefined) expect(canonicalJson(value.hosts[0]?.domains)).toBe(canonicalJson((JSON.parse(saved) as { hosts: { domains: unknown }[] }).hosts[0]?.domains));
    }), { numRuns: 500 });
  });

  test("whose digest somebody has made fit again holds no commands: what its steps may say is what the schema has, and it is planned anew", () => {
    const { digest: _, ...body } = whole as Record<string, Json>;
    let read = 0;
    for (const path of placesOf(body)) {
      for (const put of PLANTED) {
        const changed = planted(body, path, put);
        if (typeof changed !== "object" || changed === null || Array.isArray(changed)) continue;
        const text = JSON.stringify({ ...(changed as object), digest: sha256(canonicalJson(changed)) });
        const { value, diagnostics } = readSavedPlan({ file: "plan.json", text }, "test", sha256);
        expect(value === undefined).toBe(hasErrors(diagnostics));
        if (value !== undefined) read += 1;
      }
    }
    // the schema lets words be words: that is what comparing with a new plan is for (test/cli/apply.test.ts)
    expect(read).toBeGreaterThan(0);
    expect(saved).not.toMatch(/lvcreate --|rsync -|"command":/);
  });
});

describe("recorded facts", () => {
  test("with any value changed or left out are refused, or are a host that can be judged: nothing throws", () => {
    const whole = JSON.parse(recorded) as Json;
    placesOf(whole).filter((path) => path.length > 0).forEach((path, i) => {
      for (const put of [undefined, PLANTED[i % PLANTED.length], PLANTED[(i + 5) % PLANTED.length]]) {
        const { value, diagnostics } = readRecording(JSON.stringify(planted(whole, path, put)), "facts.json", "dom0a");
        expect(value === undefined).toBe(hasErrors(diagnostics));
        if (value === undefined) continue;
        const seen = observe(value);
        expect(renderDiagnostics([...diagnostics, ...seen.diagnostics])).not.toMatch(STEERING);
        if (seen.value === undefined) {
          expect(hasErrors(seen.diagnostics)).toBe(true);
          continue;
        }
        planHost(seen.value, [aWish("web1", ["xvda1"], { strategy: "rsync" })], sha256);
      }
    });
  });
});

describe("what lies in a host's books", () => {
  test.each([1e300, -1e300, Number.POSITIVE_INFINITY, Number.NaN, 8.64e12 + 1])("a time of %s can be shown", (time) => {
    expect(formatInstant(time)).toBe("at a time that is none");
  });

  test.each<readonly [string, string]>([
    ["no JSON", "{"], ["no wish", "{}"], ["a list", "[]"], ["a wish of a kind that there is not", '{"wish":{"wish":"destroy"}}'],
    ["two kinds at once", '{"wish":{"wish":"move","desired":{"name":"a","disks":[],"move":{}},"back":{}}}'],
    ["a wish with more in it", '{"wish":{"wish":"return","back":{"domain":"a","disks":[],"removeVolume":false,"move":{},"command":"rm"}}}'],
    ["a number for a name", '{"wish":{"wish":"return","back":{"domain":1,"disks":[],"removeVolume":false,"move":{}}}}'],
    ["a time before all times", '{"wish":{"wish":"collect","collect":{"keepForSeconds":-1,"now":1}}}'],
    ["a prototype", '{"wish":{"__proto__":{"wish":"move"}}}'],
  ])("%s is no wish that `resume` goes on with", (_, text) => {
    expect(readSavedWish(text, commandLine("resume"))).toBeUndefined();
  });

  test.each<readonly [string, string]>([
    ["torn", '{"at":1,"seq":1,"event":"begi'], ["zeros", "\0\0\0\0"], ["of a kind that there is not", '{"at":1,"seq":1,"event":"constructor"}'],
    ["of the prototype's kind", '{"at":1,"seq":1,"event":"__proto__"}'], ["without its fields", '{"at":1,"seq":1,"event":"commit"}'],
    ["with a time that is no number", '{"at":1e999,"seq":1,"event":"commit","domain":"a"}'], ["with a text for a number", '{"at":"1","seq":1,"event":"commit","domain":"a"}'], ["a list", "[1]"], ["null", "null"], ["empty", ""],
  ])("an event that is %s is passed over", (_, line) => {
    expect(readRunEvent(line)).toBeUndefined();
  });

  test.each(["", "constructor", "DONE", "done\n"])("an end that says %j is none of the good ones", (outcome) => {
    expect(readRunEvent(JSON.stringify({ at: 1, seq: 1, event: "end", outcome, message: "m" }))).toMatchObject({ event: "end", outcome: "failed" });
  });
});
