import { describe, expect, test } from "vitest";
import { connectionOf } from "../../src/core/inventory/connection.js";
import { readExtraVars } from "../../src/core/inventory/extra-vars.js";
import type { Inventory } from "../../src/core/inventory/inventory.js";
import { NO_FILES } from "../../src/core/inventory/inventory.js";
import { literal } from "../../src/core/inventory/literal.js";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { matchHosts } from "../../src/core/inventory/pattern.js";
import { expandRange } from "../../src/core/inventory/ranges.js";
import { placeText } from "../../src/core/load/duplicate-volumes.js";
import { placeOf } from "../../src/core/load/document.js";
import { renderDiagnostics } from "../../src/core/render/diagnostics.js";
import { filesOf } from "../load/files.js";

function load(texts: Readonly<Record<string, string>>, ...sources: string[]): Inventory {
  const loaded = loadInventory(sources, filesOf(texts));
  if (loaded.value === undefined) throw new Error(renderDiagnostics(loaded.diagnostics));
  expect(renderDiagnostics(loaded.diagnostics)).toBe("");
  return loaded.value;
}

function vars(inventory: Inventory, host: string): Record<string, unknown> {
  return Object.fromEntries([...(inventory.hosts.get(host)?.vars ?? [])].map(([name, placed]) => [name, placed.value]));
}

const groups = (inventory: Inventory): Record<string, readonly string[]> => {
  return Object.fromEntries([...inventory.groups].map(([name, group]) => [name, group.hosts]));
};

