import { readFileSync, readdirSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Fact } from "../../src/core/facts/fact.js";
import { parseFrames } from "../../src/core/facts/gather-script.js";
import { readFact } from "../../src/core/facts/readings.js";
import type { FactValues } from "../../src/core/facts/readings.js";
import { readRecording } from "../../src/core/facts/recording.js";
import { facts } from "../../src/core/facts/registry.js";
import { recognise } from "../../src/core/facts/superblock.js";
import { connectionOf } from "../../src/core/inventory/connection.js";
import { readExtraVars } from "../../src/core/inventory/extra-vars.js";
import { NO_FILES } from "../../src/core/inventory/inventory.js";
import type { Inventory } from "../../src/core/inventory/inventory.js";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { matchHosts } from "../../src/core/inventory/pattern.js";
import { readAnsibleYaml } from "../../src/core/load/ansible-yaml.js";
import { parseDuration } from "../../src/core/load/duration.js";
import { loadPlaybooks } from "../../src/core/load/load-playbooks.js";
import { shellWords } from "../../src/core/load/shell-words.js";
import { evaluate, parseTemplate } from "../../src/core/load/template.js";
import { readYaml } from "../../src/core/load/yaml.js";
import { parseBytes } from "../../src/core/model/bytes.js";
import { hasErrors } from "../../src/core/model/diagnostic.js";
import { observe } from "../../src/core/observe/observe.js";
import { canonicalJson } from "../../src/core/plan/canonical-json.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { readSavedPlan, writeSavedPlan } from "../../src/core/plan/saved.js";
import { readSavedWish } from "../../src/core/plan/saved-wish.js";
import { readRunEvent } from "../../src/core/render/read-event.js";
import { parseDiskSpec } from "../../src/core/xl/disk-spec.js";
import { readDomainConfig } from "../../src/core/xl/domain-config.js";
import { editDisks } from "../../src/core/xl/edit.js";
import { parseWhatCanBe, printXlConfig } from "../../src/core/xl/parse.js";
import { redact } from "../../src/core/xl/secrets.js";
import { readStoredConfig, readStoredDomains, redactStoredDomains } from "../../src/core/xl/stored.js";
import { filesOf } from "../load/files.js";
import { aHost, aWish, sha256 } from "../support/a-host.js";
import { lintTargets } from "./lint-targets.js";
import { onText, same, wellFormed } from "./target.js";
import type { Target } from "./target.js";
import { wordTargets } from "./word-targets.js";

/** One target a parser. Paths are from the checkout's root: both the tests and `npm run fuzz` run there. */

const NOWHERE = { source: { file: "x", text: "" }, start: 0, end: 0 };
const LAB = "test/observe/recorded/lab-web1-running.json";

function files(folder: string, ending: RegExp): readonly string[] {
  return readdirSync(folder).filter((name) => ending.test(name)).map((name) => readFileSync(`${folder}/${name}`, "utf8"));
}

let known: Inventory | undefined;
function inventory(): Inventory {
  known ??= loadInventory(["x.ini"], filesOf({ "x.ini": "[a]\ndom0[01:03]\n[b:children]\na\n[c]\nother ansible_host=192.0.2.1\n" })).value;
  if (known === undefined) throw new Error("no inventory");
  return known;
}

const YAML_WORDS = ["- hosts: all\n", "  domains:\n", "    web1:\n", "      disks: { xvda1: { volume: vg0/a } }\n", "move:", "keep_for: 14d", "{{ domain }}", "&a", "*a", "<<:", "!vault |", "__proto__:", "constructor", "? ", "---\n", "|+2\n", ">-\n", "\t", "'", "\"\\x"];
const INI_WORDS = ["[a:children]\n", "[a:vars]\n", "[a]\n", "dom0[01:10:2]", "ansible_host=", "k='a b'", "k=[1, {'a': True}]", "\\\n", "#", ";", "__proto__", "{{ x }}"];
const XL_WORDS = ["name = \"a\"\n", "disk = [ 'phy:/dev/vg/a,xvda,w' ]\n", "disk += [", "'file:/a,xvda1,w'", ",", "[", "]", "\\x41", "\\\"", "\"", "'", "#", "\n", ";", "0x", "vif = [ '' ]", "target="];
const JSON_WORDS = ["{", "}", "[", "]", "null", "true", "1e999", "-0", "\"__proto__\":", "\"constructor\":", ",", ":", "\\u0000", "\"", "\\ud800"];

/** A saved plan as it is written, not indented: mutations are to reach its words. */
function aPlan(): string {
  const state = aHost([{ name: "web1", disks: { xvda1: {} } }]);
  const wish = aWish("web1", ["xvda1"], { strategy: "rsync" });
  const text = writeSavedPlan({
    tool: "t", playbooks: ["a.yml"], batches: [{ hosts: ["dom0a"], maxFailPercent: 0 }],
    hosts: [{ host: "dom0a", connection: { kind: "local", address: "dom0a", sshArguments: [] }, history: [], desired: [wish], domains: planHost(state, [wish], sha256).domains }],
  }, sha256);
  return JSON.stringify(JSON.parse(text));
}

