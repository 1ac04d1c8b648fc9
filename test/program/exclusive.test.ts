import { appendFileSync, linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Action } from "../../src/core/model/step.js";
import { compileProgram } from "../../src/core/program/compile.js";
import { SHELLS, StubHost, byTurns } from "./host.js";
import { planOf, raw, rawStep } from "./plan.js";

/** What others do to an image or a volume between planning and the switch: each is seen right before it. */

const VOLUME = "vg0/web1-root";
const UNDER = "dev/mapper/converge-web1-xvda1";
const LINK = "run/converge/web1/xvda1/image";
/** Device numbers: of the volume, of converge's own device, of the guest's loop and of the mirror's, of a stranger's. */
const [OF_VOLUME, OF_UNDER, OF_LOOP, OF_LINK, STRANGE] = ["253:2", "253:64", "7:0", "7:1", "253:77"];

interface Case {
  readonly name: string;
  readonly does: (host: StubHost) => void;
  readonly says?: RegExp;
}

const guest = (disk: (host: StubHost) => { readonly params: string; readonly device?: string }) => (host: StubHost): void => {
  const { params, device } = disk(host);
  const folder = join(host.state, "doms/30");
  mkdirSync(join(folder, "vbd/51712"), { recursive: true });
  writeFileSync(join(folder, "name"), "twin");
  writeFileSync(join(folder, "vbd/51712/params"), params);
  writeFileSync(join(folder, "vbd/51712/node"), "/dev/loop9");
  if (device === undefined) return;
  writeFileSync(join(folder, "vbd/51712/physical-device"), device);
  const backend = join(host.root, "sys/bus/xen-backend/devices/vbd-30-51712");
  mkdirSync(backend, { recursive: true });
  writeFileSync(join(backend, "physical_device"), `${device}\n`);
};

/** Guests that have nothing to do with it; of the last one the disk says nothing of itself yet. */
const others = (host: StubHost, number: number): void => {
  for (let domid = 10; domid < 10 + number; domid += 1) {
    const disk = join(host.state, "doms", String(domid), "vbd/51712");
    mkdirSync(disk, { recursive: true });
    if (domid < 9 + number) writeFileSync(join(disk, "params"), `/srv/other-${String(domid)}.img`);
  }
};

const mounted = (number: string, source: string, at: (host: StubHost) => string = () => "/mnt") => (host: StubHost): void => {
  appendFileSync(join(host.root, "proc/self/mountinfo"), `36 35 ${number} / ${at(host)} rw - ext4 ${source.replace("/dev", `${host.root}/dev`)} rw\n`);
};

const held = (number: string, holder: string, by: string) => (host: StubHost): void => {
  const folder = join(host.root, "sys/dev/block", number, "holders", holder);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "dev"), `${by}\n`);
};

const partition = (number: string, name: string, own: string) => (host: StubHost): void => {
  const folder = join(host.root, "sys/dev/block", number, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "partition"), "1\n");
  writeFileSync(join(folder, "dev"), `${own}\n`);
};

const loop = (file: (host: StubHost) => string) => (host: StubHost): void => {
  mkdirSync(join(host.state, "loops/loop9"));
  writeFileSync(join(host.state, "loops/loop9/file"), file(host));
  writeFileSync(join(host.root, "dev/loop9"), "7:9\n");
};

const device = (host: StubHost): string => join(host.root, "dev", VOLUME);

const VOLUMES: readonly Case[] = [
  { name: "nobody has it", does: () => undefined },
  { name: "the mirror has it", does: held(OF_VOLUME, "dm-9", OF_UNDER) },
  { name: "this run has it mounted", does: mounted(OF_VOLUME, "/dev/vg0/web1-root", (host) => `${host.root}/run/converge/web1/xvda1/target`) },
  { name: "another guest has it by another name", does: guest(() => ({ params: "/dev/dm-2", device: "fd:2" })), says: /another guest has .*web1-root: twin/ },
  { name: "another guest's QEMU was told to serve it", does: guest((host) => ({ params: `aio:${device(host)}` })), says: /another guest has .*web1-root: twin/ },
  {
    name: "another guest has it, beside one whose disk says nothing of itself yet",
    does: (host) => { others(host, 2); guest((one) => ({ params: device(one) }))(host); }, says: /another guest has .*web1-root: twin/,
  },
  { name: "xenstore does not answer", does: (host) => { host.tell("xl-broken"); }, says: /xenstore cannot say which disks the guests have/ },
  { name: "it is mounted", does: mounted(OF_VOLUME, "/dev/mapper/vg0-web1--root"), says: /vg0\/web1-root is mounted on \/mnt/ },
  { name: "it is mounted by a file system with a number of its own", does: mounted("0:44", "/dev/vg0/web1-root"), says: /is mounted on \/mnt/ },
  { name: "another run of converge's has it mounted", does: mounted(OF_VOLUME, "/dev/vg0/web1-root", (host) => `${host.root}/run/converge/web11/x`), says: /is mounted on/ },
  { name: "a device lies on it", does: held(OF_VOLUME, "md3", "9:3"), says: /md3 lies on it/ },
  { name: "a device lies on it beside the mirror", does: (host) => { held(OF_VOLUME, "dm-9", OF_UNDER)(host); held(OF_VOLUME, "dm-10", STRANGE)(host); }, says: /dm-10 lies on it/ },
  { name: "a loop device lies on it", does: loop(device), says: /loop9 lies on it/ },
  { name: "Dom0 swaps on it", does: (host) => { writeFileSync(join(host.root, "proc/swaps"), `Filename Type Size Used Priority\n${device(host)} partition 1 0 -2\n`); }, says: /swap space of Dom0/ },
];

