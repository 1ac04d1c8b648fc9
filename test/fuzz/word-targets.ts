import { readFileSync } from "node:fs";
import { loadInventory } from "../../src/core/inventory/load-inventory.js";
import { isVaulted, leaveSealed, openFile, parseEnvelope } from "../../src/core/inventory/vault.js";
import { parseWindow, windowProblem } from "../../src/core/load/window.js";
import { hasErrors } from "../../src/core/model/diagnostic.js";
import { parseSubmitAnswer } from "../../src/core/program/submit.js";
import { unlockWith } from "../../src/edge/vault/unlock.js";
import { filesOf } from "../load/files.js";
import { VAULT_PASSWORD, vaultOf } from "../support/vault.js";
import { onText, same, wellFormed } from "./target.js";
import type { Target } from "./target.js";

/** What programs and hosts answer in a few words, envelopes, and times of day. */

const DAY = 24 * 60;
/** Every number in it is one: `1e999` is none. */
function finite(value: unknown): void {
  JSON.stringify(value, (_, one: unknown) => {
    if (typeof one === "number" && !Number.isFinite(one)) throw new Error("a number that is none");
    return one;
  });
}

export function wordTargets(jsonWords: readonly string[]): readonly Target[] {
  return [
    onText("inventory-program", () => [
      '{"web": {"hosts": ["web1", "web2"], "vars": {"port": 80}, "children": ["db"]}, "_meta": {"hostvars": {"web1": {"ansible_host": "192.0.2.1"}}}}',
      '{"web": ["web1"], "all": {"children": ["web", "ungrouped"]}}', '{"all": {"hosts": {}}, "_meta": {}}', "{}",
    ], [...jsonWords, '"_meta":', '"hostvars":', '"hosts":', '"children":', '"vars":', '"all"', '"ungrouped"', "{{ a }}", "&a ", "*a", "<<: ", "# "], (text) => {
      const files = { ...filesOf({ program: "" }), run: (_path: string, words: readonly string[]) => (
        // what is printed for a host is as odd as the rest
        { stdout: words[0] === "--list" ? text : text.slice(text.length / 2), stderr: text.slice(0, 200), exit: 0 }) };
      const result = loadInventory(["program"], files);
      wellFormed(result.diagnostics);
      same(result.value === undefined, hasErrors(result.diagnostics), "having a value and having no error");
    }),
    onText("vault", () => [
      vaultOf(Buffer.concat([Buffer.from("a: secret\n"), Buffer.alloc(6, 6)])), vaultOf(Buffer.from("no padding 12345")), vaultOf(Buffer.from([0xff, 1])), vaultOf(Buffer.alloc(0)),
      readFileSync("test/inventory/broken/vaulted.yml", "utf8"),
    ], ["$ANSIBLE_VAULT;1.1;AES256\n", "$ANSIBLE_VAULT;1.2;AES256;id\n", ";1.0;", "AES", "0a", "3", "\r\n", "\n", "  "], (text) => {
      const parts = parseEnvelope(text);
      const opened = unlockWith([Buffer.from(VAULT_PASSWORD)])(text);
      if ("problem" in parts) same(JSON.stringify(opened), JSON.stringify(parts), "what is said of a damaged one");
      if ("problem" in opened && opened.problem === "") throw new Error("a problem without words");
      same("sealed" in leaveSealed(text), !("problem" in parts), "what is left shut, and what could be opened");
      const file = openFile({ file: "x.yml", text }, undefined);
      if ("code" in file) wellFormed([file]);
      same("code" in file, isVaulted(text), "a vault without a password, and a complaint");
    }),
    onText("submit-answer", () => [
      "started /var/lib/converge/domains/web1/runs/1\n", "note 1 was interrupted\nattach /var/lib/converge/domains/web1/runs/1\n",
      'held {"owner":"alice","since":1700000000,"digest":"sha256:d1","run":"1"}\n', "refused cannot make /var/lib/converge\n", "sh: 1: not found\n",
    ], [...jsonWords, "started ", "attach /", "held {", "refused ", "note ", '"since":', '"owner":', "\n"], (text) => {
      for (const exit of [0, 1, 75]) {
        const answer = parseSubmitAnswer(text, exit, text);
        finite(answer);
        if (answer.answer === "held") new Date(answer.by.since * 1000).getTime();
        if ((answer.answer === "started" || answer.answer === "attach") && !(exit === 0 && answer.directory.startsWith("/"))) throw new Error("nothing was started there");
      }
    }),
    onText("window", () => ["02:00-05:00", "Sat,Sun 01:00-05:00", "Mon-Fri 22:30-04:00", "fri - mon 0:00-24:00", "2-5", "Sunday 1:00-2:00", "10pm to 4am"],
      ["Mon", "Sun", "sat,", "-", " - ", ",", ":", "24:00", "00:00", "0", "9", "am", " ", "\t"], (text) => {
        const window = parseWindow(text);
        if (window === undefined) {
          const { problem, fix } = windowProblem(text);
          if (problem === "" || fix === "") throw new Error("refused without a word");
          return;
        }
        if (window.spans.length === 0 || window.spans.length > 7) throw new Error(`${String(window.spans.length)} spans`);
        for (const { start, minutes } of window.spans) {
          if (!Number.isInteger(start) || start < 0 || start >= 7 * DAY || !Number.isInteger(minutes) || minutes < 1 || minutes > DAY) {
            throw new Error(`from ${String(start)} for ${String(minutes)} minutes`);
          }
        }
        same(JSON.stringify(parseWindow(window.text)), JSON.stringify(window), "a window as it is written");
      }),
  ];
}
