import { describe, expect, test } from "vitest";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { loadPlaybooks } from "../../src/core/load/load-playbooks.js";
import { evaluate, parseTemplate } from "../../src/core/load/template.js";
import { filesOf } from "./files.js";

/** What `{{ … }}` gives, or why it gives nothing. */
function filled(template: string, variables: Readonly<Record<string, unknown>>): unknown {
  const { template: parsed, problems } = parseTemplate(template);
  const [expression] = parsed?.parts ?? [];
  if (expression === undefined || typeof expression === "string") return problems.map(({ summary }) => summary);
  const result = evaluate(expression, variables);
  return "value" in result ? result.value : result;
}

describe("a default is for what is not given, as Ansible's is", () => {
  test.each([
    ["false", false, false],
    ["an empty text", "", ""],
    ["an empty list", [], []],
    ["zero", 0, 0],
    ["a text", "given", "given"],
    ["nothing behind the name", null, "instead"],
  ])("%s", (_what, value, result) => {
    expect(filled("{{ it | default: 'instead' }}", { it: value })).toEqual(result);
  });

  test("a variable that is not defined, and a member that is not", () => {
    expect(filled("{{ it | default: 'instead' }}", {})).toBe("instead");
    expect(filled("{{ it.there | default: 'instead' }}", { it: {} })).toBe("instead");
  });

  test("a guest whose host says that it may not be down, or be destroyed, may not", () => {
    const files = filesOf({ "lab.yml": "xen: { hosts: { dom0a: { may_be_down: no, may_be_destroyed: no }, dom0b: } }" });
    const inventory = loadInventory(["lab.yml"], files).value;
    const text = `- hosts: xen
  domains:
    web1:
      disks: { xvda1: { volume: vg0/web1 } }
      move: { offline: "{{ may_be_down | default: true }}", shutdown: { destroy: "{{ may_be_destroyed | default: true }}" } }
`;
    const loaded = inventory === undefined ? undefined : loadPlaybooks([{ file: "web.yml", text }], inventory).value;
    const moves = loaded?.plays[0]?.desired.map(({ host, domains }) => [host, domains[0]?.move]);
    expect(moves).toEqual([["dom0a", { offline: false, destroy: false }], ["dom0b", { offline: true, destroy: true }]]);
  });
});

describe("what is no number is not reckoned with", () => {
  test.each([
    ["{{ it | plus: 10 }}", "20GiB", { failure: "'20GiB' is no number" }],
    ["{{ it | minus: 1 }}", "lots", { failure: "'lots' is no number" }],
    ["{{ it | times: 2 }}", [3], { failure: "a list is no number" }],
    ["{{ 1 | plus: it }}", "1 GiB", { failure: "'1 GiB' is no number" }],
    ["{{ it | plus }}", 1, { failure: "a number is missing behind the filter" }],
    ["{{ it | int }}", "512MiB", { failure: "'512MiB' is no whole number" }],
    ["{{ it | int }}", null, { failure: "nothing is no whole number" }],
    ["{{ it | plus: 10 }}", "20", 30],
    ["{{ it | times: 1.5 }}", 4, 6],
    ["{{ it | int }}", "3.9", 3],
    ["{{ it | int }}", " -7 ", -7],
  ])("%s of %j", (template, it, result) => {
    expect(filled(template, { it })).toEqual(result);
  });
});

describe("a path leads to what is there", () => {
  test.each([
    ["a map that has no size of its own", "{{ it.size }}", { group: "vg0" }, { undefinedName: "it.size" }],
    ["the same, with its name in brackets", "{{ it['size'] }}", { group: "vg0" }, { undefinedName: "it.size" }],
    ["a text", "{{ it.size }}", "vg0", { undefinedName: "it.size" }],
    ["a map that has one", "{{ it.size }}", { size: "2GiB" }, "2GiB"],
    ["one that has nothing there", "{{ it.size | default: '1GiB' }}", { group: "vg0" }, "1GiB"],
    ["how long a list is", "{{ it.size }}", ["a", "b"], 2],
  ])("%s", (_what, template, it, result) => {
    expect(filled(template, { it })).toEqual(result);
  });
});

test.each(["empty", "blank", "not", "contains", "and", "or"])("'%s' is no variable, and is not taken for something else", (word) => {
  expect(filled(`{{ ${word} }}`, { [word]: "given" })).toEqual([`'${word}' is a word of the template language, and no variable`]);
  expect(filled(`{{ it.${word} }}`, { it: { [word]: "given" } })).toBe("given");
});
