import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Action } from "../../src/core/model/step.js";
import { SHELLS, byTurns } from "./host.js";
import type { StubHost } from "./host.js";
import { look, looked, seen } from "./look.js";
import type { Case } from "./look.js";
import { sha256 } from "./plan.js";

/** What people do with xl, and what becomes of Dom0's memory, between planning and the switch: each is seen right before it. */

const MIB = 1024 ** 2;

const ROOM = (host: StubHost): Action => look("guard_room", host.domain, join(host.root, "run/converge/web1/memory"), String(147 * MIB), String(128 * MIB));
const available = (kib: number) => (host: StubHost): void => { writeFileSync(join(host.root, "proc/meminfo"), `MemTotal: 16777216 kB\nMemAvailable: ${String(kib)} kB\n`); };

const MEMORY: readonly Case[] = [
  { name: "Dom0 has room for the guest's memory", looks: ROOM },
  { name: "Dom0 has just so much", looks: ROOM, does: available(275 * 1024) },
  { name: "Dom0 has spent its own since", looks: ROOM, does: available(275 * 1024 - 1), says: /the memory of web1 takes 147 MiB, and Dom0 has only 274 MiB available by now, of which it keeps 128 MiB/ },
  { name: "the kernel does not say what Dom0 has", looks: ROOM, does: (host) => { writeFileSync(join(host.root, "proc/meminfo"), "MemTotal: 1 kB\n"); }, says: /does not say how much memory/ },
  { name: "what was set aside is not empty", looks: ROOM, does: (host) => { host.tell("room", "20000 4096"); }, says: /memory has no room for 147 MiB/ },
  { name: "the guest has been given more memory", looks: ROOM, does: (host) => { host.tell("doms/7/mebibytes", "256"); }, says: /web1 has 256 MiB of memory by now/ },
];

const DEVICES = (host: StubHost): Action => look("guard_devices", host.domain, "vbd/51713", "vif/0");
const having = (...devices: readonly string[]) => (host: StubHost): void => { host.tell("doms/7/devices", devices.map((one) => `${one}\n`).join("")); };

const PLUGGED: readonly Case[] = [
  { name: "it has what it had", looks: DEVICES },
  { name: "a disk was plugged in", looks: DEVICES, does: having("vbd/51713", "vbd/51728", "vif/0"), says: /web1 has been given a device since the plan was made, and would lose it: vbd\/51728/ },
  { name: "a card was plugged in", looks: DEVICES, does: having("vif/0", "vif/1", "vbd/51713"), says: /would lose it: vif\/1/ },
  { name: "a card was plugged out", looks: DEVICES, does: having("vbd/51713"), says: /a device of web1 has been taken away since the plan was made: vif\/0/ },
  { name: "what comes by itself has come", looks: DEVICES, does: having("vbd/51713", "vif/0", "vfb/0", "console/1", "vif/0/1") },
  { name: "xenstore does not say", looks: DEVICES, does: having("vkbd/0"), says: /xenstore does not say which devices web1 has/ },
];

const JSON_TEXT = '{\n    "b_info": {\n        "max_memkb": 131072,\n        "kernel": "/boot/vmlinuz"\n    },\n    "disks": [],\n    "nics": [\n        {\n            "mac": "00:16:3e:00:00:01"\n        }\n    ]\n}\n\0';
/** From Xen 4.21 on json-c writes it, and yajl did before. */
const JSON_C_TEXT = '{\n  "b_info":{\n    "max_memkb":131072,\n    "kernel":"\\/boot\\/vmlinuz"\n  },\n  "disks":[],\n  "nics":[\n    {\n      "mac":"00:16:3e:00:00:01"\n    }\n  ]\n}\n\0';
const userdata = (kind: "xl" | "libxl-json", text: string, domid = "7") => (host: StubHost): void => {
  mkdirSync(join(host.root, "var/lib/xen"), { recursive: true });
  writeFileSync(join(host.root, `var/lib/xen/userdata-d.${domid}.uuid-of-it.${kind}`), text);
};
const OWN = "name = web1\nmemory = 128\n";
const own = (host: StubHost): string => {
  const path = join(host.root, "run/converge/web1/next.cfg");
  writeFileSync(path, OWN);
  return path;
};
const STORED = (known: string) => (host: StubHost): Action => look("guard_stored", host.domain, known, own(host));

const CONFIGS: readonly Case[] = [
  { name: "nobody has stored anything", looks: STORED("-") },
  { name: "this run has stored it", looks: STORED("-"), does: userdata("xl", OWN) },
  { name: "it was stored when the plan was made", looks: STORED(sha256("older\n")), does: userdata("xl", "older\n") },
  { name: "somebody has stored another", looks: STORED("-"), does: userdata("xl", "older\n"), says: /somebody has stored another config of web1 meanwhile \(xl config-update\): it is not overwritten/ },
  { name: "somebody has stored another over the known one", looks: STORED(sha256("older\n")), does: userdata("xl", "newer\n"), says: /somebody has stored another config/ },
  { name: "nothing but what is known may be stored", looks: (host) => look("guard_stored", host.domain, "-"), does: (host) => { own(host); userdata("xl", OWN)(host); }, says: /somebody has stored another config/ },
];

const DOWN = (host: StubHost): Action => look("guard_domain", host.domain, "-", "-");
/** It was down, somebody has started it, and xendomains was stopped: it is down again, and the file comes back as a guest. */
const savedMeanwhile = (host: StubHost): void => {
  rmSync(join(host.state, "doms/7"), { recursive: true });
  writeFileSync(join(host.root, "var/lib/xen/save/web1"), "memory");
};

