import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { StubHost, shellsOf, until, type Shell } from "./host.js";
import { journal } from "./invariants.js";
import { mirrorProgram } from "./mirror.js";

/** The steps of a run that finds the guest on its array already. */
const GOES_ON = [
  "create", "attach", "track-array", "install-boot-unit", "preseed", "re-add-array", "sync", "write-next", "write-stored", "complete", "edit",
  "update-stored", "cut", "detach", "retire",
];

function installed(shell: Shell): StubHost {
  const host = new StubHost(shell);
  host.install(mirrorProgram(host, "suspend", "md-preseed"));
  return host;
}

/** Where each stretch of the copy began, in MiB, as they were run. */
function stretches(host: StubHost): readonly string[] {
  return host.lines(join(host.state, "copied")).flatMap((line) => /conv=notrunc,fsync status=none skip=(\d+) seek=\1 count=/.exec(line)?.[1] ?? []);
}

function expectOnImage(host: StubHost, before: string): void {
  expect(host.ended(), host.journalText()).toBe("failed");
  expect(readFileSync(host.config, "utf8")).toBe(before);
  expect(host.guests().map(({ state }) => state)).toEqual(["-b----"]);
  expect(existsSync(join(host.state, "violations"))).toBe(false);
}

describe.concurrent("the trial of md's bitmap", { tags: "long" }, () => {
  it.each([
    { means: "everything", says: "a trial found a chunk copied that nobody had written to" },
    { means: "nothing", says: "in a trial a stale block survived" },
  ] as const)("ends the run before the guest is touched where md copies $means", async ({ means, says }) => {
    const host = installed(means === "nothing" ? "busybox sh" : "dash");
    const before = readFileSync(host.config, "utf8");
    host.tell("bitmap-means", means);
    await host.run("run");
    expect(host.journalText()).toContain(says);
    expectOnImage(host, before);
    expect(host.guests()[0]?.disk, "it was never taken anywhere").toBe("/srv/disk.img");
    expect(host.leftovers()).toEqual([]);
    expect(readdirSync(join(host.root, "dev/md"))).toEqual([]);
    expect(readdirSync(host.runDirectory)).not.toContain("trial");
    host.remove();
  });

  it.each(shellsOf(0))("passes where md goes by it, and leaves nothing, under %s", async (shell) => {
    const host = installed(shell);
    host.install = () => undefined;
    writeFileSync(host.program, mirrorProgram(host, "suspend", "md-preseed", ["try-bitmap"]));
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    expect(host.calls().filter((call) => call.startsWith("dd ")), "what is written gets there by way of the array").toHaveLength(4);
    expect(host.leftovers()).toEqual([]);
    expect(readdirSync(host.runDirectory)).not.toContain("trial");
    host.remove();
  });
});