const parsers: readonly Target[] = [
  onText("xl-config", () => files("test/xl/cases", /\.cfg$/), XL_WORDS, (text) => {
    const source = { file: "/etc/xen/a.cfg", text };
    const { config, diagnostics } = parseWhatCanBe(source);
    wellFormed(diagnostics);
    same(printXlConfig(config), text, "what was parsed and printed");
    const read = readDomainConfig(source.file, source, "0", 1, "644");
    wellFormed(read.diagnostics);
    if (read.value === undefined && !hasErrors(read.diagnostics)) throw new Error("refused without a word");
    const none = editDisks(source, []);
    wellFormed(none.diagnostics);
    if (none.value !== undefined) same(none.value.after.text, text, "an edit of nothing");
    const [disk] = read.value?.disks ?? [];
    const edited = disk === undefined ? undefined : editDisks(source, [{ vdev: disk.vdev, device: "/dev/vg0/new" }]);
    wellFormed(edited?.diagnostics ?? []);
    const again = edited?.value === undefined ? undefined : readDomainConfig(source.file, edited.value.after, "0", 1, "644").value;
    if (edited?.value !== undefined && again?.disks.some(({ target }) => target === "/dev/vg0/new") !== true) throw new Error("an edit has no effect");
    redact(text);
  }),
  onText("xl-stored", () => [...files("test/xl/recorded", /\.json$/)], JSON_WORDS, (text) => {
    wellFormed(readStoredDomains(text).diagnostics);
    wellFormed(readStoredConfig(text).diagnostics);
    redactStoredDomains(text);
  }),
  onText("disk-spec", () => ["phy:/dev/vg/a,xvda,w", "file:/a b,hda:cdrom,r", "format=qcow2,vdev=xvda,access=rw,target=/a,b=c", "raw:/a,,xvda,w", "backendtype=qdisk,xvda,target=x"],
    ["phy:", "file:", "tap:aio:", "vdev=", "format=", "target=", "access=", "devtype=cdrom", ",", "!", "w!", "script=", "backend=", "qcow2:", "drbd:"], (text) => {
      parseDiskSpec(text);
    }),
  onText("playbook", () => [...files("test/load/good", /\.yml$/), ...files("test/load/broken", /\.yml$/)], YAML_WORDS, (text) => {
    const result = loadPlaybooks([{ file: "x.yml", text }], inventory());
    wellFormed(result.diagnostics);
    same(result.value === undefined, hasErrors(result.diagnostics), "having a value and having no error");
  }),
  onText("yaml", () => files("test/load/good", /\.yml$/), YAML_WORDS, (text) => {
    wellFormed(readYaml({ file: "x", text }, { duplicateKeys: "error", ansible: false }).diagnostics);
    wellFormed(readAnsibleYaml({ file: "x", text }).diagnostics);
  }),
  ...["x.ini", "x.yml"].map((name) => onText(`inventory-${name.slice(2)}`,
    () => ["[xen]\ndom0[01:03] a=1 b='x y'\n[xen:vars]\nk = [1, {'a': True}]\n[all:children]\nxen\n", "all:\n  hosts:\n    a: { x: 1 }\n  children: { b: { hosts: { 'c[1:2]': } } }\n"],
    name === "x.ini" ? INI_WORDS : YAML_WORDS, (text) => {
      const result = loadInventory([name], filesOf({ [name]: text }));
      wellFormed(result.diagnostics);
      for (const host of [...(result.value?.hosts.values() ?? [])].slice(0, 3)) {
        if (result.value !== undefined) wellFormed(connectionOf(host, result.value, new Map(), {}).diagnostics);
      }
    })),
  onText("host-pattern", () => ["all", "a:!dom01:&b", "dom0[0:1]", "~^d.*", "a,b", "*", "@file"], ["all", ":", "!", "&", "~", "[0:1]", "*", "(", "(a+)+$", ","], (text) => {
    wellFormed(matchHosts(text, inventory()).diagnostics);
  }),
  onText("units", () => ["30s", "1.5h", "14d", "2GiB", "4096B", "10 MB", "500ms"], ["s", "ms", "GiB", "kb", ".", "e", "-", " ", "9".repeat(400)], (text) => {
    for (const value of [parseDuration(text), parseBytes(text)]) {
      if (value !== undefined && !(Number.isFinite(value) && value >= 0)) throw new Error(`${text} is ${String(value)}`);
    }
  }),
  onText("template", () => ["{{ a }}", "x {{ a.b | default: 'x' | upper }} y", "{{ list[0] }}", "{{ a['b'] | replace: 'x', 'y' }}"],
    ["{{", "}}", "{%", "|", "default: ", "a.b", "['", "']", "constructor", "__proto__", "times: 9", "append: a", "range", "(1..9)"], (text) => {
      for (const part of parseTemplate(text).template?.parts ?? []) {
        if (typeof part !== "string") evaluate(part, { a: { b: "c" }, list: [1, 2], n: 7 });
      }
    }),
  onText("words", () => ["a 'b c' \"d\\\" e\" # f", "k=v k2='v w'", "{\"a\": 1}"], ["'", "\"", "\\", "#", "=", " ", "\n", "$("], (text) => {
    shellWords(text, { comments: true });
    wellFormed(readExtraVars([text], NO_FILES).diagnostics);
  }),
  {
    name: "superblock", words: ["\u0053\u00ef", "XFSB", "SWAPSPACE2", "QFI\u00fb", "EFI PART", "conectix"],
    seeds: () => files("test/facts/superblocks", /\.json$/).map((text) => new Uint8Array(gunzipSync(Buffer.from((JSON.parse(text) as { head: string }).head, "base64"))).slice(0, 8192)),
    run: (input) => {
      for (const size of [0, input.length, 2 ** 40]) recognise(input, size, size === 0);
    },
  },
  onText("journal", () => [
    '{"at":1700000000.25,"seq":3,"event":"step","id":"a","kind":"b","phase":"prepare","title":"c"}', '{"at":1,"seq":1,"event":"end","outcome":"done","message":""}',
  ], [...JSON_WORDS, "\"event\":", "\"at\":", "\"seq\":", "end", "begin", "done"], (text) => {
    const event = readRunEvent(text);
    if (event !== undefined) same(JSON.stringify(readRunEvent(JSON.stringify(event))), JSON.stringify(event), "an event read twice");
  }),
  onText("saved-plan", () => [aPlan()], [...JSON_WORDS, "\"node\":\"repeat\"", "\"args\":", "\"steps\":"], (text) => {
    const plain = readSavedPlan({ file: "x.json", text }, "t", () => "");
    wellFormed(plain.diagnostics);
    // as if its digest fitted: behind it the schema has to hold
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) return;
    const digest = "0".repeat(64);
    const fitting = readSavedPlan({ file: "x.json", text: canonicalJson({ ...value, digest }) }, "t", () => digest);
    wellFormed(fitting.diagnostics);
    same(fitting.value === undefined, hasErrors(fitting.diagnostics), "having a value and having no error");
    readSavedWish(text, NOWHERE);
  }),
  onText("frames", () => ["converge-answers-begin\nZnJhbWUgeCA1CngwIDAKZmluaXNoZWQK\nconverge-answers-end\n"], ["converge-answers-begin\n", "\nconverge-answers-end\n", "ZnJhbWUg", "ZmluaXNoZWQK", "\r"], (text) => {
    parseFrames(text);
  }),
  onText("recording", () => [readFileSync(LAB, "utf8").slice(0, 6000), '{"converge":"recording","version":1,"host":"a","results":{"loops":{"exitCode":0,"stdout":["{}"],"stderr":[""]}}}'], JSON_WORDS, (text) => {
    const { value, diagnostics } = readRecording(text, "facts.json");
    wellFormed(diagnostics);
    if (value !== undefined) wellFormed(observe(value).diagnostics);
  }),
];

