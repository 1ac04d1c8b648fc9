import fc from "fast-check";
import type { Question } from "./oracle.js";

/**
 * Inventories by chance, for comparing with the real ansible-inventory: names are few, so that they meet in several
 * groups and files, and what is odd is frequent.
 */

const oneOf = fc.constantFrom;
const often = <T>(weight: number, arbitrary: fc.Arbitrary<T>): fc.WeightedArbitrary<T> => ({ weight, arbitrary });
const joined = (parts: fc.Arbitrary<string>, most: number, by = ""): fc.Arbitrary<string> =>
  fc.array(parts, { minLength: 1, maxLength: most }).map((list) => list.join(by));

const hostName = oneOf("a", "b", "db1", "db2", "web-1", "web_2", "x.example.org", "10.0.0.1", "été", "日本", "A", "g1", "localhost", "h.1", "𝒳", "x");
const groupName = oneOf("g1", "g2", "g3", "db", "web", "a", "all", "ungrouped", "G-1", "g.4", "été", "10", "z");

const bound = oneOf("", "0", "1", "3", "5", "01", "03", "10", "001", "a", "c", "f", "C", "X", "-1", "x1", "٣");
const range = fc.tuple(bound, oneOf(":", ":", ":", "-", ""), bound, oneOf("", "", "", ":1", ":2", ":3", ":0", ":-1", ":x", ":")).map(([from, mark, to, step]) => `[${from}${mark}${to}${step}]`);
const good = oneOf("[1:3]", "[01:03]", "[a:c]", "[1:9:3]", "[A:C]", "[x:z]", "[8:11]", "[08:11]", "[a:z:9]");
const host = fc.oneof(
  often(6, hostName),
  often(2, fc.tuple(oneOf("n", "n-", "", "x."), good, oneOf("", "", "-z", ".org", "[1:2]")).map((parts) => parts.join(""))),
  often(1, fc.tuple(oneOf("n", ""), range, oneOf("", ".org", "[1:2]")).map((parts) => parts.join(""))),
  often(1, fc.tuple(hostName, oneOf(":22", ":2222", ":0", ":022", ":x", ":")).map((parts) => parts.join(""))),
  often(1, oneOf("[::1]:22", "::1", "[a]:22", "fe80::1", "[fe80::1]", "n[1:3]:22", "10.0.0.[1:3]", "10.0.0.[1:3]:22", "[1:3]", "[1:3]:22", "fe80::[1:3]", "a:b:22", "a::22", "-x", "x-", "_x:22", "x_:22", "2001:db8::a:22", "1:2:3:4:5:6:7:8", "[2001:db8::[1:3]]:22")),
);
const key = oneOf("k", "v", "x", "ansible_host", "ansible_port", "ansible_group_priority", "k.k", "été", "K", "inventory_hostname", "group_names", "a-b", "1");

/** What an INI value may be made of: pieces of Python's literals and of a shell's quotes. */
const literalPiece = oneOf(
  "1", "0", "12", "010", "1.5", ".5", "1.", "1e3", "1_0", "0x1f", "0b1", "0o7", "-", "+", "j", "True", "False", "None", "true", "yes", "[", "]", "(", ")",
  "{", "}", ",", ", ", ":", ": ", "'a'", "\"b\"", "'", "\"", "\\", "\\n", "\\x41", "\\N{DASH}", " ", "  ", "#", " #", ";", "=", "a", "b'x'", "r'\\n'", "u'x'", "f'x'",
  "'''", "\"\"\"", "é", "日", "$", "`", "~", "*", "/", "@", "%", "!", "|", "<", "{{ x }}", "set()", "{1}", "...", "inf", "nan", "\t", "Ellipsis", "not", "1if 1else 2", "0_1", "00",
);
export const literalText = joined(literalPiece, 6);