const AWAY: readonly Case[] = [
  { name: "a guest that was down is down still", looks: DOWN, does: (host) => { rmSync(join(host.state, "doms/7"), { recursive: true }); } },
  { name: "xendomains has saved a guest that was down", looks: DOWN, does: savedMeanwhile, says: /xendomains has saved web1 since the plan was made .*var\/lib\/xen\/save\/web1/ },
];

const SAME = (host: StubHost): Action => look("guard_domain", host.domain, "7", "uuid-of-it");

const GUEST: readonly Case[] = [
  { name: "it is the guest that the plan was made for", looks: SAME },
  { name: "another guest has its name and its domain id", looks: SAME, does: (host) => { host.tell("doms/7/vm", "/vm/of-another"); }, says: /the uuid of web1 has changed since the plan was made: was uuid-of-it, is of-another/ },
  { name: "xenstore does not say which guest it is", looks: SAME, does: (host) => { rmSync(join(host.state, "doms/7/vm")); }, says: /the uuid of web1 has changed since the plan was made: was uuid-of-it, is "/ },
];

/** As stat(1) has the file. */
function file(host: StubHost) {
  const { ino, size, dev } = statSync(host.image);
  return { ino, size, major: (dev >> 8) & 0xfff, minor: (dev & 0xff) | ((dev >> 12) & 0xfff00) };
}
const FILE = (host: StubHost): Action => {
  const { ino, size, major, minor } = file(host);
  return look("guard_image", host.image, String(ino), String(size), `${major}:${minor}`);
};
const OTHER_DEVICE = (host: StubHost): Action => {
  const { ino, size, major, minor } = file(host);
  return look("guard_image", host.image, String(ino), String(size), `${major}:${minor + 1}`);
};

const IMAGES: readonly Case[] = [
  { name: "it is the image that the plan was made for", looks: FILE },
  { name: "another file system lies over the image's, and has a file with its number", looks: OTHER_DEVICE, says: /the file system of \S+disk\.img has changed since the plan was made: was \d+:\d+, is \d+:\d+/ },
];

seen([...GUEST, ...AWAY, ...IMAGES, ...MEMORY, ...PLUGGED, ...CONFIGS]);

describe.each(SHELLS)("under %s,", (shell) => {
  /** What is noted, then something that happens, then the look. */
  const since = async (happens: (host: StubHost) => string, text = JSON_TEXT) => looked(shell, (host) => [
    look("note_stored", host.domain), { command: ["sh", "-c", happens(host)] }, STORED("-")(host),
  ], userdata("libxl-json", text));
  const edited = (from: string, to: string) => (host: StubHost): string => `sed -i 's|${from}|${to}|' ${host.root}/var/lib/xen/userdata-d.7.*.libxl-json`;

  it.each<{ name: string; happens: (host: StubHost) => string; says?: RegExp }>([
    { name: "nothing", happens: () => "true" },
    { name: "a disk in a drive is another one", happens: edited('"disks": ..', '"disks": [ { "pdev_path": "/srv/other.iso" } ]') },
    { name: "it has rebooted itself with another kernel", happens: edited("/boot/vmlinuz", "/boot/other"), says: /what libxl has stored of web1 has changed since it was taken over/ },
    { name: "it has rebooted itself, and has another domain id", happens: (host) => `cd ${host.root} && mv var/lib/xen/userdata-d.7.uuid-of-it.libxl-json var/lib/xen/userdata-d.8.uuid-of-it.libxl-json && mv state/doms/7 state/doms/8` },
    { name: "a card was plugged in", happens: edited('"mac": "\\(.*\\)"', '"mac": "\\1", "x": 1'), says: /has changed since it was taken over/ },
    { name: "a disk was plugged in", happens: (host) => `printf '%s\\n' vbd/51713 vbd/51728 vif/0 >${host.state}/doms/7/devices`, says: /web1 has been given a device since it was taken over, and would lose it: vbd\/51728/ },
  ])("of a guest that was taken over it is seen: $name", { tags: "long" }, async ({ happens, says }) => {
    const { code, journal } = await since(happens);
    expect(journal).toMatch(says ?? /"outcome":"done"/);
    expect(code === 0, journal).toBe(says === undefined);
  });

  it("of a guest of a newer Xen, whose libxl writes JSON without blanks, it is seen that it has rebooted itself with another kernel", byTurns(0, shell), async () => {
    const rebooted = await since(edited("vmlinuz", "other"), JSON_C_TEXT);
    expect(rebooted.journal).toMatch(/what libxl has stored of web1 has changed since it was taken over/);
    // who writes it anew without converge's doing, be it QEMU's file edited by the pivot, writes the same in another way
    const rewritten = await since((host) => `printf '%s' '${JSON_TEXT.slice(0, -1)}' >${host.root}/var/lib/xen/userdata-d.7.uuid-of-it.libxl-json`, JSON_C_TEXT);
    expect(rewritten.code, rewritten.journal).toBe(0);
  });

  it("nothing is stored over what somebody else has stored", byTurns(1, shell), async () => {
    const update = (host: StubHost): Action => ({
      verb: ["update_stored", host.domain, join(host.root, "run/converge/web1/stored.cfg"), own(host), "-"],
      command: ["xl", "config-update", host.domain, own(host)],
    });
    const over = await looked(shell, (host) => [update(host)], userdata("xl", "of somebody else\n"));
    expect(over.code).not.toBe(0);
    expect(over.journal).toContain("somebody has stored another config of web1");
    expect(over.calls.filter((call) => call.includes("config-update"))).toEqual([]);
    const fresh = await looked(shell, (host) => [update(host)], (host) => { rmSync(join(host.root, "var/lib/xen/userdata-d.7.uuid-of-it.xl"), { force: true }); });
    expect(fresh.code, fresh.journal).toBe(0);
    expect(fresh.calls.filter((call) => call.includes("config-update"))).toHaveLength(1);
  });
});
