import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stepsOf } from "../../src/core/model/plan.js";
import type { PlanNode } from "../../src/core/model/plan.js";
import type { Action, Step } from "../../src/core/model/step.js";
import { compileProgram } from "../../src/core/program/compile.js";
import type { StepKinds } from "../../src/core/program/compile.js";
import { kindOf } from "../../src/core/steps/kind-of.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";
import { StubHost } from "./host.js";
import { mirrorNodes, mirrorProgram } from "./mirror.js";
import type { How, Mirror } from "./mirror.js";
import { planOf, raw } from "./plan.js";

/** The preview is what runs: whatever a verb does by itself is named by the step that does it, in the command or in words. */

const WAYS: readonly (readonly [How, Mirror])[] = [
  ["suspend", "dm"], ["restart", "dm"], ["migrate", "dm"], ["suspend", "md"], ["restart", "md"], ["suspend", "md-preseed"], ["suspend", "drbd"],
];
/** As a word of its own: `dd` is in `--add`, and `mount` in `umount`. */
const names = (text: string, word: string): boolean => text.split(/[^\w=-]+/).includes(word);

/** What of a call says what it does to the host: `drbdsetup disk-options`, `mdadm --re-add`, `dd`. */
function deedOf(call: string): readonly string[] {
  const [tool = "", first = "", ...more] = call.trim().split(" ");
  const words = [first, ...more];
  const among = (deeds: RegExp): string => words.find((word) => deeds.test(word)) ?? `${tool} without a deed`;
  switch (tool) {
    case "dd": case "mount": case "umount": case "lvcreate": return [tool];
    // there is a second resource, of which the words speak along with the first
    case "drbdsetup": return first === "resource-options" ? [first, among(/^--on-no-data/)] : [first];
    case "drbdmeta": return [tool, words.at(-1) ?? ""];
    case "mdadm": return [tool, among(/^--(build|grow|add|re-add|fail|remove|stop)$/)];
    // in words: `write and enable`
    case "systemctl": return [among(/^(en|dis)able$|^set-property$/)];
    default: return [tool, first];
  }
}

/** The program, which notes before each verb whose it is: step or undo, and of which number. */
function telling(program: string): string {
  const calls = '  SAYS=\n  "verb_$verb" "$@"\n';
  if (!program.includes(calls)) throw new Error("the runtime calls its verbs otherwise");
  return program.replace(calls, `  printf '= %s %s\\n' "$MODE" "$STEP" >>"$STUB_STATE/calls"\n${calls}`);
}

/** What of the calls is not said by the very step, or undo, that makes them. */
function untold(host: StubHost, nodes: readonly PlanNode[]): readonly string[] {
  const steps = stepsOf(nodes);
  const missing = new Set<string>();
  let teller = "nobody";
  let shown: readonly string[] = [];
  for (const call of host.calls()) {
    const [, mode = "", number = ""] = /^= (\S+) (\d+)$/.exec(call) ?? [];
    if (mode === "") {
      if (!shown.some((text) => deedOf(call).every((word) => names(text, word)))) missing.add(`${teller}: ${deedOf(call).join(" ")}`);
      continue;
    }
    const step = steps[Number(number) - 1];
    if (step === undefined) throw new Error(`no step ${number}`);
    teller = `${mode} ${step.id}`;
    shown = actionsOf(step, mode).flatMap((action) => ("command" in action ? [action.command.join(" "), action.also ?? ""] : [action.shown]));
  }
  return [...missing];
}

function actionsOf(step: Step, mode: string): readonly Action[] {
  // a raw step stands for what other tests are about
  if (step.kind === "raw") return (step.args as { actions: readonly Action[] }).actions;
  return mode === "undo" ? kindOf(step).undo?.(step.args)?.actions ?? [] : describeStep(step).actions;
}

const LAID = { dm: "create-mapping", md: "create-array", "md-preseed": "track-array", drbd: "create-resource" } as const satisfies Record<Mirror, string>;

/** What an earlier run has left idle over the image, as that was before it was grown. */
async function leaveIdle(host: StubHost, by: Mirror): Promise<void> {
  host.install(mirrorProgram(host, "suspend", by, ["create", "attach", LAID[by]]));
  await host.run("run");
  expect(host.ended(), host.journalText()).toBe("done");
  writeFileSync(host.image, "an image that has been grown".padEnd(4096));
  host.forgetCalls();
}

// in `npm test` those whose verbs do most by themselves
for (const [how, by] of WAYS) for (const idle of [false, true]) {
  const what = idle ? ", over what an earlier run left," : "";
  test(`all that a move by ${how} and ${by}${what} calls is named by the step that calls it`, { tags: by === "drbd" || (by === "md-preseed" && idle) ? [] : ["long"] }, async () => {
    const host = new StubHost("dash");
    try {
      if (idle) await leaveIdle(host, by);
      const nodes = mirrorNodes(host, how, by);
      const shown = stepsOf(nodes).map((step) => actionsOf(step, "act").map((action) => ("shown" in action ? action.shown : action.also ?? "")).join("\n"));
      const about = (word: string): readonly string[] => stepsOf(nodes).filter((_, at) => shown[at]?.includes(word)).map(({ id }) => id);
      host.install(telling(mirrorProgram(host, how, by)), idle ? "2" : undefined);
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("done");
      expect(host.calls().length).toBeGreaterThan(10);
      expect(untold(host, nodes)).toEqual([]);
      // files are no calls: the kernel's knobs, and what md keeps in the books
      const speeds = readdirSync(join(host.root, "sys/block")).map((disk) => join(host.root, "sys/block", disk, "md/sync_speed_max")).filter(existsSync);
      if (speeds.some((file) => readFileSync(file, "utf8") === "system\n")) expect(shown.join("\n")).toContain("echo system > sync_speed_max");
      else expect(by).not.toBe("md-preseed");
      if (by === "md-preseed") {
        expect(about("rm -f ").filter((id) => !id.startsWith("remove-"))).toEqual(["track-array", "cut"]);
        expect(about(".copied")).toEqual(["track-array", "preseed"]);
        expect(readdirSync(host.book).filter((name) => /[.](bitmap|copied)$/.test(name))).toEqual([]);
      }
      // what stays at work behind the run's end
      if (existsSync(join(host.state, "watchmen"))) expect(shown.join("\n")).toContain("converge-late-device");
      else expect(by, "the kernel lets go of it by itself").toBe("dm");
    } finally {
      host.remove();
    }
  });
}

test("that a guest which ignores its request is destroyed is named by the step that asks it, with the command", async () => {
  const host = new StubHost("dash");
  try {
    const nodes = mirrorNodes(host, "restart", "dm").map((node): PlanNode => (
      node.node === "step" && node.kind === "shut-down" ? { ...node, args: { ...(node.args as object), destroy: true } } : node));
    const kinds = { ...stepKinds, raw } as unknown as StepKinds;
    host.install(telling(compileProgram(planOf(host.domain, nodes), kinds, { config: host.config })));
    host.tell("stubborn");
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    expect(host.calls()).toContain("xl destroy -- 7 ");
    expect(untold(host, nodes)).toEqual([]);
  } finally {
    host.remove();
  }
});