const iniPair = fc.tuple(key, oneOf("=", "=", "=", " = ", "", "=="), fc.oneof(literalText, joined(literalPiece, 2), hostName)).map((parts) => parts.join(""));
const iniHostLine = fc.tuple(host, fc.array(iniPair, { maxLength: 3 }), oneOf("", "", "", " # end", "#end", " ; end")).map(([name, pairs, end]) => `${[name, ...pairs].join(" ")}${end}`);
const safeIniHostLine = fc.tuple(fc.oneof(often(4, hostName), often(1, good.map((r) => `n${r}`))), fc.array(fc.tuple(key, oneOf("1", "a", "'x y'", "\"[1, 2]\"", "True", "no", "010", "1.0", "{{x}}")).map((p) => p.join("=")), { maxLength: 2 })).map(([name, pairs]) => [name, ...pairs].join(" "));
const iniOdd = oneOf("", "# c", "; c", "   ", "[", "[]", "[g1", "[g 1]", "[g1:foo]", "[g1:vars:x]", "[ g1 ]", "[g1] # c", "[g1]; c", "[g1:vars]#c", "---", "a:", "- a", "all:", "\u00a0a", "\ufeff", "a\u2028b", "a b", "a 'x", "[g1]x", "!x", "{a}", "\"a\"", "'a b'", "a\\ b", "a\\", "\tb k=1", "x\u000cy");
const iniSection = fc.oneof(
  often(3, groupName.map((name) => `[${name}]`)),
  often(2, fc.tuple(groupName, fc.array(iniPair, { maxLength: 3 })).map(([name, pairs]) => [`[${name}:vars]`, ...pairs].join("\n"))),
  often(2, fc.tuple(groupName, fc.array(groupName, { maxLength: 3 })).map(([name, children]) => [`[${name}:children]`, ...children].join("\n"))),
);
/** Most are in order, so that something comes out of them; some lines are not. */
export const iniText = fc.array(fc.oneof(often(8, safeIniHostLine), often(2, iniHostLine), often(5, iniSection), often(1, iniOdd)), { maxLength: 12 }).map((lines) => `${lines.join("\n")}\n`);
export const cleanIniText = fc.array(fc.oneof(often(3, safeIniHostLine), often(2, groupName.map((name) => `[${name}]`)),
  often(1, fc.tuple(groupName, fc.array(fc.tuple(key.filter((k) => k !== "ansible_group_priority"), oneOf("1", "a b", "'x'", "[1, 2]", "None", "a#b", "x # y")).map((p) => p.join("=")), { minLength: 1, maxLength: 3 })).map(([name, pairs]) => [`[${name}]`, `[${name}:vars]`, ...pairs].join("\n"))),
  often(1, fc.tuple(oneOf("p1", "p2"), fc.uniqueArray(groupName.filter((g) => g !== "all"), { maxLength: 3 })).map(([name, children]) => [...children.map((child) => `[${child}]`), `[${name}:children]`, ...children, "[g1]"].join("\n")))), { minLength: 1, maxLength: 10 }).map((lines) => `${lines.join("\n")}\n`);

