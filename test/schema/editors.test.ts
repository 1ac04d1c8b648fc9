import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Ajv } from "ajv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { cli } from "../cli/in-process.js";
import type { Position } from "./yaml-language-server.js";
import { LanguageServer } from "./yaml-language-server.js";

/** `converge schema`, and what the YAML language server makes of the schemas in an editor. */

const folder = mkdtempSync(join(tmpdir(), "converge-schema-"));
afterAll(() => { rmSync(folder, { recursive: true, force: true }); });

const NAMES = ["playbook", "inventory", "config"] as const;

async function schema(name: string): Promise<object> {
  const { exit, out, err } = await cli(["schema", name]);
  if (exit !== 0) throw new Error(err);
  return JSON.parse(out) as object;
}

describe("converge schema", () => {
  test.each([...NAMES, "lint-report"])("%s is a JSON Schema", async (name) => {
    expect(new Ajv({ strict: false }).validateSchema(await schema(name))).toBe(true);
  });

  test("knows no other", async () => {
    const { exit, err } = await cli(["schema", "playbok"]);
    expect([exit, err.includes("Allowed choices are playbook, inventory, config, lint-report")]).toEqual([1, true]);
  });

  test.each([
    ["playbook", "playbooks/demo.yml"], ["playbook", "playbooks/pool.yml"], ["playbook", "playbooks/offline.yml"], ["playbook", "playbooks/web.yml"],
    ["inventory", "inventory/lab.yml"], ["inventory", "inventory/recorded.yml"], ["config", "converge.config.yml"],
  ])("%s permits %s", async (name, path) => {
    const validate = new Ajv({ strict: false }).compile(await schema(name));
    const value: unknown = parse(readFileSync(path, "utf8"), { version: "1.1", merge: true });
    expect(validate(value), JSON.stringify(validate.errors)).toBe(true);
  });

  test("every key has a description", async () => {
    const bare: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null) return;
      for (const [key, child] of Object.entries(value)) {
        if (key !== "properties") visit(child, `${path}/${key}`);
        else for (const [name, sub] of Object.entries(child as Record<string, { description?: string; $ref?: string }>)) {
          if (sub.description === undefined && sub.$ref === undefined) bare.push(`${path}/${name}`);
          visit(sub, `${path}/${name}`);
        }
      }
    };
    for (const name of NAMES) visit(await schema(name), name);
    expect(bare).toEqual([]);
  });
});

/** A text with `|` where the cursor is. */
function cursorIn(text: string): { text: string; position: Position } {
  const before = text.slice(0, text.indexOf("|")).split("\n");
  return { text: text.replace("|", ""), position: { line: before.length - 1, character: before.at(-1)?.length ?? 0 } };
}

