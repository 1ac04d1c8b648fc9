import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { readExtraVars } from "../../../src/core/inventory/extra-vars.js";
import type { ReadFiles } from "../../../src/core/inventory/inventory.js";
import { loadInventory } from "../../../src/core/inventory/load-inventory.js";
import { exportYaml } from "../../../src/core/inventory/show/export-yaml.js";
import { graphText } from "../../../src/core/inventory/show/graph.js";
import { hostText, listText } from "../../../src/core/inventory/show/list.js";
import type { InventoryView } from "../../../src/core/inventory/show/view.js";
import { renderDiagnostics } from "../../../src/core/render/diagnostics.js";
import { readPasswords } from "../../../src/edge/vault/passwords.js";
import { unlockWith } from "../../../src/edge/vault/unlock.js";
import { filesOf } from "../../load/files.js";
import { lacks } from "../../support/tools.js";
import type { InventoryCase, Recording } from "./case.js";
import { HERE, cases, layOut, optionValues, seenFrom } from "./case.js";

/**
 * What converge says of an inventory, beside what the real ansible-inventory said: recorded by record.py, and where
 * ansible-inventory is installed asked anew.
 */

const folders: string[] = [];
afterAll(() => { for (const folder of folders) rmSync(folder, { recursive: true }); });

async function viewOf(one: InventoryCase, files: ReadFiles, folder: string): Promise<InventoryView> {
  const options = one.options ?? [];
  const named = optionValues(options, "--playbook-dir")[0];
  const ids = optionValues(options, "--vault-password-file", "--vault-id").map((id) => id.replace(/[^@]*$/, (path) => join(folder, path)));
  const passwords = await readPasswords(ids, () => Promise.resolve(undefined));
  if (passwords.value === undefined) throw new Error(renderDiagnostics(passwords.diagnostics));
  const unlock = passwords.value.length === 0 ? undefined : unlockWith(passwords.value);
  const shared = { numbers: "exact" as const, ...(unlock === undefined ? {} : { unlock }) };
  const loaded = loadInventory(one.inventory, files, { ...shared, playbookFolder: named ?? "." });
  const extra = readExtraVars(optionValues(options, "-e"), files, shared);
  if (loaded.value === undefined || extra.value === undefined) {
    throw new Error(renderDiagnostics([...loaded.diagnostics, ...extra.diagnostics]));
  }
  return { inventory: loaded.value, extraVars: extra.value, playbookNamed: named !== undefined };
}

/** Python's JSON has numbers that JSON has not. */
function parsed(text: string): unknown {
  return JSON.parse(text.replace(/^( *(?:"\w+": )?)(-?Infinity|NaN)(,?)$/gm, '$1"$2"$3'));
}

function recorded(folder: string, name: string): Recording {
  return parsed(readFileSync(join(folder, `${name}.json`), "utf8")) as Recording;
}

const isFailed = (answer: unknown): boolean => typeof answer === "object" && answer !== null && Object.hasOwn(answer, "failed");

describe("the same as ansible-inventory", () => {
  for (const one of cases()) {
    describe(`${one.name}: ${one.about}`, () => {
      const expected = recorded(join(HERE, "recorded"), one.name);
      const folder = layOut(one);
      folders.push(folder);
      const files = seenFrom(folder);
      // ansible-inventory could neither sort nor print some; a source that it left out is none of this corpus
      test("was recorded", () => {
        expect(expected.unparsed).toBeUndefined();
        expect(isFailed(expected.list)).toBe(false);
      });

      test("--list", async () => {
        const text = listText(await viewOf(one, files, folder));
        if (typeof text !== "string") throw new Error(text.summary);
        expect(parsed(text)).toEqual(expected.list);
      });

      test.skipIf(isFailed(expected.graph))("--graph", async () => {
        const view = await viewOf(one, files, folder);
        const all = view.inventory.groups.get("all");
        if (all === undefined) throw new Error("no group all");
        expect(graphText(view, all, false)).toBe(expected.graph);
        if (!isFailed(expected.graphVars)) expect(graphText(view, all, true)).toBe(expected.graphVars);
      });

      test.each(Object.entries(expected.host ?? {}))("--host %s", async (name, vars) => {
        const view = await viewOf(one, files, folder);
        const host = view.inventory.hosts.get(name);
        if (host === undefined) throw new Error(`no host ${name}`);
        expect(parsed(hostText(view, host))).toEqual(vars);
      });

      test("--export yaml, read back, is the same", async () => {
        const view = await viewOf(one, files, folder);
        const text = exportYaml(view);
        if (typeof text !== "string") {
          expect(one.notExported).toBe(text.summary);
          return;
        }
        const again = loadInventory(["export.yml"], filesOf({ "export.yml": text }), { numbers: "exact" });
        expect(renderDiagnostics(again.diagnostics.filter((d) => d.code !== "host-and-group"))).toBe("");
        if (again.value === undefined) throw new Error("not read back");
        const plain = { ...view, extraVars: new Map() };
        expect(listText({ ...plain, inventory: again.value })).toBe(listText(plain));
      });
    });
  }
});

describe.skipIf(lacks("ansible-inventory"))("the ansible-inventory that is installed", { tags: "long" }, () => {
  // a process for each question: on a busy machine that takes minutes
  test("says what was recorded", { timeout: 900_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "converge-recorded-"));
    folders.push(folder);
    await promisify(execFile)(join(HERE, "record.py"), [folder]);
    for (const file of readdirSync(join(HERE, "recorded"))) {
      const name = file.replace(/\.json$/, "");
      expect(recorded(folder, name), name).toEqual(recorded(join(HERE, "recorded"), name));
    }
  });
});