const plainPiece = oneOf(
  "1", "0", "9", "12", "010", "08", "0x1F", "0b1", "0o7", "_", ".", ":", ":30", "e3", "e+3", "E-2", "+", "-", "yes", "no", "on", "Off", "y", "n", "true", "TRUE", "~", "null", "Null", ".inf", ".NaN",
  "2026-01-02", "2026-1-2", "T10:11:12", " 10:11:12", ".5", "Z", " +01:00", "-5", "=", "<<", "a", "é", "日", "#", "@x", "x@", "%", "!", "\\", "'", "\"", "$", "?", "|x", ">x", "`", "*", "&", ",", "{{x}}", " ", "/", ";", "[", "]", "(", "𝒳", "\u00a0", "\u0085", "\u2028",
);
export const plainText = joined(plainPiece, 4).map((text) => text.trim());
const quotedPiece = oneOf("a", " ", "  ", "\\n", "\\t", "\\x41", "\\u00e9", "\\U0001F600", "\\\"", "\\\\", "\\/", "\\e", "\\0", "\\_", "\\N", "\\L", "\\P", "\\a", "é", "#", ": ", "- ", "'", "\n  ", "\n\n  ", "\\\n  ", "\\q", "\t");
const doubleQuoted = joined(quotedPiece, 5).map((text) => `"${text}"`);
const singleQuoted = joined(oneOf("a", " ", "''", "\\n", "\"", "#", ": ", "é", "\n  ", "\n\n  ", "\\"), 4).map((text) => `'${text}'`);
const scalar = fc.oneof(
  often(6, plainText), often(4, oneOf("1", "a", "yes", "null", "", "1.0", "'x'", "\"y\"", "[]", "{}", "2026-01-02", "1e3", "0o10", "1:30", "12345678901234567890", "1.0e+5")), often(2, doubleQuoted), often(2, singleQuoted),
  often(1, oneOf("!!str 1", "!!int '1'", "!!float 1", "!!bool 'yes'", "!!null ''", "!!binary aGk=", "!!set {a, b}", "!!omap [a: 1]", "!!timestamp '2026-01-02'", "!x y", "!unsafe '{{ x }}'", "!unsafe 1", "!vault abc", "!!python/none x", "! 1", "!unsafe [a, 1]", "!!str", "!!map {}", "!!seq []", "!!str yes", "!!int 0x1f", "!!int a", "!!float .inf", "!!pairs [a: 1]", "!vault-encrypted abc")),
  often(1, oneOf("&m 1", "*m", "&m {a: 1, b: [1]}", "*n", "&n [*m]", "&n {<<: *m, b: 2}")),
);
const flow = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof({ maxDepth: 3 }, often(4, scalar), often(1, fc.array(tie("node"), { maxLength: 3 }).map((items) => `[${items.join(", ")}]`)),
    often(1, fc.array(fc.tuple(fc.oneof(oneOf("a", "b", "c", "'q'", "\"r\"", "1", "yes", "1.0", "null", "<<", "2", "10"), plainText), oneOf(": ", ": ", ": ", ":", ""), tie("node")).map((p) => p.join("")), { maxLength: 3 }).map((items) => `{${items.join(", ")}}`))),
})).node;
const blockScalar = fc.tuple(oneOf("|", ">", "|-", ">-", "|+", ">+", "|2", ">1-", "|x", "| # c"), fc.array(oneOf("x", " y", "", "  z", "# n", "- l", "a: b", "\tt", "é"), { maxLength: 4 }));
const indented = (text: string, by: string): string => text.split("\n").map((line) => (line === "" ? line : by + line)).join("\n");
const variable = fc.oneof(
  often(5, fc.tuple(fc.oneof(often(5, key), often(1, plainText), often(1, oneOf("'q'", "? k", "yes", "1", "1.0", "null", "<<"))), flow).map(([k, v]) => `${k}: ${v.replaceAll("\n", "\n  ")}`)),
  often(1, fc.tuple(key, blockScalar).map(([k, [mark, lines]]) => `${k}: ${mark}\n${indented(lines.join("\n"), "  ")}`)),
  often(1, fc.tuple(key, fc.array(flow, { maxLength: 3 })).map(([k, items]) => `${k}:\n${items.map((item) => `- ${item.replaceAll("\n", "\n  ")}`).join("\n")}`)),
);
const simpleVariable = fc.tuple(key.filter((k) => k !== "ansible_group_priority"), oneOf("1", "a", "yes", "[1, 2]", "{a: 1}", "'x'", "", "2026-01-02", "010", "1.50", "&x 1", "{2: a, 1: b}")).map((p) => p.join(": "));
export const variablesText = fc.array(variable, { maxLength: 5 }).map((lines) => `${lines.join("\n")}\n`);
export const simpleVariablesText = fc.array(simpleVariable, { maxLength: 4 }).map((lines) => `${lines.join("\n")}\n`);

const yamlHosts = (clean: boolean): fc.Arbitrary<string> => fc.array(fc.tuple(
  clean ? hostName : fc.oneof(often(5, hostName), often(1, host), often(1, plainText)),
  fc.array(clean ? simpleVariable : variable, { maxLength: 2 })), { maxLength: 3 })
  .map((hosts) => hosts.map(([name, vars]) => `${name}:${vars.length === 0 ? "" : `\n${indented(vars.join("\n"), "  ")}`}`).join("\n"));