describe("inventories as Ansible reads them", () => {
  test("INI: ranges, groups of groups, the types of values", () => {
    const inventory = load({
      "hosts.ini": [
        "loose ansible_host=192.0.2.9:22   # a comment",
        "; another",
        "[web]",
        "web[01:03].example.org:2222 a=010 b=True c=true d='x y' e=\"[1, 2]\" f=1.5 g=None h='\"010\"' i=x#y",
        "[db]",
        "db-[a:c]",
        "[site:children]",
        "web",
        "db",
        "[site:vars]",
        "quoted = 'text'",
        "plain = some words # and this too",
        "flag = yes",
        "number = 7",
      ].join("\n"),
    }, "hosts.ini");
    expect(groups(inventory)).toEqual({
      all: ["loose", "web01.example.org", "web02.example.org", "web03.example.org", "db-a", "db-b", "db-c"],
      ungrouped: ["loose"],
      web: ["web01.example.org", "web02.example.org", "web03.example.org"],
      db: ["db-a", "db-b", "db-c"],
      site: ["web01.example.org", "web02.example.org", "web03.example.org", "db-a", "db-b", "db-c"],
    });
    expect(vars(inventory, "web02.example.org")).toEqual({
      a: "010", b: true, c: "true", d: "x y", e: [1, 2], f: 1.5, g: null, h: "010", i: "x", ansible_port: 2222,
      quoted: "text", plain: "some words # and this too", flag: "yes", number: 7,
    });
    expect(inventory.hosts.get("db-b")?.groups).toEqual(["db", "site"]);
    expect(vars(inventory, "loose")).toEqual({ ansible_host: "192.0.2.9:22" });
  });

  test("YAML: null hosts and groups, ranges, YAML 1.1's words", () => {
    const inventory = load({
      "x.yml": [
        "all:", "  hosts:", "    alone:", "    dom0[1:2]: { rack: 010, spare: yes }", "  children:",
        "    empty:", "    xen: { hosts: { dom01: , far: { ansible_port: 22 } }, vars: { level: group } }",
        "  vars: { level: all, when: 2026-01-31 }",
      ].join("\n"),
    }, "x.yml");
    expect(groups(inventory)).toEqual({
      all: ["alone", "dom01", "dom02", "far"], ungrouped: ["alone", "dom02"], empty: [], xen: ["dom01", "far"],
    });
    expect(vars(inventory, "dom01")).toEqual({ rack: 8, spare: true, level: "group", when: "2026-01-31" });
    expect(vars(inventory, "alone")).toEqual({ level: "all", when: "2026-01-31" });
  });

  test("YAML: a variable whose name is no text is kept as Ansible keeps it, and told", () => {
    const { value, diagnostics } = loadInventory(["x.yml"], filesOf({ "x.yml": "all: { hosts: { h: { on: yes } } }\n", "group_vars/all.yml": "1: a\n" }));
    expect(value === undefined ? undefined : vars(value, "h")).toEqual({ true: true, 1: "a" });
    expect(diagnostics.map(({ code, severity, at }) => [code, severity, at?.source.file])).toEqual([["key-not-text", "warning", "x.yml"], ["key-not-text", "warning", "group_vars/all.yml"]]);
  });

  test("precedence: all < parent < child < files of the same < host, each with its place", () => {
    const inventory = load({
      "inv/hosts.yml": [
        "all: { vars: { v: all, a: all, b: all } }",
        "parent: { vars: { v: parent, b: parent, c: parent }, children: { child: { vars: { v: child, c: child } } } }",
        "child: { hosts: { h: { v: host, d: host }, i: } }",
        "zzz: { hosts: { i: }, vars: { w: zzz } }",
        "aaa: { hosts: { i: }, vars: { w: aaa } }",
      ].join("\n"),
      "inv/group_vars/all.yml": "a: file all\nc: file all\n",
      "inv/group_vars/child/1.yml": "e: one\nf: one\n",
      "inv/group_vars/child/2.yml": "f: two\n",
      "inv/group_vars/child/notes.txt": "not: [yaml\n",
      "inv/host_vars/h": "d: file host\n",
    }, "inv/hosts.yml");
    expect(vars(inventory, "h")).toEqual({
      v: "host", a: "file all", b: "parent", c: "file all", d: "file host", e: "one", f: "two",
    });
    expect(vars(inventory, "i")["w"]).toBe("zzz");
    const place = inventory.hosts.get("h")?.vars.get("d");
    expect(place === undefined ? "" : placeText(placeOf(place))).toBe("inv/host_vars/h:1:4");
  });

  test("several sources, in order; a list; a folder; a file without an extension", () => {
    const texts = {
      "a.ini": "[xen]\none v=ini\n", "b.yml": "xen: { hosts: { one: { v: yaml }, two: } }", "dir/1": "[x]\nthree\n",
      "dir/2": "x: { hosts: { four: } }\n", "dir/group_vars/x": "k: 1\n", "dir/readme.md": "# not one\n",
    };
    expect(vars(load(texts, "a.ini", "b.yml"), "one")).toEqual({ v: "yaml" });
    expect(vars(load(texts, "b.yml", "a.ini"), "one")).toEqual({ v: "ini" });
    expect([...load(texts, "x1,x2:2222,").hosts.keys()]).toEqual(["x1", "x2"]);
    expect(groups(load(texts, "dir"))["x"]).toEqual(["three", "four"]);
    expect(vars(load(texts, "dir"), "four")).toEqual({ k: 1 });
  });

  test.each<[string, Record<string, string>, string]>([
    ["a group in itself", { "x.yml": "a: { children: { b: { children: { a: } } } }" }, "would contain itself"],
    ["an undefined child", { "x.ini": "[a:children]\nbb\n[b]\n" }, "'bb' is not defined"],
    ["variables of no group", { "x.ini": "[a:vars]\nk=1\n" }, "which nothing defines"],
    ["hosts as a list", { "x.yml": "a:\n  hosts:\n    - one\n" }, "'hosts' is a list"],
    ["no map", { "x.yml": "- a\n" }, "a map of groups"],
    ["no name=value", { "x.ini": "[a]\nhost one\n" }, "expected name=value after the host, not 'one'"],
    ["an open quote", { "x.ini": "[a]\nhost k='one\n" }, "not closed"],
    ["a bad range", { "x.ini": "[a]\nhost[5:]\n" }, "needs its end"],
    ["a range without end", { "x.ini": "h[1:99999999]\n" }, "more than 65536"],
    ["the config of a plugin", { "aws.yml": "plugin: aws_ec2\nregions: [eu]\n" }, 'configures the inventory plugin "aws_ec2"'],
    ["TOML", { "x.toml": "[web.hosts]\na = {}\n" }, "in TOML are not read"],
    ["a name that is a number", { "x.yml": "all: { hosts: { 7: } }" }, "the name of a host is text, and YAML reads 7"],
    ["a name that is a boolean", { "x.yml": "on: { hosts: { a: } }" }, "the name of a group is text, and YAML reads on"],
    ["a group in itself by all", { "x.yml": "a: { children: { all: } }" }, "everything is a part of 'all'"],
    ["a priority that is none", { "x.yml": "a: { vars: { ansible_group_priority: high } }" }, "is a whole number"],
    ["a vaulted file", { "x.yml": "$ANSIBLE_VAULT;1.1;AES256\n3033\n" }, "no password was given"],
    ["a missing file", {}, "there is no inventory 'x'"],
    ["a section of no kind", { "x.ini": "[a:hots]\n" }, "':hots'"],
    ["YAML in an INI file", { "x.ini": "all:\n" }, "'all:' is no host's name"],
  ])("a complaint: %s", (_name, texts, expected) => {
    const loaded = loadInventory([Object.keys(texts)[0] ?? "x"], filesOf(texts));
    expect(loaded.value).toBeUndefined();
    expect(renderDiagnostics(loaded.diagnostics).replace(/\n {2,}/g, " ")).toContain(expected);
  });

  test("a vaulted value is opened where it is used, or it is said why not", () => {
    const text = "all: { hosts: { h: { ansible_user: !vault good, ansible_host: !vault bad } } }";
    const unlock = (envelope: string) => (envelope === "good" ? { text: "{{ root }}" } : { problem: "it is damaged" });
    const inventory = loadInventory(["x.yml"], filesOf({ "x.yml": text }), { unlock }).value;
    const host = inventory?.hosts.get("h");
    if (inventory === undefined || host === undefined) throw new Error("no host");
    // as it stands: no template is filled in there
    expect(connectionOf(host, inventory, readExtraVars(["ansible_host=x"], NO_FILES).value ?? new Map()).value?.user).toBe("{{ root }}");
    const [complaint] = connectionOf(host, inventory, new Map()).diagnostics;
    expect([complaint?.code, complaint?.summary]).toEqual(["vaulted", "this value is vaulted, and it is damaged"]);
  });

  test("a vaulted value is no error until something needs it", () => {
    const loaded = loadInventory(["x.yml"], filesOf({ "x.yml": "all: { hosts: { h: { secret: !vault abc, ansible_user: !unsafe '{{ x }}' } } }" }));
    const host = loaded.value?.hosts.get("h");
    if (host === undefined || loaded.value === undefined) throw new Error(renderDiagnostics(loaded.diagnostics));
    expect(connectionOf(host, loaded.value, new Map()).value?.user).toBe("{{ x }}");
    const become = readExtraVars(["ansible_become=yes ansible_become_password='{{ secret }}'"], NO_FILES).value;
    expect(connectionOf(host, loaded.value, become ?? new Map()).diagnostics[0]?.code).toBe("vaulted");
  });
});