describe.concurrent("a copy beforehand", { tags: "long" }, () => {
  /** A run that is killed when the first stretch of its copy is written down and the second one is done, and recovered. */
  async function killedInTheMiddle(shell: Shell, identified: boolean): Promise<StubHost> {
    const whole = installed("dash");
    await whole.run("run");
    const second = whole.calls().findIndex((call) => / seek=1 count=/.test(call)) + 1;
    expect(second).toBeGreaterThan(10);
    const number = `253:${readFileSync(join(whole.root, "dev/vg0/web1-root"), "utf8").trim().replace("fd:", "")}`;
    whole.remove();
    const host = installed(shell);
    if (identified) {
      mkdirSync(join(host.root, "sys/dev/block", number, "dm"), { recursive: true });
      writeFileSync(join(host.root, "sys/dev/block", number, "dm/uuid"), "LVM-abc\n");
    }
    host.tell("kill-after", String(second));
    await host.run("run");
    expect(host.ended()).toBeUndefined();
    await host.run("recover");
    expect(host.guests()[0]?.disk, host.journalText()).toBe("/dev/md/converge-web1-xvda1");
    return host;
  }

  async function again(host: StubHost): Promise<readonly string[]> {
    rmSync(join(host.state, "copied"));
    rmSync(host.runDirectory, { recursive: true });
    rmSync(join(host.book, "current"));
    host.install(mirrorProgram(host, "suspend", "md-preseed", GOES_ON));
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    expect(existsSync(join(host.state, "violations"))).toBe(false);
    expect(readdirSync(host.book).filter((file) => /\.(bitmap|copied)$/.test(file)), "neither bitmap nor record stays").toEqual([]);
    return stretches(host);
  }

  it.each(shellsOf(1))("that was killed is gone on with where it was, under %s", async (shell) => {
    const host = await killedInTheMiddle(shell, true);
    expect(readdirSync(host.book).filter((file) => /\.(bitmap|copied)$/.test(file)).sort()).toEqual(["converge-web1-xvda1.bitmap", "converge-web1-xvda1.copied"]);
    expect((await again(host))[0]).toBe("1");
    expect(host.journalText()).toContain("the copy goes on behind 1 MiB");
    host.remove();
  });

  it.each([
    {
      what: "where the guest has been started anew since, maybe around the array",
      change: (host: StubHost) => {
        const [domid = ""] = readdirSync(join(host.state, "doms"));
        renameSync(join(host.state, "doms", domid), join(host.state, "doms/40"));
      },
    },
    {
      what: "where the volume is another one of the same name",
      change: (host: StubHost) => {
        const [number = ""] = readdirSync(join(host.root, "sys/dev/block"));
        writeFileSync(join(host.root, "sys/dev/block", number, "dm/uuid"), "LVM-other\n");
      },
    },
    {
      what: "where nobody can tell whether it is the same volume",
      change: (host: StubHost) => { rmSync(join(host.root, "sys/dev"), { recursive: true }); },
    },
    {
      what: "where the bitmap is another one",
      change: (host: StubHost) => {
        const bitmap = join(host.book, "converge-web1-xvda1.bitmap");
        const text = readFileSync(bitmap, "utf8");
        // another inode of the same name
        writeFileSync(`${bitmap}.new`, text);
        renameSync(`${bitmap}.new`, bitmap);
      },
    },
  ])("is begun anew $what", async ({ change }) => {
    const host = await killedInTheMiddle("dash", true);
    change(host);
    expect((await again(host))[0]).toBe("0");
    host.remove();
  });

  it("tells what was written meanwhile, which alone is mirrored", async () => {
    const host = installed("bash");
    host.tell("dd-held");
    const running = host.start("run");
    const held = (): string | undefined => host.calls().find((call) => / seek=0 count=/.test(call));
    await until(() => held() !== undefined);
    const [md = ""] = readdirSync(join(host.root, "sys/block")).filter((name) => name.startsWith("md"));
    writeFileSync(join(host.root, "sys/block", md, "md/dirty"), "3\n17\n3\n");
    host.untell("dd-held");
    await running.ended;
    expect(host.ended(), host.journalText()).toBe("done");
    expect(journal(host).flatMap((event) => (event.event === "delta" ? [[event.bytes, event.of]] : []))).toEqual([[131072, 4194304]]);
    expect(held(), "as gently as the playbook says").toMatch(/^dd if=.*\/image of=.*\/web1-root bs=1M iflag=direct oflag=direct conv=notrunc,fsync status=none skip=0 seek=0 count=1/);
    host.remove();
  });

  it.each([
    {
      what: "where the array loses its bitmap, since nobody knows then what was written",
      meddle: (host: StubHost) => {
        const [md = ""] = readdirSync(join(host.root, "sys/block")).filter((name) => name.startsWith("md"));
        writeFileSync(join(host.root, "sys/block", md, "md/bitmap/location"), "none\n");
      },
      says: /has no bitmap any more/,
    },
    {
      what: "where somebody attaches the image around it",
      meddle: (host: StubHost) => {
        mkdirSync(join(host.state, "loops/loop9"));
        writeFileSync(join(host.state, "loops/loop9/file"), host.image);
        writeFileSync(join(host.root, "dev/loop9"), "7:9\n");
      },
      says: /the mirror is void: .*disk.img is in use by .*loop9/,
    },
  ])("ends $what", async ({ meddle, says }) => {
    const host = installed("dash");
    const before = readFileSync(host.config, "utf8");
    host.tell("dd-held");
    const running = host.start("run");
    await until(() => host.calls().some((call) => / seek=0 count=/.test(call)));
    meddle(host);
    host.untell("dd-held");
    await running.ended;
    expect(host.journalText()).toMatch(says);
    expect(host.calls().some((call) => call.includes("converge-web1-xvda1 --re-add"))).toBe(false);
    expectOnImage(host, before);
    host.remove();
  });

  it("is stopped on request, between two stretches", async () => {
    const host = installed("busybox sh");
    host.tell("dd-held");
    const running = host.start("run");
    await until(() => host.calls().some((call) => / seek=0 count=/.test(call)));
    writeFileSync(join(host.runDirectory, "stop"), "");
    host.untell("dd-held");
    await running.ended;
    expect(host.ended(), host.journalText()).toBe("stopped");
    expect(stretches(host)).toEqual(["0"]);
    host.remove();
  });

  it("that can not be written to the volume fails the run, and the guest runs on", async () => {
    const host = installed("dash");
    const before = readFileSync(host.config, "utf8");
    host.tell("dd-rc", "1");
    // the trial's own writes go elsewhere
    await host.run("run");
    expect(host.journalText()).toContain("the copy could not go on behind 0 MiB: nice ended with 1");
    expectOnImage(host, before);
    host.remove();
  });
});