const yamlVars = (clean: boolean): fc.Arbitrary<string> => fc.array(clean ? simpleVariable : fc.oneof(variable, oneOf("ansible_group_priority: 5", "ansible_group_priority: '2'", "ansible_group_priority: yes")), { maxLength: 3 }).map((vars) => vars.join("\n"));
const yamlGroups = (clean: boolean): fc.Arbitrary<string> => fc.letrec<{ groups: string; group: string }>((tie) => ({
  group: fc.array(fc.oneof({ maxDepth: 4 },
    often(3, fc.tuple(fc.constant("hosts"), yamlHosts(clean))), often(2, fc.tuple(fc.constant("vars"), yamlVars(clean))),
    often(clean ? 1 : 0, fc.tuple(fc.constant("hosts"), fc.constant(""))),
    often(clean ? 0 : 1, fc.tuple(oneOf("hosts", "vars", "children", "host", "plugin"), fc.oneof(flow, oneOf("a", "[a]", "1", "")).map((v) => `@${v}`))),
    often(2, fc.tuple(fc.constant("children"), tie("groups")))), { maxLength: 3 })
    .map((parts) => (clean ? parts.filter(([k], i) => parts.findIndex(([other]) => other === k) === i) : parts)
      .map(([k, text]) => (text.startsWith("@") ? `${k}: ${text.slice(1)}` : text === "" ? `${k}:` : `${k}:\n${indented(text, "  ")}`)).join("\n")),
  groups: fc.uniqueArray(fc.tuple(groupName, tie("group")), { maxLength: 3, selector: ([name]) => name })
    .map((groups) => groups.map(([name, body]) => (body === "" ? `${name}:` : `${name}:\n${indented(body, "  ")}`)).join("\n")),
})).groups;
export const yamlText = fc.tuple(oneOf("", "---\n", "# c\n", "%YAML 1.1\n---\n"), yamlGroups(false), oneOf("", "...\n", "# end\n")).map(([head, groups, end]) => `${head}${groups}\n${end}`);
export const cleanYamlText = yamlGroups(true).map((groups) => `${groups}\n`);

const jsonValue = fc.jsonValue({ maxDepth: 2 });
const scriptOutput = fc.dictionary(fc.oneof(groupName, hostName), fc.oneof(
  often(3, fc.record({ hosts: fc.array(fc.oneof(often(6, hostName), often(1, host)), { maxLength: 3 }), vars: fc.dictionary(key, jsonValue, { maxKeys: 2 }), children: fc.array(groupName, { maxLength: 2 }) }, { requiredKeys: [] })),
  often(1, fc.array(hostName, { maxLength: 3 })), often(1, fc.dictionary(key, jsonValue, { maxKeys: 2 })),
), { maxKeys: 4 });
const meta = fc.option(fc.record({ hostvars: fc.dictionary(hostName, fc.dictionary(key, jsonValue, { maxKeys: 2 }), { maxKeys: 3 }) }), { nil: undefined });
const script = fc.tuple(scriptOutput, meta, fc.dictionary(key, jsonValue, { maxKeys: 2 })).map(([groups, hostvars, one]) =>
  `#!/bin/sh\n[ "$1" = --host ] && { cat <<'J'\n${JSON.stringify(one)}\nJ\nexit; }\ncat <<'J'\n${JSON.stringify({ ...groups, ...(hostvars === undefined ? {} : { _meta: hostvars }) })}\nJ\n`);

const besideName = fc.oneof(often(3, groupName), often(3, hostName));
const besidePath = fc.tuple(oneOf("group_vars", "group_vars", "host_vars"), besideName, oneOf("", ".yml", ".yaml", ".json", ".ini", ".txt", ".yml.bak", "~", "/a.yml", "/b", "/sub/c.yaml", "/sub.d/c.yml", "/.h.yml", "/z~", "/10.json", "/x.txt")).map(([kind, name, end]) => `${kind}/${name}${end}`);
const beside = (content: fc.Arbitrary<string>, prefix: string) => fc.array(fc.tuple(besidePath, content), { maxLength: 4 }).map((list) => Object.fromEntries(list.map(([path, text]) => [prefix + path, text])));