describe("values of INI", () => {
  test.each<[string, unknown]>([
    ["010", "010"], ["0", 0], ["00", 0], ["-3", -3], ["1_000", 1000], ["0x1f", 31], ["True", true], ["False", false], ["true", "true"],
    ["None", null], ["null", "null"], ["1.5", 1.5], ["1e3", 1000], ["1.2.3.4", "1.2.3.4"], ["'a'", "a"], ["'a' 'b'", "ab"],
    ["[1, 'x', True]", [1, "x", true]], ["(1, 2)", [1, 2]], ["(1)", 1], ["(1,)", [1]], ["1, 2", [1, 2]], ["{'a': {'b': 1}}", { a: { b: 1 } }],
    ["{}", {}], ["[]", []], ["[1", "[1"], ["yes", "yes"], ["", ""], ["a b", "a b"], ["'\\x41\\n'", "A\n"], ["--", "--"], [".", "."],
    ["12345678901234567890", "12345678901234567890"], ["/dev/vg0", "/dev/vg0"], ["1 # x", 1], ["'a' # b", "a"], ["r'a\\n'", "a\\n"], ["u'x'", "x"], ["a # b", "a # b"], ["# b", "# b"],
  ])("%s", (text, expected) => {
    expect(literal(text)).toEqual(expected);
  });
});

