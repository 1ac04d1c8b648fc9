import { describe, expect, test } from "vitest";
import type { Command } from "../../src/core/model/command.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { Action } from "../../src/core/model/step.js";
import { kindOf } from "../../src/core/steps/kind-of.js";
import { aHost, aWish, ext4, MIB, swap } from "../support/a-host.js";
import { plansOf } from "./walk.js";
import { WAYS } from "./ways.js";
import type { Way } from "./ways.js";

/** A guest may be called `-a`, and `xl shutdown -a` shuts all guests down: no word that a host or playbook gives is an option. */

interface Acted {
  readonly kind: string;
  readonly action: Action;
}

function actedFor(way: Way, name: string): readonly Acted[] {
  const content = (vdev: string) => (way.contents.includes("ext4") ? ext4(`root-${vdev}`, 32 * MIB) : { type: "unknown" } as const);
  const disks = {
    xvda1: { bytes: 32 * MIB, content: content("a"), ...way.disk },
    xvda2: { bytes: 32 * MIB, content: way.contents.includes("swap") ? swap("swap-b", 32 * MIB) : content("b"), ...way.disk },
  };
  const state = aHost([{ name, running: way.running ?? true, disks, ...(way.qdisk === true ? { qdisk: true } : {}) }]);
  const wish = aWish(name, ["xvda1", "xvda2"], { ...way.options, source: "retire" });
  // LVM takes no name that begins with a dash, and loading says so
  const moved = wish.disks.map((disk) => ({ ...disk, volume: `vg0/${disk.vdev}` }));
  const scene = { state: way.host?.(state) ?? state, wishes: [{ ...wish, disks: moved }] };
  return plansOf(scene).flatMap(({ nodes }) => stepsOf(nodes)).flatMap((step) => {
    const kind = kindOf(step);
    const undone = kind.undo?.(step.args)?.actions ?? [];
    return [...kind.actions(step.args), ...undone].map((action) => ({ kind: step.kind, action }));
  });
}

function commandOf({ action }: Acted): Command | undefined {
  return "command" in action ? action.command : undefined;
}

/** `--bitmap=FILE`: whatever FILE is, the word begins with what converge wrote. */
function begunBy(ours: string | undefined, word: string): boolean {
  const begin = /^--[a-z-]+=/.exec(word)?.[0];
  return begin !== undefined && ours?.startsWith(begin) === true;
}

/** `xl config-update` takes its first word for the guest, whatever it is (main_config_update in tools/xl/xl_misc.c). */
function takesNoOptions(command: Command, at: number): boolean {
  return command[0] === "xl" && command[1] === "config-update" && at === 2;
}

const kinds = new Set<string>();

describe.each(WAYS)("$name", (way) => {
  test.each(["-a", "--all", "-"])("a guest called %s is no option of any command", (name) => {
    const plain = actedFor(way, "web1");
    const acted = actedFor(way, name);
    expect(acted.map(({ kind }) => kind)).toEqual(plain.map(({ kind }) => kind));
    const options = acted.flatMap((one, index) => {
      const command = commandOf(one);
      const same = plain[index] === undefined ? undefined : commandOf(plain[index]);
      if (command?.includes(name) === true && command[0] === "xl") kinds.add(one.kind);
      const end = command?.indexOf("--") ?? -1;
      return (command ?? []).filter((word, at) =>
        word !== same?.[at] && !begunBy(same?.[at], word) && word.startsWith("-") && (end === -1 || at < end) && command !== undefined && !takesNoOptions(command, at));
    });
    expect(options).toEqual([]);
    for (const { action } of acted) {
      if ("shown" in action) expect(action.shown).not.toMatch(/\bxl (?:shutdown|destroy|pause|unpause|save|migrate|rename) (?!-- )/);
    }
  });
});

test("all kinds of steps that have a guest's name in a command of xl's were among them", () => {
  expect([...kinds].sort()).toEqual([
    "create-paused", "hold-disks", "migrate-guest", "restore-paused", "resume-guest", "save-guest", "shut-down", "unpause", "update-stored",
  ]);
});