const recordings = (name: string): readonly string[] => {
  const { results } = JSON.parse(readFileSync(LAB, "utf8")) as { results: Partial<Record<string, { stdout: string[] }>> };
  return [(results[name]?.stdout ?? [""]).join("\n").slice(0, 8192)];
};

const all: readonly Fact<unknown, FactValues>[] = Object.values(facts);

/** A value that came of numbers must not hold what is none: what is reckoned from it would be none either. */
function finite(value: unknown): void {
  JSON.stringify(value ?? null, (_, one: unknown) => {
    if (typeof one === "number" && !Number.isFinite(one)) throw new Error("a number that is none");
    return one;
  });
}

export const targets: readonly Target[] = [
  ...parsers, ...wordTargets(JSON_WORDS), ...lintTargets(YAML_WORDS),
  ...all.map((fact) => onText(`fact-${fact.name}`, () => recordings(fact.name), [...JSON_WORDS, "0", "-1", "999999999999999999999", " ", "\n", "\t", "/dev/", "path:"], (text) => {
    for (const exitCode of [0, 1]) {
      const result = { exitCode, stdout: text, stderr: text };
      const { value, diagnostics } = readFact(fact, result);
      wellFormed(diagnostics);
      finite(value);
      const redacted = fact.redact?.(result);
      if (redacted !== undefined) readFact(fact, redacted);
    }
  })),
];