describe("in an editor", { tags: "long" }, () => {
  const files = { playbook: "play.yml", inventory: "hosts.yml", config: "converge.config.yml" } as const;
  const server = new LanguageServer(Object.fromEntries(NAMES.map((name) => [files[name], join(folder, `${name}.json`)])));
  const uriOf = (name: keyof typeof files, at: number): string => `file:///repository/${at}/${files[name]}`;

  beforeAll(async () => {
    for (const name of NAMES) writeFileSync(join(folder, `${name}.json`), JSON.stringify(await schema(name)));
    await server.start();
  });

  const COMPLETIONS: readonly (readonly [keyof typeof files, string, readonly string[], string])[] = [
    ["playbook", "- hosts: xen\n  |", ["domains", "serial", "move", "max_fail_percentage"], "How many hosts at a time"],
    ["playbook", "- hosts: xen\n  domains:\n    web1:\n      disks:\n        xvda1:\n          |", ["volume", "size", "filesystem", "move"], "as group/name"],
    ["playbook", "- hosts: xen\n  move:\n    strategy: |", ["rsync", "auto"], ""],
    ["inventory", "xen:\n  |", ["hosts", "vars", "children"], "Variables of every host of the group"],
    ["inventory", "xen:\n  vars:\n    |", ["ansible_host", "ansible_become", "converge_facts"], "converge facts --record"],
    ["config", "lint:\n  rules:\n    |", ["rounded-size", "group-tie", "silence-unused"], "more than a tenth"],
    ["config", "lint:\n  rules:\n    rounded-size: |", ["error", "warning", "note"], ""],
  ];
  test.each(COMPLETIONS)("%s: completes in %j", async (name, marked, labels, words) => {
    const { text, position } = cursorIn(marked);
    const uri = uriOf(name, COMPLETIONS.findIndex(([, one]) => one === marked));
    await server.open(uri, text);
    const items = await server.completions(uri, position);
    expect(items.map(({ label }) => label)).toEqual(expect.arrayContaining([...labels]));
    expect(JSON.stringify(items)).toContain(words);
  });

  const HOVERS: readonly (readonly [keyof typeof files, string, string])[] = [
    ["playbook", "- hosts: xen\n  ser|ial: 1\n", "How many hosts at a time"],
    ["playbook", "- hosts: xen\n  move: { down|time: 30s }\n", "The longest that the guest may be down"],
    ["inventory", "xen:\n  hosts:\n    dom0a: { ansible_h|ost: 192.0.2.1 }\n", "the host is reached by"],
    ["config", "lint:\n  rules:\n    group-t|ie: off\n", "their names decide"],
  ];
  test.each(HOVERS)("%s: explains what is under the cursor in %j", async (name, marked, words) => {
    const { text, position } = cursorIn(marked);
    const uri = uriOf(name, 100 + HOVERS.findIndex(([, one]) => one === marked));
    await server.open(uri, text);
    expect((await server.hover(uri, position)).replaceAll("\\\\", "")).toContain(words);
  });

  const MISTAKES: readonly (readonly [keyof typeof files, string, string])[] = [
    ["playbook", "- hosts: xen\n  |sereal: 1\n", "sereal"],
    ["playbook", "- hosts: xen\n  domains:\n    web1:\n      disks:\n        xvda1: { volume: vg0/a, size: |512 }\n", "string"],
    ["playbook", "- hosts: xen\n  move: { source: |keeep }\n", "keep"],
    ["inventory", "xen:\n  |host: { dom0a: }\n", "host"],
    ["inventory", "xen:\n  vars: { ansible_port: |70000 }\n", "65535"],
    ["config", "lint:\n  rules:\n    |round-size: off\n", "round-size"],
    ["config", "lint:\n  rules:\n    rounded-size: |eror\n", "error"],
  ];
  test.each(MISTAKES)("%s: marks the mistake in %j", async (name, marked, words) => {
    const { text, position } = cursorIn(marked);
    const diagnostics = await server.open(uriOf(name, 200 + MISTAKES.findIndex(([, one]) => one === marked)), text);
    expect(diagnostics.map(({ range }) => range.start)).toContainEqual(position);
    expect(JSON.stringify(diagnostics)).toContain(words);
  });

  test("the line that the guide, and the command's help, put before a file names its schema", async () => {
    for (const text of [readFileSync("docs/guide/editors.md", "utf8"), (await cli(["schema", "--help"])).out]) {
      const line = /^ +(# yaml-language-server: .*)$/m.exec(text)?.[1] ?? "";
      mkdirSync(join(folder, ".schemas"), { recursive: true });
      writeFileSync(join(folder, ".schemas", "playbook.json"), JSON.stringify(await schema("playbook")));
      const uri = pathToFileURL(join(folder, "playbooks", `${String(text.length)}.yml`)).href;
      const diagnostics = await server.open(uri, `${line}\n- hosts: xen\n  sereal: 1\n`);
      expect(diagnostics.map(({ message }) => message).join()).toContain("sereal");
      expect(await server.hover(uri, { line: 1, character: 3 })).toContain("The hosts (Dom0s)");
    }
  });

  test.each([["playbook", "playbooks/demo.yml"], ["playbook", "playbooks/pool.yml"], ["inventory", "inventory/lab.yml"], ["config", "converge.config.yml"]] as const)(
    "%s: finds nothing wrong in %s", async (name, path) => {
      expect(await server.open(uriOf(name, 300 + path.length), readFileSync(path, "utf8"))).toEqual([]);
    },
  );
});
