import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stepsOf } from "../../src/core/model/plan.js";
import { describeStep } from "../../src/edge/cli/describe-step.js";
import { StubHost } from "./host.js";
import { mirrorNodes, mirrorProgram } from "./mirror.js";
import type { How, Mirror } from "./mirror.js";

/** The preview is what runs: whatever a verb does by itself is named by the step that it is for, in the command or in words. */

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

// in `npm test` those whose verbs do most by themselves
for (const [how, by] of WAYS) test(`all that a move by ${how} and ${by} calls is named in its preview`, { tags: by === "drbd" || by === "md-preseed" ? [] : ["long"] }, async () => {
  const host = new StubHost("dash");
  try {
    const nodes = mirrorNodes(host, how, by);
    // a raw step stands for what other tests are about
    const actions = stepsOf(nodes).flatMap((step) => (step.kind === "raw" ? (step.args as { actions: ReturnType<typeof describeStep>["actions"] }).actions : describeStep(step).actions));
    const shown = actions.map((action) => ("command" in action ? action.command.join(" ") : action.shown));
    host.install(mirrorProgram(host, how, by));
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    expect(host.calls().length).toBeGreaterThan(10);
    const untold = host.calls().filter((call) => !shown.some((text) => deedOf(call).every((word) => names(text, word))));
    expect([...new Set(untold.map((call) => deedOf(call).join(" ")))]).toEqual([]);
    // the kernel's knobs are files, and no call
    const speeds = readdirSync(join(host.root, "sys/block")).map((disk) => join(host.root, "sys/block", disk, "md/sync_speed_max")).filter(existsSync);
    if (speeds.some((file) => readFileSync(file, "utf8") === "system\n")) expect(shown.join("\n")).toContain("echo system > sync_speed_max");
    else expect(by).not.toBe("md-preseed");
    // what stays at work behind the run's end
    if (existsSync(join(host.state, "watchmen"))) expect(shown.join("\n")).toContain("converge-late-device");
    else expect(by, "the kernel lets go of it by itself").toBe("dm");
  } finally {
    host.remove();
  }
});
