import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { volumeTags } from "../../src/core/model/names.js";
import { compileProgram } from "../../src/core/program/compile.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { stepOf } from "../../src/core/steps/step-of.js";
import { zeroVolume } from "../../src/core/steps/zero-volume.js";
import type { ZeroVolume } from "../../src/core/steps/zero-volume.js";
import { byTurns, SHELLS, StubHost, until, type Shell } from "./host.js";
import { journal } from "./invariants.js";
import { planOf, raw } from "./plan.js";

const MIB = 1024 ** 2;
const TAGS = volumeTags("web1", "xvda1", "copy");

/** A host with a volume of the copy's own, and a program that zeroes it and does nothing else. */
function zeroing(shell: Shell, args: Partial<ZeroVolume> & Pick<ZeroVolume, "bytes">, tags: readonly string[] = TAGS): StubHost {
  const host = new StubHost(shell);
  writeFileSync(join(host.state, "lv/vg0/web1-root"), `${String(args.bytes)}|${tags.join(",")}|-wi-a-----||\n`);
  const step = stepOf(zeroVolume, "prepare", "xvda1.zero-volume", { volume: "vg0/web1-root", fill: "blocks", priority: {}, ...args }, "");
  host.install(compileProgram(planOf(host.domain, [step]), { ...stepKinds, raw }, { config: host.config }));
  return host;
}

/** What was zeroed, in bytes, stretch by stretch. */
function zeroed(host: StubHost): readonly (readonly [offset: number, length: number])[] {
  return host.calls().flatMap((call) => {
    const found = /^blkdiscard --zeroout --offset (\d+) --length (\d+) \/dev\/vg0\/web1-root $/.exec(call);
    return found === null ? [] : [[Number(found[1]), Number(found[2])] as const];
  });
}

function expectWhole(host: StubHost, from: number, to: number): void {
  let at = from;
  for (const [offset, length] of zeroed(host)) {
    expect(offset).toBe(at);
    at += length;
  }
  expect(at).toBe(to);
}

function tags(host: StubHost): readonly string[] {
  return host.lines(join(host.state, "lv/vg0/web1-root"))[0]?.split("|")[1]?.split(",") ?? [];
}

describe.concurrent("a volume", () => {
  SHELLS.forEach((shell) => {
    it(`is zeroed in stretches, each at most four times as long as the one before, under ${shell}`, byTurns(0, shell), async () => {
      const host = zeroing(shell, { bytes: 1500 * MIB, fill: "files" });
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("done");
      expectWhole(host, 0, 1500 * MIB);
      expect(zeroed(host).slice(0, 2).map(([, length]) => length / MIB)).toEqual([256, 1024]);
      expect(tags(host)).toEqual([...TAGS, "converge.zeroed"]);
      const told = journal(host).flatMap((event) => (event.event === "progress" ? [event] : []));
      expect(told.at(-1)).toMatchObject({ id: "xvda1.zero-volume", bytes: 1500 * MIB, percent: 100 });
      host.remove();
    });

    it(`of which all but the end is copied over is zeroed there alone, under ${shell}`, byTurns(1, shell), async () => {
      const host = zeroing(shell, { bytes: 12 * MIB, copied: 5 * MIB + 512, unzeroed: 11 * MIB }, [...TAGS, "converge.zeroed", `converge.unzeroed=${String(11 * MIB)}`]);
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("done");
      // in whole blocks of 4 KiB, whatever the device's are
      expectWhole(host, 5 * MIB, 12 * MIB);
      expect(tags(host)).toEqual([...TAGS, `converge.unzeroed=${String(5 * MIB + 512)}`]);
      host.remove();
    });
  });

  it("of which all is copied over is marked, and not written to", async () => {
    const host = zeroing("dash", { bytes: 8 * MIB, copied: 8 * MIB });
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    expect(host.calls()).toEqual([`lvchange --deltag converge.zeroed --deltag converge.filled=blocks --addtag converge.unzeroed=${String(8 * MIB)} vg0/web1-root `]);
    host.remove();
  });

  it("is zeroed as gently as the playbook says", () => {
    const [zero] = zeroVolume.actions({
      volume: "vg0/web1-root", bytes: 8 * MIB, fill: "files", priority: { nice: 10, ionice: "idle" },
    });
    expect(zero).toEqual({
      verb: ["zero", "/dev/vg0/web1-root", "0", "8388608", "nice", "-n", "10", "ionice", "-c", "3", "blkdiscard", "--zeroout"],
      shown: "nice -n 10 ionice -c 3 blkdiscard --zeroout --offset 0 --length 8388608 /dev/vg0/web1-root, in stretches of 256 MiB at least",
    });
  });

  it("is left without its mark where the run is stopped while it is zeroed", async () => {
    const host = zeroing("busybox sh", { bytes: 640 * MIB });
    host.tell("blkdiscard-held");
    const running = host.start("run");
    await until(() => zeroed(host).length === 1);
    writeFileSync(join(host.runDirectory, "stop"), "");
    host.untell("blkdiscard-held");
    await running.ended;
    expect(host.ended(), host.journalText()).toBe("stopped");
    expect(host.journalText()).toContain("in the zeroing of xvda1.zero-volume");
    expect(zeroed(host)).toEqual([[0, 256 * MIB]]);
    expect(tags(host), "the next run begins anew").toEqual(TAGS);
    host.remove();
  });

  it("that can not be zeroed fails the run, and has no mark", async () => {
    const host = zeroing("dash", { bytes: 8 * MIB });
    host.tell("fail", "2");
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("failed");
    expect(tags(host)).toEqual(TAGS);
    host.remove();
  });
});