describe("ranges", () => {
  test.each<[string, readonly string[] | string]>([
    ["a[1:3]", ["a1", "a2", "a3"]], ["a[08:10]", ["a08", "a09", "a10"]], ["a[1:10:4]", ["a1", "a5", "a9"]], ["a[:2]", ["a0", "a1", "a2"]],
    ["[a:c]x", ["ax", "bx", "cx"]], ["a[1:2]b[3:4]", ["a1b3", "a1b4", "a2b3", "a2b4"]], ["a[9:11]", ["a9", "a10", "a11"]],
    ["a[01:100]", "one width"], ["a[1]", "begin:end"], ["a[1:", "not closed"], ["a[x:9]", "numbers or letters"], ["a[c:a]", "before it ends"],
  ])("%s", (pattern, expected) => {
    const result = expandRange(pattern);
    if (typeof expected === "string") expect("problem" in result ? result.problem : result.names).toContain(expected);
    else expect(result).toEqual({ names: expected });
  });
});

describe("host patterns", () => {
  const inventory = load({ "x.ini": "[db]\ndb[1:4]\n[prod]\ndb1\ndb3\nweb.example.org\n[xen:children]\ndb\nprod\n" }, "x.ini");
  test.each<[string | readonly string[], readonly string[]]>([
    ["all", ["db1", "db2", "db3", "db4", "web.example.org"]], ["*", ["db1", "db2", "db3", "db4", "web.example.org"]],
    ["db2", ["db2"]], ["db", ["db1", "db2", "db3", "db4"]], ["db:&prod", ["db1", "db3"]], ["db:!prod", ["db2", "db4"]],
    ["xen:&prod:!db3", ["db1", "web.example.org"]], ["db4,db1", ["db4", "db1"]], ["db*:!*1", ["db2", "db3", "db4"]],
    ["~db[13]", ["db1", "db3"]], ["db[0:2]", ["db1", "db2", "db3"]], ["db[0]", ["db1"]], ["db[-1]", ["db4"]], ["db[2:]", ["db3", "db4"]],
    ["!db", ["web.example.org"]], ["db[1:2]:&prod", ["db3"]], ["*.example.org", ["web.example.org"]], [["db1", "web*"], ["db1", "web.example.org"]],
    ["ungrouped", []],
  ])("%s", (pattern, expected) => {
    expect(matchHosts(pattern, inventory)).toEqual({ value: expected, diagnostics: [] });
  });
});

describe("-e", () => {
  test("pairs stay text, maps keep their types, later ones win", () => {
    const files = filesOf({ "v.yml": "a: 1\nb: [x]\n", "v.json": '{"c": true}' });
    const read = readExtraVars(["a=1 b='x y'", "@v.yml", "@v.json", '{"d": {"e": null}}', "a=010"], files).value;
    expect(Object.fromEntries([...(read ?? [])].map(([k, v]) => [k, v.value]))).toEqual({ a: "010", b: ["x"], c: true, d: { e: null } });
  });

  test.each([["novalue", "expected name=value"], ["@none.yml", "there is no file"], ["[1]", "a map, not a list"], ["a='x", "not closed"]])(
    "%s", (option, expected) => {
      const { value, diagnostics } = readExtraVars([option], NO_FILES);
      expect(value).toBeUndefined();
      expect(diagnostics[0]?.summary).toContain(expected);
    });
});
