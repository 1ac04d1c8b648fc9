import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AttachedDisk, DomainConfig, RunningDomain } from "../../src/core/model/domain.js";
import type { HostState } from "../../src/core/model/host-state.js";
import type { Binding } from "../../src/core/model/plan.js";
import { bindingsOf } from "../../src/core/plan/bindings.js";
import { sourceTags, volumeTags } from "../../src/core/model/names.js";
import type { Content, Image, Volume, VolumeName } from "../../src/core/model/storage.js";
import { aHost, aVolume, GIB, MIB } from "../support/a-host.js";
import { FakeHost } from "./fake-host.js";
import { cli } from "./in-process.js";
import { tempFiles } from "./lab-files.js";

/** What a saved plan is bound to: when it is no longer so, the plan is refused, and what has changed is named. */

const files = tempFiles({
  "inventory.yml": "all: { hosts: { dom0a: } }\n",
  "web.yml": "- hosts: all\n  domains: { web1: { disks: { xvda1: { volume: vg0/web1 } } } }\n",
});
const WEB = ["-i", files["inventory.yml"], files["web.yml"]];
const plan = join(files.dir, "plan.json");

const IMAGE = "/srv/xen/web1/xvda1.img";

const guest = (change: Partial<RunningDomain>) => (state: HostState): HostState => {
  const { web1 } = state.domains;
  if (web1?.running === undefined) throw new Error("web1 does not run");
  return { ...state, domains: { web1: { ...web1, running: { ...web1.running, ...change } } } };
};
const attached = (change: Partial<AttachedDisk>) => (state: HostState): HostState =>
  guest({ attached: (state.domains["web1"]?.running?.attached ?? []).map((disk) => ({ ...disk, ...change })) })(state);
const plain = aHost([{ name: "web1", disks: { xvda1: {} } }]);
/** The guest has its image by way of this loop. */
const looped = (number: number) => (state: HostState): HostState => attached({ devno: `7:${number}` })({
  ...state,
  loops: [{ device: `/dev/loop${number}`, number: `7:${number}`, backing: IMAGE, inode: 101, devno: "253:0", deleted: false, offset: 0, readOnly: false }],
});
const served = looped(2)(plain);
const copy: Partial<Volume> = { bytes: 64 * MIB, devno: "253:1", tags: [...volumeTags("web1", "xvda1", "copy"), ...sourceTags(IMAGE)] };

/** What plans are made from. */
const HOSTS = {
  running: served,
  "running, with a disk of QEMU's": aHost([{ name: "web1", qdisk: true, disks: { xvda1: {} } }]),
  down: aHost([{ name: "web1", running: false, disks: { xvda1: {} } }]),
  "running, with a begun copy": { ...served, volumes: { ...served.volumes, "vg0/web1": aVolume("vg0/web1", 64 * MIB, copy) } },
} satisfies Readonly<Record<string, HostState>>;

const config = (change: Partial<DomainConfig>) => (state: HostState): HostState => {
  const { web1 } = state.domains;
  if (web1?.config === undefined) throw new Error("web1 has no config");
  return { ...state, domains: { web1: { ...web1, config: { ...web1.config, ...change } } } };
};
const image = (change: Partial<Image>) => (state: HostState): HostState => {
  const found = state.images[IMAGE];
  if (found === undefined) throw new Error("there is no image");
  return { ...state, images: { ...state.images, [IMAGE]: { ...found, ...change } } };
};
const content = (change: Partial<Content>) => (state: HostState): HostState =>
  image({ content: { ...state.images[IMAGE]?.content, ...change } as Content })(state);
const volume = (name: VolumeName, change: Partial<Volume>) => (state: HostState): HostState =>
  ({ ...state, volumes: { ...state.volumes, [name]: { ...aVolume(name, GIB), ...state.volumes[name], ...change } } });

interface Since {
  readonly host: keyof typeof HOSTS;
  readonly what: string;
  readonly key: string;
  readonly changes: (state: HostState) => HostState;
  readonly was: string;
  readonly is: string;
  /** What is told where it is no longer fit to be planned at all: that comes first. */
  readonly instead?: RegExp;
}

const OPEN = { node: "xvda1-raw", path: IMAGE, driver: "raw", bytes: 64 * MIB };
const RUNNING: Since["host"] = "running";
const QEMU: Since["host"] = "running, with a disk of QEMU's";
const BEGUN: Since["host"] = "running, with a begun copy";
const CONFIG = "config /etc/xen/web1.cfg";
const [GUEST, ATTACHED] = ["guest web1", "attached web1/xvda1"];
const [FILE, FILESYSTEM] = [`image ${IMAGE}`, `file system in ${IMAGE}`];

const VIEWS = /what is known of web1's disks does not agree .* \/srv\/other.img/;