const pattern = joined(fc.tuple(oneOf("", "", "", "!", "&", "~"), fc.oneof(often(4, groupName), often(3, hostName), often(1, oneOf("*", "d*", "?", "[a-d]*", "web*", "^d", "d.*1$", ".*", "(a|b)", "10.0.0.*", "n[1:3]"))), oneOf("", "", "", "", "[0]", "[1]", "[-1]", "[0:1]", "[1:]", "[1-2]", "[:1]", "[-2:]", "[9]", "[a]")).map((p) => p.join("")), 4, ":")
  .chain((text) => oneOf(text, text.replaceAll(":", ","), `${text}:`, ` ${text}`));

/** No file is where another one needs a folder. */
function tidy(files: Readonly<Record<string, string>>): Record<string, string> {
  const paths = Object.keys(files);
  return Object.fromEntries(Object.entries(files).filter(([path]) => !paths.some((other) => other.startsWith(`${path}/`))));
}

/** One file, odd or not, with an extension or without. */
export const oneSource: fc.Arbitrary<Question> = fc.oneof(
  fc.tuple(iniText, oneOf("hosts", "hosts.ini", "hosts.cfg")), fc.tuple(cleanIniText, oneOf("hosts", "hosts.ini")), fc.tuple(yamlText, oneOf("h.yml", "h.yaml", "h", "h.json")), fc.tuple(cleanYamlText, oneOf("h.yml", "h")),
).map(([text, name]) => ({ files: { [name]: text }, inventory: [name] }));

/** Several sources with variables beside them, beside the playbook, and from the command line. */
export const manySources: fc.Arbitrary<Question> = fc.record({
  one: cleanYamlText, two: cleanIniText, three: script,
  folder: fc.dictionary(oneOf("10-a", "20.yml", "b.ini", "c.txt", "sub/d", ".e", "z.yaml", "host", "x.cfg", "group_vars/db", "n~"), fc.oneof(cleanIniText, cleanYamlText), { maxKeys: 3 }),
  besides: beside(fc.oneof(often(4, simpleVariablesText), often(1, variablesText)), ""), inFolder: beside(simpleVariablesText, "inv/"), atPlaybook: beside(simpleVariablesText, "play/"),
  chosen: fc.shuffledSubarray(["one.yml", "two", "three.sh", "inv", "a,b,", "x,10.0.0.1:22", "one.yml"], { minLength: 1, maxLength: 4 }),
  options: oneOf<readonly string[]>([], [], ["--playbook-dir", "play"], ["-e", "k=1 x='a b'"], ["-e", "{k: [1]}"], ["--playbook-dir", "."]),
  patterns: fc.uniqueArray(pattern, { maxLength: 4 }), limits: fc.uniqueArray(pattern, { maxLength: 2 }),
}).map(({ one, two, three, folder, besides, inFolder, atPlaybook, chosen, options, patterns, limits }) => ({
  files: tidy({ "one.yml": one, two, "three.sh": three, "inv/00": "", ...Object.fromEntries(Object.entries(folder).map(([name, text]) => [`inv/${name}`, text])), "play/p.yml": "[]", ...besides, ...inFolder, ...atPlaybook }),
  executable: ["three.sh"], inventory: chosen, options, patterns, limits,
}));

/** Many values at once: what the types of INI's values are. */
export const iniValues: fc.Arbitrary<Question> = fc.array(literalText, { minLength: 20, maxLength: 60 }).map((values) => ({
  files: { "h.ini": `h\n[g]\nh\n[g:vars]\n${values.map((value, i) => `v${i}=${value}`).join("\n")}\n` }, inventory: ["h.ini"],
}));

/** Many plain scalars, each for itself. */
export const yamlScalars: fc.Arbitrary<Question> = fc.array(plainText, { minLength: 1, maxLength: 4 }).map((values) => ({
  files: { "h.yml": `all:\n  hosts:\n    h:\n${values.map((value, i) => `      v${i}: ${value}`).join("\n")}\n` }, inventory: ["h.yml"],
}));

export const variablesOfOne: fc.Arbitrary<Question> = fc.tuple(variablesText, oneOf("group_vars/all.yml", "host_vars/h", "group_vars/g/x.json")).map(([text, path]) => ({
  files: { "h.ini": "[g]\nh\n", [path]: text }, inventory: ["h.ini"],
}));

export const KINDS = { oneSource, manySources, iniValues, yamlScalars, variablesOfOne };