const IMAGES: readonly Case[] = [
  { name: "the guest has it", does: () => undefined },
  { name: "the mirror has it by its loop", does: held(OF_LINK, "dm-9", OF_UNDER) },
  { name: "another guest has it under another name", does: guest((host) => { linkSync(host.image, join(host.root, "srv/other.img")); return { params: join(host.root, "srv/other.img") }; }), says: /another guest has .*disk.img: twin/ },
  { name: "somebody has a loop over it", does: loop((host) => host.image), says: /in use by .*loop9/ },
  { name: "the guest's own loop is mounted", does: mounted(OF_LOOP, "/dev/loop0"), says: /is mounted on \/mnt/ },
  { name: "a partition of it is mounted", does: (host) => { partition(OF_LOOP, "loop0p1", "259:4")(host); mounted("259:4", "/dev/loop0p1")(host); }, says: /mounted on \/mnt: a partition/ },
  { name: "LVM found a volume group in a partition of it", does: (host) => { partition(OF_LOOP, "loop0p2", "259:5")(host); held(`${OF_LOOP}/loop0p2`, "dm-12", STRANGE)(host); }, says: /dm-12 lies on it/ },
  { name: "a device lies on the mirror's loop beside the mirror", does: (host) => { held(OF_LINK, "dm-9", OF_UNDER)(host); held(OF_LINK, "dm-13", STRANGE)(host); }, says: /dm-13 lies on it/ },
];

async function guarded(shell: (typeof SHELLS)[number], actions: (host: StubHost) => readonly Action[], does: Case["does"]) {
  const host = new StubHost(shell);
  try {
    writeFileSync(device(host), "fd:2\n");
    writeFileSync(join(host.root, UNDER), "fd:40\n");
    // the loop of the mirror's own, beside that of the guest
    mkdirSync(join(host.state, "loops/loop1"));
    writeFileSync(join(host.state, "loops/loop1/file"), host.image);
    writeFileSync(join(host.root, "dev/loop1"), "7:1\n");
    mkdirSync(join(host.root, "run/converge/web1/xvda1"), { recursive: true });
    await host.command(["ln", "-s", join(host.root, "dev/loop1"), join(host.root, LINK)]);
    does(host);
    host.install(compileProgram(planOf(host.domain, [rawStep("guard", "prepare", { title: "Look", actions: actions(host) })]), { raw }, { config: host.config }));
    host.tell("asks");
    const { code } = await host.run("run");
    return { code, journal: host.journalText(), asked: host.lines(join(host.state, "asks")).filter((line) => line.startsWith("xenstore-")) };
  } finally {
    host.remove();
  }
}

describe.each(SHELLS)("right before the switch, under %s,", (shell) => {
  it.each(VOLUMES)("of a volume it is seen that $name", { tags: "long" }, async ({ does, says }) => {
    const { code, journal } = await guarded(shell, (host) => [{ verb: ["guard_volume", VOLUME, join(host.root, UNDER)], shown: "" }], does);
    expect(journal).toMatch(says ?? /"outcome":"done"/);
    expect(code === 0, journal).toBe(says === undefined);
  });

  it.each(IMAGES)("of an image it is seen that $name", { tags: "long" }, async ({ does, says }) => {
    const { code, journal } = await guarded(
      shell, (host) => [{ verb: ["guard_free", host.image, host.domain, join(host.root, LINK), join(host.root, UNDER)], shown: "" }], does);
    expect(journal).toMatch(says ?? /"outcome":"done"/);
    expect(code === 0, journal).toBe(says === undefined);
  });

  it("xenstore is not asked more often where there are many guests", byTurns(0, shell), async () => {
    const looked = async (number: number): Promise<readonly string[]> => {
      const actions = (host: StubHost): readonly Action[] => [
        { verb: ["guard_free", host.image, host.domain, join(host.root, LINK), join(host.root, UNDER)], shown: "" },
        { verb: ["guard_volume", VOLUME, join(host.root, UNDER)], shown: "" },
      ];
      const { code, journal, asked } = await guarded(shell, actions, (host) => { others(host, number); rmSync(join(host.state, "doms", String(9 + number)), { recursive: true }); });
      expect(code, journal).toBe(0);
      return asked;
    };
    const few = await looked(2);
    expect(few.length).toBeGreaterThan(0);
    expect((await looked(30)).length).toBe(few.length);
  });
  it.each([
    { name: ".converge-web1.former", says: undefined }, { name: ".converge-web11.former", says: /\.converge-web11\.former names/ }, { name: "old.txt", says: /old\.txt names/ },
  ])("whatever names an image in /etc/xen is seen, but what this run has replaced: $name", { tags: "long" }, async ({ name, says }) => {
    const { code, journal } = await guarded(shell, () => [{ verb: ["guard_unnamed", "/srv/gone.img"], shown: "" }], (host) => {
      writeFileSync(join(host.root, "etc/xen", name), "disk = [ 'file:/srv/gone.img,xvda1,w' ]\n");
    });
    expect(journal).toMatch(says ?? /"outcome":"done"/);
    expect(code === 0, journal).toBe(says === undefined);
  });
});