const SINCE: readonly Since[] = [
  { host: RUNNING, what: "boot of dom0a", key: "id", changes: (state) => ({ ...state, host: { ...state.host, bootId: "boot-2" } }), was: "boot-1", is: "boot-2" },
  { host: RUNNING, what: CONFIG, key: "sha256", changes: config({ sha256: "c0ffee" }), was: served.domains["web1"]?.config?.sha256 ?? "", is: "c0ffee" },
  { host: RUNNING, what: CONFIG, key: "inode", changes: config({ inode: 7 }), was: "101", is: "7" },
  { host: "down", what: GUEST, key: "running", changes: () => HOSTS.running, was: "false", is: "true" },
  { host: RUNNING, what: GUEST, key: "running", changes: () => HOSTS.down, was: "true", is: "false" },
  { host: RUNNING, what: GUEST, key: "domid", changes: guest({ domid: 9 }), was: "1", is: "9" },
  { host: RUNNING, what: GUEST, key: "uuid", changes: guest({ uuid: "another" }), was: "domain-web1", is: "another" },
  { host: RUNNING, what: ATTACHED, key: "params", changes: attached({ params: "/srv/other.img" }), was: IMAGE, is: "/srv/other.img", instead: VIEWS },
  { host: RUNNING, what: ATTACHED, key: "backend", changes: attached({ backend: "qdisk", open: OPEN }), was: "vbd", is: "qdisk" },
  { host: RUNNING, what: ATTACHED, key: "devno", changes: looped(3), was: "7:2", is: "7:3" },
  { host: QEMU, what: ATTACHED, key: "open", changes: attached({ open: { ...OPEN, path: "/srv/other.img" } }), was: IMAGE, is: "/srv/other.img", instead: VIEWS },
  { host: QEMU, what: ATTACHED, key: "node", changes: attached({ open: { ...OPEN, node: "other" } }), was: "xvda1-raw", is: "other" },
  { host: RUNNING, what: "volume vg0/web1", key: "exists", changes: volume("vg0/web1", copy), was: "false", is: "true" },
  { host: BEGUN, what: "volume vg0/web1", key: "exists", changes: () => HOSTS.running, was: "true", is: "nothing" },
  { host: BEGUN, what: "volume vg0/web1", key: "uuid", changes: volume("vg0/web1", { uuid: "another" }), was: "lv:vg0/web1", is: "another" },
  { host: BEGUN, what: "volume vg0/web1", key: "bytes", changes: volume("vg0/web1", { bytes: 68 * MIB }), was: "67108864", is: "71303168", instead: /a copy begun with 68 MiB, and 64 MiB are asked/ },
  { host: BEGUN, what: "volume vg0/web1", key: "tags", changes: volume("vg0/web1", { tags: [...(copy.tags ?? []), "a"] }), was: "converge", is: "a converge" },
  { host: RUNNING, what: FILE, key: "inode", changes: image({ inode: 7 }), was: "101", is: "7" },
  { host: RUNNING, what: FILE, key: "bytes", changes: image({ bytes: 48 * MIB }), was: "67108864", is: "50331648" },
  { host: RUNNING, what: FILE, key: "devno", changes: image({ devno: "253:5" }), was: "253:0", is: "253:5" },
  { host: RUNNING, what: FILESYSTEM, key: "type", changes: content({ type: "ext3" }), was: "ext4", is: "ext3" },
  { host: RUNNING, what: FILESYSTEM, key: "uuid", changes: content({ uuid: "another" }), was: "uuid-web1-xvda1", is: "another" },
  { host: RUNNING, what: "volume vg0/images", key: "uuid", changes: volume("vg0/images", { uuid: "another" }), was: "lv:vg0/images", is: "another" },
  { host: RUNNING, what: "volume vg0/images", key: "bytes", changes: volume("vg0/images", { bytes: 3 * GIB }), was: "2147483648", is: "3221225472" },
];

async function bindingsIn(state: HostState): Promise<readonly Binding[]> {
  rmSync(plan, { force: true });
  const { exit, out, err } = await cli(["--check", "--out", plan, ...WEB], { hosts: { dom0a: new FakeHost("dom0a") }, states: () => state });
  expect(exit, out + err).toBe(0);
  const saved = JSON.parse(readFileSync(plan, "utf8")) as { hosts: { domains: { bindings: Binding[] }[] }[] };
  return saved.hosts[0]?.domains[0]?.bindings ?? [];
}

const named = ({ what, key }: Pick<Since, "what" | "key">): string => `${what}: ${key}`;

test.each(SINCE)("made on $host: the $key of $what has changed", async ({ host, what, key, changes, was, is, instead }) => {
  const state = HOSTS[host];
  await bindingsIn(state);
  const dom0a = new FakeHost("dom0a");
  const { exit, err, out } = await cli(["apply", plan], { hosts: { dom0a }, states: () => changes(state) });
  expect(exit, out + err).toBe(5);
  const told = (out + err).replaceAll(/\s+/g, " ");
  if (instead === undefined) {
    expect(told).toContain(`${what} has changed since the plan was made`);
    expect(told).toMatch(new RegExp(`${key}: was ${was}.*, is .*${is}`));
  } else {
    expect(told).toMatch(instead);
  }
  expect(dom0a.commands).toEqual([]);
});

test("there is nothing else that a plan is bound to", async () => {
  const bound: string[] = [];
  for (const state of Object.values(HOSTS)) {
    bound.push(...(await bindingsIn(state)).flatMap(({ what, is }) => Object.keys(is).map((key) => named({ what, key }))));
  }
  expect([...new Set(SINCE.map(named))].sort()).toEqual([...new Set(bound)].sort());
});

test("it holds no password of the address that a disk of the guest is at", () => {
  const address = "https://me:hush@store/a.iso";
  const state = attached({ params: address, open: { node: "n", path: address, driver: "https", bytes: MIB } })(plain);
  const { web1 } = state.domains;
  if (web1 === undefined) throw new Error("no web1");
  const harmless = "https://me:REDACTED@store/a.iso";
  expect(bindingsOf(web1, [], state).find(({ what }) => what === "attached web1/xvda1")?.is).toMatchObject({ params: harmless, open: harmless });
});
