import { describe, expect, test } from "vitest";
import { checks } from "../../src/core/checks/registry.js";
import type { DesiredDomain, MoveOptions } from "../../src/core/model/desired.js";
import type { HostState, PastCommit, RunRecord } from "../../src/core/model/host-state.js";
import { sourceTags, volumeTags } from "../../src/core/model/names.js";
import type { Domain, RunningDomain, Settled, StoredView } from "../../src/core/model/domain.js";
import type { Scanning, Signature } from "../../src/core/model/scanning.js";
import type { ExtContent, Image, Loop } from "../../src/core/model/storage.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { aHost, aVolume, aWish, ext4, GIB, MIB, sha256, swap, withFullImages } from "../support/a-host.js";
import type { AGuest } from "../support/a-host.js";

/** For each check: a host or a wish that it is there for, and what it says. Without these changes all is well. */

const WEB: AGuest = { name: "web1", disks: { xvda1: {}, xvda2: { content: swap("swap-1", 64 * MIB) } } };

interface Case {
  readonly name: string;
  readonly guests?: readonly AGuest[];
  readonly state?: (state: HostState) => HostState;
  readonly wish?: (wish: DesiredDomain) => DesiredDomain;
  readonly code: string;
  readonly says: RegExp;
  /** In the detail. */
  readonly who?: RegExp;
  /** In the fix. */
  readonly advises?: RegExp;
  /** A warning lets the plan go on. */
  readonly warning?: boolean;
}

const web = (change: (domain: Domain) => Partial<Domain>) => (state: HostState): HostState => {
  const domain = state.domains["web1"];
  if (domain === undefined) throw new Error("no web1");
  return { ...state, domains: { ...state.domains, web1: { ...domain, ...change(domain) } } };
};

const image = (change: Partial<Image>) => (state: HostState): HostState =>
  ({ ...state, images: { ...state.images, "/srv/xen/web1/xvda1.img": { ...imageOf(state), ...change } } });

const vg0Of = (state: HostState): HostState["volumeGroups"][string] => {
  const vg0 = state.volumeGroups["vg0"];
  if (vg0 === undefined) throw new Error("no vg0");
  return vg0;
};

const group = (change: Partial<HostState["volumeGroups"][string]>) => (state: HostState): HostState =>
  ({ ...state, volumeGroups: { vg0: { ...vg0Of(state), ...change } } });

/** Copies of all of web1's disks are there already, so that they take no more room. */
const begunInFull = (state: HostState): HostState => ({
  ...state,
  volumes: {
    ...state.volumes,
    ...Object.fromEntries((["xvda1", "xvda2"] as const).map((vdev) => [`vg0/web1-${vdev}`, aVolume(`vg0/web1-${vdev}`, 64 * MIB, {
      tags: [...volumeTags("web1", vdev, "copy"), ...sourceTags(`/srv/xen/web1/${vdev}.img`), "converge.filled=blocks"],
    })])),
  },
});

/** The images lie on a volume of that group. */
const imagesIn = (name: string) => (state: HostState): HostState => ({
  ...state, volumes: { [`${name}/images`]: aVolume(`${name}/images`, 2 * GIB) },
  images: Object.fromEntries(Object.entries(state.images).map(([path, found]) => [path, { ...found, on: { volume: `${name}/images`, mountpoint: "/srv/xen", path } }])),
});

/** The images lie in a thin pool, which is like this. */
const pool = (more: Parameters<typeof aVolume>[2]) => (state: HostState): HostState => ({
  ...state,
  volumes: {
    "vg0/images": aVolume("vg0/images", 2 * GIB, { kind: "thin", pool: "vg0/pool" }),
    "vg0/pool": aVolume("vg0/pool", 4 * GIB, { kind: "thin-pool", ...more }),
  },
});

const target = (more: Parameters<typeof aVolume>[2]) => (state: HostState): HostState => ({
  ...state, volumes: { ...state.volumes, "vg0/web1-xvda1": aVolume("vg0/web1-xvda1", 64 * MIB, { devno: "253:9", ...more }) },
});

/** Another name of the volume that xvda1 goes to, which some config has. */
const aliased = (path: string) => (state: HostState): HostState => {
  const at = path.startsWith("/") ? path : `/dev/${path}`;
  const device = { path: at, realPath: "/dev/dm-9", devno: "253:9", bytes: 64 * MIB, content: { type: "blank" as const }, volume: "vg0/web1-xvda1" as const, holders: [] };
  return { ...state, devices: { ...state.devices, [at]: device } };
};

const DISK = { vdev: "xvda", target: "", format: "raw", access: "w" as const, cdrom: false };

/** A guest's config names this one disk. */
const named = (name: string, path: string) => (state: HostState): HostState => {
  const found = state.domains[name];
  if (found?.config === undefined) throw new Error(`no ${name}`);
  return { ...state, domains: { ...state.domains, [name]: { ...found, config: { ...found.config, disks: [{ ...DISK, target: path }] } } } };
};

const running = (name: string, change: (was: RunningDomain) => Partial<RunningDomain>) => (state: HostState): HostState => {
  const found = state.domains[name];
  if (found?.running === undefined) throw new Error(`no ${name} that runs`);
  return { ...state, domains: { ...state.domains, [name]: { ...found, running: { ...found.running, ...change(found.running) } } } };
};

const imageOf = (state: HostState): Image => {
  const found = state.images["/srv/xen/web1/xvda1.img"];
  if (found === undefined) throw new Error("no image");
  return found;
};

/** A loop device over the image. */
const looped = (more: Partial<Loop>) => (state: HostState): HostState => {
  const { inode, devno, path: backing } = imageOf(state);
  return { ...state, loops: [...state.loops, { device: "/dev/loop7", backing, inode, devno, offset: 0, readOnly: false, deleted: false, ...more }] };
};

/** A run was stopped in its mirror: the guest is on devices over the images of all of its disks. */
const onMappings = (state: HostState): HostState => {
  const own = (vdev: string): string => `/dev/mapper/converge-web1-${vdev}`;
  const on = running("web1", ({ attached, stored }) => ({
    attached: attached.map((disk) => ({ ...disk, params: own(disk.vdev) })), stored: stored.map((disk) => ({ ...disk, target: own(disk.vdev) })),
  }))(state);
  const mappings = ["xvda1", "xvda2"].map((vdev) =>
    ({ name: `converge-web1-${vdev}`, bytes: 64 * MIB, open: true, table: { kind: "linear" as const, on: `/srv/xen/web1/${vdev}.img` } }));
  return { ...on, mappings };
};

const PV: Signature = { kind: "lvm", partition: false };
const MEMBER: Signature = { kind: "md", metadata: "1.x", partition: false };

/** LVM and mdadm as they come, but for this. */
const scannedBy = (change: Partial<Scanning> | undefined) => (state: HostState): HostState =>
  change === undefined ? state : { ...state, scanning: { lvm: { filters: [["a|.*|"]], volumes: false }, md: { auto: [] }, loopPartitions: 0, ...change } };

const OURS = { tags: volumeTags("web1", "xvda1", "copy") };
const BY_FILES = { tags: [...OURS.tags, "converge.zeroed"] };

/** The guest's last run has committed, and its volume is still marked as a copy. */
const broughtThere = (run: Partial<RunRecord>, commit: Partial<PastCommit> = {}) => (state: HostState): HostState => ({
  ...target(BY_FILES)(state),
  runs: [{ run: "one", domain: "web1", digest: "d", state: "stopped", outcome: "stuck", owner: "alice", since: 1, committing: "running", committedAt: 2, ...run }],
  commits: [{ domain: "web1", run: "one", at: 2, volumes: ["vg0/web1-xvda1", "vg0/web1-xvda2"], ...commit }],
});

/** When its volume was made. */
const madeAt = (createdAt: number, make: (state: HostState) => HostState) => (state: HostState): HostState => {
  const made = make(state);
  const volume = made.volumes["vg0/web1-xvda1"];
  if (volume === undefined) throw new Error("no volume");
  return { ...made, volumes: { ...made.volumes, "vg0/web1-xvda1": { ...volume, createdAt } } };
};

/** With a newer run that has committed before them. */
const backSince = (make: (state: HostState) => HostState) => (state: HostState): HostState => {
  const made = make(state);
  return { ...made, commits: [{ domain: "web1", run: "back", at: 3, volumes: ["vg0/web1-xvda1"], returns: true }, ...made.commits ?? []] };
};

const extOf = (state: HostState): ExtContent => {
  const { content } = imageOf(state);
  if (!("inodes" in content)) throw new Error("no ext");
  return content;
};

const moved = (move: MoveOptions) => (wish: DesiredDomain): DesiredDomain => ({
  ...wish, move: { ...wish.move, ...move }, disks: wish.disks.map((d) => ({ ...d, move: { ...d.move, ...move } })),
});

/** What libxl has stored of web1, beside what its config says. */
const storedAs = (change: Partial<Settled>, by: StoredView["by"] = "libxl") => (state: HostState): HostState =>
  running("web1", () => ({ settled: [{ by, settled: { ...state.domains["web1"]?.config?.settled, ...change } }] }))(state);

const CASES: readonly Case[] = [
  {
    name: "Dom0 has no room for the guest's memory", code: "can-not-suspend", says: /web1 can not be suspended/,
    state: (state) => ({ ...state, memory: { ...state.memory, dom0FreeBytes: 200 * MIB } }),
    wish: moved({ strategy: "dm", switch: "suspend" }),
  },
  {
    name: "the guest has devices passed through", code: "can-not-suspend", says: /web1 can not be suspended/,
    guests: [{ ...WEB, extra: "pci = ['01:00.0']\n" }], wish: moved({ strategy: "dm", switch: "suspend" }),
  },
  {
    name: "a PV guest on a Xen without shadow paging", code: "can-not-migrate", says: /web1 can not be migrated to this host/,
    wish: moved({ strategy: "dm", switch: "migrate" }),
  },
  {
    name: "the hypervisor has no room for a second copy", code: "can-not-migrate", says: /web1 can not be migrated to this host/,
    state: (state) => ({ ...state, host: { ...state.host, capabilities: ["pv", "shadow"] }, memory: { ...state.memory, freeBytes: 100 * MIB } }),
    wish: moved({ strategy: "dm", switch: "migrate" }),
  },
  {
    name: "there is no memory for a clone", code: "can-not-rehearse", says: /move of web1 can not be rehearsed/, who: /takes 146.6 MiB of memory/,
    state: (state) => ({ ...state, memory: { ...state.memory, freeBytes: 100 * MIB } }), wish: moved({ strategy: "rsync", rehearse: true }),
  },
  {
    name: "a disk that is written to is not moved", code: "can-not-rehearse", says: /can not be rehearsed/, who: /its disk xvdb .* is not moved/,
    guests: [{ name: "web1", disks: { xvda1: {}, xvda2: { content: swap("swap-1", 64 * MIB) }, xvdb: {} } }], wish: moved({ strategy: "rsync", rehearse: true }),
  },
  {
    name: "somebody's guest has the clone's name", code: "can-not-rehearse", says: /can not be rehearsed/, who: /called converge-rehearsal-web1/,
    guests: [WEB, { name: "converge-rehearsal-web1", disks: {} }], wish: moved({ strategy: "rsync", rehearse: true }),
  },
  {
    name: "the device model has arguments of its own", code: "can-not-rehearse", says: /can not be rehearsed/, who: /device_model_args/,
    guests: [{ ...WEB, extra: "device_model_args = ['-foo']\n" }], wish: moved({ strategy: "rsync", rehearse: true }),
  },
  {
    name: "a rehearsal is asked for with a mirror", code: "no-strategy-fits", says: /no way to move xvda1 of web1/, who: /dm: a rehearsal is asked for/,
    wish: moved({ strategy: "dm", rehearse: true }),
  },
  {
    name: "a rehearsal is asked for in the downtime", code: "no-strategy-fits", says: /no way to move xvda1 of web1/, who: /down for the whole copy/,
    guests: [{ ...WEB, disks: { ...WEB.disks, xvda1: { elsewhere: true } } }], wish: moved({ strategy: "rsync", rehearse: true, offline: true }),
  },
  {
    name: "the group has no room for what a clone writes", code: "not-enough-space", says: /vg0 has .* free/,
    state: (state) => ({ ...state, volumeGroups: { vg0: { ...state.volumeGroups["vg0"], freeExtents: 36 } as HostState["volumeGroups"][string] } }),
    wish: moved({ strategy: "rsync", rehearse: true, snapshot: { size: { bytes: GIB } } }),
  },
  {
    name: "one disk is copied and another mirrored", code: "mixed-strategies", says: /disks of web1 can not all be moved in one way/,
    guests: [{ name: "web1", disks: { xvda1: {}, xvda2: {} } }],
    wish: (wish) => ({
      ...wish, move: { switch: "restart" },
      disks: wish.disks.map((d) => ({ ...d, move: { strategy: d.vdev === "xvda1" ? "rsync" : "dm" } })),
    }),
  },
  {
    name: "a network card was plugged in since", code: "stored-config-differs", says: /names 1 network cards, and the guest has 2/,
    state: web(({ running }) => (running === undefined ? {} : { running: { ...running, macs: ["a", "b"] } })), wish: moved({ strategy: "dm" }),
  },
  {
    name: "a PCI device was plugged in since", code: "stored-config-differs", says: /has PCI devices of the host's that were plugged in since/,
    state: web(({ running }) => (running === undefined ? {} : { running: { ...running, passedThrough: true } })),
    wish: moved({ strategy: "dm", switch: "restart" }),
  },
  {
    name: "the config was edited since, and the guest would be restored with it", code: "stored-config-differs",
    says: /the config of web1 is not what the guest was built with/,
    who: /^memory: \/etc\/xen\/web1.cfg has 128 MiB, what libxl has stored 64 MiB\nkernel: \/etc\/xen\/web1.cfg has nothing, what libxl has stored \/boot\/old$/,
    advises: /Change \/etc\/xen\/web1.cfg back.*`switch: restart`/,
    state: storedAs({ memoryKiB: 65536, kernel: "/boot/old" }), wish: moved({ strategy: "dm", switch: "suspend" }),
  },
  {
    name: "the config was edited since, and the guest would be migrated with it", code: "stored-config-differs", says: /is not what the guest was built with/,
    who: /ip of network card 0: .* has 10.0.0.9, what libxl has stored 10.0.0.8/,
    state: (state) => storedAs({ cards: [{ ip: "10.0.0.8" }] })({ ...state, host: { ...state.host, capabilities: ["pv", "shadow"] } }),
    wish: moved({ strategy: "dm", switch: "migrate" }),
  },
  {
    name: "the config was edited since, and the guest's own reboot would get that", code: "stored-config-differs", says: /is not what the guest was built with/,
    who: /^on_crash: .* has destroy, what xl config-update has stored restart$/,
    state: storedAs({ onCrash: "restart" }, "xl config-update"), wish: moved({ strategy: "dm", switch: "next-reboot" }),
  },
  {
    name: "the guest has less memory now than it would be restored with", code: "stored-config-differs", says: /is not what the guest was built with/,
    who: /^memory: \/etc\/xen\/web1.cfg has 128 MiB, the guest has 64 MiB now$/,
    state: running("web1", () => ({ memoryKiB: 65536 })), wish: moved({ strategy: "dm", switch: "suspend" }),
  },
  {
    name: "cards of the guest are numbered as no config can say", code: "stored-config-differs", says: /is not what the guest was built with/,
    who: /^network cards: the guest has them as 0, 2, and built anew it would have 0 to 1$/,
    state: (state) => running("web1", () => ({ devices: ["vbd/1", "vif/0", "vif/2"] }))(state), wish: moved({ strategy: "dm", switch: "suspend" }),
  },
  {
    name: "a TPM was plugged in since", code: "stored-config-differs", says: /is not what the guest was built with/, who: /^vtpm: .* has 0, the guest 1$/,
    state: running("web1", () => ({ devices: ["vbd/1", "vif/0", "vtpm/0"] })), wish: moved({ strategy: "dm", switch: "suspend" }),
  },
  {
    name: "the config was edited since, and the restart of a mirrored guest goes by it", code: "stored-config-differs", warning: true,
    says: /web1 comes back from its restart with what its config says by now/, who: /maxvcpus: .* has 1, what libxl has stored 4/,
    state: storedAs({ maxVcpus: 4 }), wish: moved({ strategy: "dm", switch: "restart" }),
  },
  {
    name: "the config was edited since, and a restart goes by it", code: "stored-config-differs", warning: true,
    says: /web1 comes back from its restart with what its config says by now/, state: storedAs({ maxVcpus: 4 }), wish: moved({ strategy: "rsync" }),
  },
  {
    name: "a network card and a PCI device were plugged in since, and a restart would take them", code: "plugged-in-since", warning: true,
    says: /web1 will have other devices after its restart/, who: /1 network card in the config, 2 in the guest\nno PCI device in the config, and some in the guest/,
    state: web(({ running }) => (running === undefined ? {} : { running: { ...running, macs: ["a", "b"], passedThrough: true } })), wish: moved({ strategy: "rsync" }),
  },
  {
    name: "an earlier run left two disks on its devices, and one of them is not moved", code: "mirror-left-out",
    guests: [{ name: "web1", disks: { xvda1: {}, xvda2: {} } }],
    says: /took web1 onto \/dev\/mapper\/converge-web1-xvda2 for xvda2 too, and that disk is not to be moved now/, advises: /^Name xvda2 as well.* Or shut web1 down and start it from its config/,
    state: onMappings, wish: (wish) => ({ ...moved({ strategy: "dm", switch: "suspend" })(wish), disks: moved({ strategy: "dm" })(wish).disks.slice(0, 1) }),
  },
  {
    name: "a suspension that is forecast to take too long", code: "over-budget", says: /would be down for about/,
    wish: moved({ strategy: "dm", downtimeSeconds: 1 }),
  },
  {
    name: "the window has no room for the second switch", code: "window-too-short", says: /02:00-02:01 has 60 s, and the second switch is reckoned to take 90 s/,
    state: (state) => ({ ...state, history: [{ domain: "web1", switch: "suspend", shutdownSeconds: 50, startSeconds: 40, downtimeSeconds: 90, bytesPerSecond: 1 }] }),
    wish: moved({ strategy: "dm", switch: "suspend", finish: "window", window: { text: "02:00-02:01", spans: [{ start: 120, minutes: 1 }] } }),
  },
  { name: "volumes and snapshot do not fit", state: group({ freeExtents: 10 }), code: "not-enough-space", says: /vg0 has 40 MiB free, and web1 needs/ },
  {
    name: "what earlier runs left takes the room", code: "not-enough-space", says: /vg0 has 40 MiB free/,
    who: /what converge has in it, or will by then:\n {2}vg0\/db-root, 96 MiB: left when its guest went back to its image\n {2}vg0\/web2-xvda1, 64 MiB: a copy that a run began$/,
    state: (state) => ({
      ...group({ freeExtents: 10 })(state),
      volumes: {
        ...state.volumes,
        "vg0/web2-xvda1": aVolume("vg0/web2-xvda1", 64 * MIB, { tags: volumeTags("web2", "xvda1", "copy") }),
        "vg0/db-root": aVolume("vg0/db-root", 96 * MIB, { tags: volumeTags("db", "xvda1", "former") }),
        "vg0/in-use": aVolume("vg0/in-use", 512 * MIB, { tags: volumeTags("in", "xvda1", "disk") }),
        "vg0/theirs": aVolume("vg0/theirs", 512 * MIB, { tags: ["converge.role=copy"] }),
        "vg1/elsewhere": aVolume("vg1/elsewhere", 512 * MIB, { tags: volumeTags("x", "xvda1", "copy") }),
      },
    }),
  },
  {
    name: "the volume is smaller than what is in the image", code: "target-too-small", says: /would have 8 MiB, and .* holds 16 MiB/,
    wish: (wish) => ({ ...wish, disks: wish.disks.map((d) => (d.vdev === "xvda1" ? { ...d, bytes: 8 * MIB } : d)) }),
  },
  { name: "a volume of that name is not converge's", state: target({}), code: "volume-taken", says: /exists already, and converge did not make it/ },
  {
    name: "a volume of that name is not converge's, and somebody has it open", state: target({ open: true }), code: "volume-taken",
    says: /exists already/, advises: /^Choose another name\. It is in use: see who has it open/,
  },
  {
    name: "the guest has gone back to its image, and that was not finished", state: target({ tags: volumeTags("web1", "xvda1", "disk") }), code: "volume-taken",
    says: /was xvda1 of web1, which is on its image again, and what it wrote there may be nowhere else/, advises: /^Finish the way back first: converge rollback dom0a web1$/,
  },
  {
    name: "a copy was begun of another file system", state: target({ ...OURS, content: ext4("another", 64 * MIB) }), code: "volume-taken",
    says: /is a copy of another file system than/,
  },
  {
    name: "a copy was begun, and the guest's file system was given another label since", code: "volume-taken",
    state: (state) => target({ ...BY_FILES, content: { ...extOf(state), label: "old" } })(state),
    says: /^vg0\/web1-xvda1 is a copy that was begun before .*xvda1\.img was changed: it was made with the label old, unlike what is there now$/,
    advises: /^Remove it with 'lvremove vg0\/web1-xvda1' to begin anew\.$/,
  },
  {
    name: "a copy was begun, and the guest's file system has lost a feature since", code: "volume-taken",
    state: (state) => target({ ...BY_FILES, content: { ...extOf(state), features: [...extOf(state).features, "metadata_csum_seed", "large_file"] } })(state),
    says: /it was made with the feature metadata_csum_seed, unlike what is there now$/,
  },
  {
    name: "a swap was made, and the guest's was given a label since", code: "volume-taken",
    state: (state) => ({
      ...state,
      images: Object.fromEntries(Object.entries(state.images).map(([path, found]) =>
        [path, found.content.type === "swap" ? { ...found, content: { ...found.content, label: "swap" } } : found])),
      volumes: { ...state.volumes, "vg0/web1-xvda2": aVolume("vg0/web1-xvda2", 64 * MIB, {
        tags: [...volumeTags("web1", "xvda2", "copy"), ...sourceTags("/srv/xen/web1/xvda2.img"), "converge.zeroed"], content: swap("swap-1", 64 * MIB),
      }) },
    }),
    says: /^vg0\/web1-xvda2 is a copy that was begun before .*xvda2\.img was changed: it was made with no label, unlike what is there now$/,
  },
  {
    name: "the image's name when it is retired is taken",
    state: (state) => ({ ...state, images: { ...state.images, "/srv/xen/web1/xvda1.img.retired": { ...imageOf(state), path: "/srv/xen/web1/xvda1.img.retired", inode: 999 } } }),
    wish: (wish) => ({ ...wish, disks: wish.disks.map((disk) => ({ ...disk, move: { ...disk.move, source: "retire" as const } })) }),
    code: "retired-name-taken", says: /xvda1\.img\.retired is there already/,
  },
  {
    name: "a run that was not settled had brought the guest there, and somebody has put it back", code: "volume-taken", state: broughtThere({}),
    says: /^web1's last run brought it to vg0\/web1-xvda1, and somebody has put it back on .*xvda1\.img: what it wrote there may be nowhere else$/,
    advises: /^If nobody needs it: lvremove vg0\/web1-xvda1\. Else choose another name/,
  },
  {
    name: "so had an earlier one, before a run about another disk", code: "volume-taken", state: madeAt(2, broughtThere({ run: "two" })),
    says: /^an earlier run of web1's may have brought it to vg0\/web1-xvda1, and somebody has put it back on /,
  },
  {
    name: "the last run, of another version, may have brought the guest there", code: "volume-taken", state: broughtThere({}, { volumes: [], unsaid: true }),
    says: /^web1's last run may have brought it to vg0\/web1-xvda1, and somebody has put it back on /,
  },
  { name: "a copy was begun with another size", state: target({ ...OURS, bytes: 32 * MIB }), code: "volume-taken", says: /begun with 32 MiB/ },
  {
    name: "another guest has the volume", code: "volume-in-use", says: /is in use/,
    state: (state) => {
      const with_ = target(OURS)(state);
      const other = with_.domains["other"];
      if (other?.config === undefined) throw new Error("no other");
      const disks = [{ vdev: "xvda", target: "/dev/vg0/web1-xvda1", format: "raw", access: "w" as const, cdrom: false }];
      const { running: _running, ...down } = other;
      return { ...with_, domains: { ...with_.domains, other: { ...down, config: { ...other.config, disks } } } };
    },
    guests: [WEB, { name: "other", running: false, disks: {} }],
  },
  {
    name: "the volume is mounted", code: "volume-in-use", says: /is in use/,
    state: (state) => {
      const with_ = target(OURS)(state);
      return { ...with_, mounts: [...with_.mounts, { target: "/mnt", source: "/dev/vg0/web1-xvda1", type: "ext4", options: "rw", devno: "253:9", root: "/" }] };
    },
  },
  ...[
    { name: "device-mapper's name of it", path: "/dev/mapper/vg0-web1--xvda1" }, { name: "its kernel name", path: "/dev/dm-9" },
    { name: "a link by id", path: "/dev/disk/by-id/dm-uuid-LVM-x" }, { name: "a name without its folder", path: "vg0/web1-xvda1" },
  ].map(({ name, path }): Case => ({
    name: `another guest's config has the volume under ${name}`, code: "volume-in-use", says: /is in use/, who: /guest other/,
    guests: [WEB, { name: "other", running: false, disks: {} }],
    state: (state) => aliased(path)(named("other", path)(target(OURS)(state))),
  })),
  {
    name: "another guest's own reboot would come up on the volume", code: "volume-in-use", says: /is in use/, who: /guest other/,
    guests: [WEB, { name: "other", disks: {} }],
    state: (state) => running("other", () => ({ stored: [{ ...DISK, target: "/dev/vg0/web1-xvda1" }] }))(target(OURS)(state)),
  },
  {
    name: "the kernel serves the volume to another guest, by whatever name", code: "volume-in-use", says: /is in use/, who: /guest other/,
    guests: [WEB, { name: "other", disks: {} }],
    state: (state) => running("other", () => ({ attached: [{ vdev: "xvda", params: "/dev/gone", backend: "vbd", state: 4, devno: "253:9" }] }))(target(OURS)(state)),
  },
  {
    name: "the guest itself has the volume as another disk", code: "volume-in-use", says: /is in use/, who: /web1 itself, as its xvdb/,
    state: (state) => aliased("/dev/dm-9")(web(({ config }) => (config === undefined ? {} : {
      config: { ...config, disks: [...config.disks, { ...DISK, vdev: "xvdb", target: "/dev/dm-9" }] },
    }))(target(OURS)(state))),
  },
  { name: "somebody has the volume open", state: target({ ...OURS, open: true }), code: "volume-in-use", says: /is in use/, who: /somebody has it open/ },
  { name: "something lies on the volume", state: target({ ...OURS, holders: ["md0"] }), code: "volume-in-use", says: /is in use/ },
  {
    name: "two guests share an image", code: "image-shared", says: /used by more than web1/,
    guests: [WEB, { name: "twin", running: false, disks: {} }],
    state: (state) => {
      const twin = state.domains["twin"];
      const disks = state.domains["web1"]?.config?.disks ?? [];
      if (twin?.config === undefined) throw new Error("no twin");
      return { ...state, domains: { ...state.domains, twin: { ...twin, config: { ...twin.config, disks } } } };
    },
  },
  {
    name: "Dom0 has the image mounted", code: "image-shared", says: /used by more than web1/,
    state: (state) => ({
      ...state,
      loops: [{ device: "/dev/loop7", backing: "/srv/xen/web1/xvda1.img", inode: 101, devno: "253:0", offset: 0, readOnly: false, deleted: false }],
      mounts: [...state.mounts, { target: "/mnt", source: "/dev/loop7", type: "ext4", options: "rw", devno: "7:7", root: "/" }],
    }),
  },
  {
    name: "another guest has the image under another of its names", code: "image-shared", says: /used by more than web1/, who: /guest twin/,
    guests: [WEB, { name: "twin", running: false, disks: {} }],
    state: (state) => named("twin", "/srv/xen/hard-link.img")(image({ links: 2 })({
      ...state, images: { ...state.images, "/srv/xen/hard-link.img": { ...imageOf(state), path: "/srv/xen/hard-link.img", realPath: "/srv/xen/hard-link.img" } },
    })),
  },
  {
    name: "another guest's QEMU has the image below its own", code: "image-shared", says: /used by more than web1/, who: /guest twin/,
    guests: [WEB, { name: "twin", disks: {} }],
    state: running("twin", () => ({ qemu: { jobs: [], nodes: [{ node: "base", path: "/srv/xen/web1/xvda1.img", driver: "file", bytes: 64 * MIB }] } })),
  },
  {
    name: "a clone that runs is laid over the image, and its QEMU calls it otherwise", code: "image-shared", says: /used by more than web1/, who: /guest twin, of which a disk is laid over it/,
    guests: [WEB, { name: "twin", disks: { xvda1: {} } }],
    state: (state) => {
      const { twin } = state.domains;
      const [base, upper] = [state.images["/srv/xen/web1/xvda1.img"], state.images["/srv/xen/twin/xvda1.img"]];
      if (twin?.config === undefined || twin.running === undefined || base === undefined || upper === undefined) throw new Error("no clone");
      const disks = twin.config.disks.map((disk) => ({ ...disk, format: "qcow2" }));
      const disk = { bytes: GIB, backed: true, encrypted: false, layers: { files: [{ path: "/srv/xen/twin/../web1/xvda1.img", inode: base.inode, devno: base.devno }] } };
      return {
        ...state, images: { ...state.images, [upper.path]: { ...upper, inode: 5511, format: "qcow2", disk } },
        domains: { ...state.domains, twin: { ...twin, config: { ...twin.config, disks } } },
      };
    },
  },
  {
    name: "the guest itself has the image as another disk", code: "image-shared", says: /used by more than web1/, who: /web1 itself, as its xvdb/,
    state: web(({ config }) => (config === undefined ? {} : {
      config: { ...config, disks: [...config.disks, { ...DISK, vdev: "xvdb", target: "/srv/xen/web1/xvda1.img" }] },
    })),
  },
  ...(["delete", "retire"] as const).map((source): Case => ({
    name: `a clone that is down may be laid over an image that is to go: ${source}`, code: "image-laid-over", says: /may be laid over .* and source: /,
    who: /a disk of clone1, may lie in another file/, advises: /source: keep/,
    guests: [WEB, { name: "clone1", running: false, disks: { xvda1: {} } }],
    state: (state) => {
      const { clone1 } = state.domains;
      const found = state.images["/srv/xen/clone1/xvda1.img"];
      if (clone1?.config === undefined || found === undefined) throw new Error("no clone");
      const disks = clone1.config.disks.map((disk) => ({ ...disk, format: "qcow2" }));
      return {
        ...state, images: { ...state.images, [found.path]: { ...found, format: "qcow2", disk: { bytes: GIB, backed: true, encrypted: false } } },
        domains: { ...state.domains, clone1: { ...clone1, config: { ...clone1.config, disks } } },
      };
    },
    wish: moved({ source }),
  })),
  { name: "somebody has a loop device over the image", state: looped({}), code: "image-shared", says: /used by more than web1/, who: /loop7 lies on it, and is no guest's/ },
  {
    name: "something lies on the guest's own loop device", code: "image-shared", says: /used by more than web1/, who: /device vg-in-guest lies on it/,
    state: (state) => running("web1", (was) => ({
      attached: was.attached.map((disk) => (disk.params === "/srv/xen/web1/xvda1.img" ? { ...disk, devno: "7:7" } : disk)),
    }))(looped({ number: "7:7", holders: ["vg-in-guest"] })(state)),
  },
  ...([
    { name: "LVM looks at loop devices and mappings", stacked: [PV], scanning: {}, who: /physical volume: LVM looks at loop devices\n.*\/dev\/mapper\/converge-web1-xvda1/ },
    { name: "nobody could say what Dom0 looks at", stacked: [PV], scanning: undefined, who: /physical volume: LVM looks at loop devices/ },
    {
      name: "LVM looks at volumes", stacked: [PV], scanning: { lvm: { filters: [["r|^/dev/loop|", "r|/converge-|"]], volumes: true } },
      who: /^an LVM physical volume: LVM looks at \/dev\/vg0\/web1-xvda1$/,
    },
    { name: "mdadm assembles what it finds", stacked: [MEMBER], scanning: {}, who: /md array: mdadm looks at \/dev\/vg0\/web1-xvda1/ },
    {
      name: "partitions of loop devices are looked for", stacked: [{ ...PV, partition: true }], scanning: { loopPartitions: 15 },
      who: /^an LVM physical volume in a partition: LVM looks at loop devices$/,
    },
  ] as const).map(({ name, stacked, scanning, who }): Case => ({
    name, code: "scanned-by-dom0", says: /Dom0 would take up what is inside of/, who,
    state: (state) => scannedBy(scanning)(image({ stacked, content: { type: "unknown" } })(state)), wish: moved({ strategy: "dm", switch: "restart" }),
  })),
  {
    name: "the image lies on no LVM volume and the guest must run on", code: "image-not-on-lvm", says: /no snapshot of it can be taken/,
    guests: [{ ...WEB, disks: { xvda1: { elsewhere: true }, xvda2: { content: swap("swap-1", 64 * MIB) } } }],
  },
  { name: "the guest is kept when it powers off", guests: [{ ...WEB, extra: 'on_poweroff = "preserve"\n' }], code: "on-poweroff", says: /would not be gone/ },
  {
    name: "the guest was started to be kept when it powers off", code: "on-poweroff", says: /was started with on_poweroff="preserve"/,
    state: web((domain) => (domain.running === undefined ? {} : { running: { ...domain.running, onPoweroff: "preserve" } })),
  },
  {
    name: "the guest has crashed, and is kept", code: "guest-halted", says: /web1 has crashed, and is kept as it was/, advises: /xl destroy/,
    state: web((domain) => (domain.running === undefined ? {} : { running: { ...domain.running, halted: "crashed" } })),
  },
  {
    name: "the guest has shut down, and is there still", code: "guest-halted", says: /web1 has shut down, and is still there/, advises: /[Ww]ait/,
    state: web((domain) => (domain.running === undefined ? {} : { running: { ...domain.running, halted: "shut-down" } })),
  },
  { name: "the guest was saved", state: web(() => ({ saved: true })), code: "saved-guest", says: /saved state of web1/ },
  {
    name: "xenstore knows another disk than the config", code: "views-disagree", says: /does not agree/,
    state: web((domain) => (domain.running === undefined ? {} : {
      running: { ...domain.running, attached: domain.running.attached.map((d) => ({ ...d, params: "/srv/xen/old.img" })) },
    })),
  },
  {
    name: "xl's stored config is another", code: "views-disagree", says: /does not agree/,
    state: web((domain) => (domain.running === undefined ? {} : {
      running: { ...domain.running, stored: domain.running.stored.map((d) => ({ ...d, target: "/srv/xen/old.img" })) },
    })),
  },
  {
    name: "QEMU has another disk open than all others say", code: "views-disagree", says: /does not agree/,
    guests: [{ ...WEB, qdisk: true }],
    state: web((domain) => (domain.running === undefined ? {} : {
      running: {
        ...domain.running,
        attached: domain.running.attached.map((d) => (d.open === undefined ? d : { ...d, open: { ...d.open, path: "/srv/xen/old.img" } })),
      },
    })),
  },
  {
    name: "the kernel serves a file that is the image no more", code: "views-disagree", says: /does not agree/,
    state: (state) => web((domain) => (domain.running === undefined ? {} : {
      running: { ...domain.running, attached: domain.running.attached.map((d) => ({ ...d, devno: "7:3" })) },
    }))({
      ...state,
      loops: [{ device: "/dev/loop3", backing: "/srv/xen/web1/xvda1.img", inode: 9999, devno: "253:0", offset: 0, readOnly: false, deleted: true }],
    }),
  },
  {
    name: "the guest's config is in another encoding", code: "config-encoding", says: /web1\.cfg would have to be edited, and is no UTF-8/, advises: /iconv/,
    state: web(({ config }) => (config === undefined ? {} : { config: { ...config, uneditable: "no-utf8" } })),
  },
  {
    name: "the guest's config was not read to its end", code: "config-encoding", says: /too long/,
    state: web(({ config }) => (config === undefined ? {} : { config: { ...config, uneditable: "too-long" } })),
  },
  {
    name: "two files define the guest", state: web(() => ({ otherConfigs: ["/etc/xen/web1.20240101"] })), code: "several-configs", says: /more than one file/,
    who: /^\/etc\/xen\/web1\.cfg\n\/etc\/xen\/web1\.20240101$/, advises: /move the others out of \/etc\/xen, or let their names end in `\.bak`/,
  },
  { name: "another manager owns the guests", state: (state) => ({ ...state, managers: ["libvirt"] }), code: "other-manager", says: /managed by libvirt/ },
  { name: "a pvmove is running", state: group({ pvmove: true }), code: "pvmove-running", says: /pvmove is running in vg0/ },
  { name: "a physical volume is missing", state: group({ missingPvs: 1 }), code: "pvmove-running", says: /misses 1/ },
  {
    name: "a pvmove is running where a begun copy lies", code: "pvmove-running", says: /^a pvmove is running in vg0$/, wish: moved({ strategy: "dm" }),
    state: (state) => begunInFull(group({ pvmove: true })(state)),
  },
  {
    name: "a pvmove is running where the image lies", code: "pvmove-running", says: /^a pvmove is running in vg1$/, wish: moved({ strategy: "rsync" }),
    state: (state) => ({ ...imagesIn("vg1")(state), volumeGroups: { ...state.volumeGroups, vg1: { ...vg0Of(state), name: "vg1", pvmove: true } } }),
  },
  {
    name: "the thin pool is nearly full", code: "thin-pool-full", says: /93 % full/,
    state: pool({ dataPercent: 93 }),
  },
  ...(["it has failed", undefined] as const).map((health): Case => ({
    name: `the thin pool is not well: ${health ?? "nobody knows how full it is"}`, code: "thin-pool-unhealthy", says: health === undefined ? /could not be read/ : /vg0\/pool is not well: it has failed/,
    state: pool(health === undefined ? {} : { dataPercent: 10, health }),
  })),
  { name: "the group's disks have large sectors", state: group({ sectorBytes: 4096 }), wish: (wish) => ({ ...wish, disks: wish.disks.map((d) => ({ ...d, move: { strategy: "dm" } })) }), code: "sector-size", says: /vg0 have sectors of 4096 bytes/, advises: /strategy: rsync/ },
  {
    name: "the group's sectors are larger than the blocks of a file system", code: "sector-size", says: /sectors of 4096/, who: /ext4 is made anew as it is, in units of 1024/,
    state: (state) => group({ sectorBytes: 4096 })(image({ content: { ...ext4("u", 64 * MIB), blockBytes: 1024 } as Image["content"] })(state)),
    wish: (wish) => ({ ...wish, disks: wish.disks.map((d) => ({ ...d, move: { strategy: "rsync" } })) }),
  },
  {
    name: "a disk with a GPT is no multiple of the extent", code: "gpt-backup-not-at-end", says: /GPT in \/srv\/xen\/web1\/xvda1\.img will end 1 MiB before the end of vg0\/web1-xvda1/,
    advises: /sgdisk --move-second-header/, warning: true,
    state: image({ bytes: 63 * MIB, content: { type: "partitions", table: "gpt" } }), wish: moved({ strategy: "dm", switch: "restart" }),
  },
  {
    name: "a GPT is one of several signatures", code: "gpt-backup-not-at-end", says: /will end 1 MiB before/, warning: true,
    state: image({ bytes: 63 * MIB, content: { type: "unknown", hint: "ambivalent: ext4, gpt partition table" } }), wish: moved({ strategy: "dm", switch: "restart" }),
  },
  {
    name: "QEMU carries it, to a volume that is to be larger", code: "gpt-backup-not-at-end", says: /will end 64 MiB before/, warning: true,
    guests: [{ ...WEB, qdisk: true }], state: image({ content: { type: "partitions", table: "gpt" } }),
    wish: (wish) => ({ ...moved({ strategy: "qemu" })(wish), disks: wish.disks.map((d) => ({ ...d, move: { strategy: "qemu" }, ...(d.vdev === "xvda1" ? { bytes: 128 * MIB } : {}) })) }),
  },
  {
    name: "a part of the guest's own array is no multiple of the extent", code: "end-not-at-end", says: /xvda1 of web1 is by its end a part of an array \(md\), and vg0\/web1-xvda1 would end 1 MiB behind that/,
    advises: /mdadm --zero-superblock/, state: image({ bytes: 63 * MIB, ends: [{ kind: "md", at: 63 * MIB - 8192 }] }), wish: moved({ strategy: "dm", switch: "restart" }),
  },
  {
    name: "a part of the guest's own DRBD resource is no multiple of the extent", code: "end-not-at-end", says: /a part of a DRBD resource/, warning: true,
    advises: /\/var\/lib\/drbd/, state: image({ bytes: 63 * MIB, ends: [{ kind: "drbd", at: 63 * MIB - 4096 }] }), wish: moved({ strategy: "dm", switch: "restart" }),
  },
  ...(["md", "md-preseed"] as const).map((strategy): Case => ({
    name: `${strategy} is to mirror a sparse image`, code: "sparse-image", says: /xvda1\.img is sparse \(32 MiB of 64 MiB\).* md would fail all writes of web1/, who: /take 32 MiB more at most/,
    advises: /fallocate --length 67108864 \/srv\/xen\/web1\/xvda1\.img/, wish: moved({ strategy, switch: "suspend" }),
    state: (state) => ({ ...state, tools: { ...state.tools, mdadm: { present: true, version: "4.2" } } }),
  })),
  { name: "the group is read-only", state: group({ unfit: ["read-only"] }), code: "volume-group-unfit", says: /vg0 is read-only/, advises: /permission rw/ },
  { name: "the group is exported", state: group({ unfit: ["exported"] }), code: "volume-group-unfit", says: /vg0 is exported/, advises: /vgimport/ },
  { name: "the group is other hosts' too", state: group({ unfit: ["shared"] }), code: "volume-group-unfit", says: /vg0 is shared/ },
  { name: "there are two groups of that name", state: group({ unfit: ["of-one-name"] }), code: "volume-group-unfit", says: /two volume groups/, advises: /vgrename UUID/ },
  { name: "rsync is not installed", state: (state) => ({ ...state, tools: { ...state.tools, rsync: { present: false } } }), code: "missing-tool", says: /dom0a has no rsync/ },
  {
    name: "the host does not run systemd", code: "missing-tool", says: /does not run systemd/,
    state: ({ host: { systemd: _systemd, ...host }, ...state }) => ({ ...state, host }),
  },
  { name: "the kernel has no snapshots", state: (state) => ({ ...state, modules: { ...state.modules, dm_snapshot: "missing" } }), code: "missing-module", says: /no module dm_snapshot/ },
  {
    name: "the budget is forecast to break", code: "over-budget", says: /down for about .* 1 s are allowed/, warning: true,
    wish: (wish) => ({ ...wish, move: { downtimeSeconds: 1 } }),
  },
  {
    name: "a port without an address", code: "ready-without-address", says: /where should port 22/,
    guests: [{ ...WEB, extra: "vif = ['bridge=xenbr0']\n" }],
    wish: (wish) => ({ ...wish, ready: { kind: "tcp", port: 22, timeoutSeconds: 30 } }),
  },
  {
    name: "the source's file system has errors", code: "damaged-source", says: /marked as having errors/,
    state: image({ content: { ...ext4("uuid-web1-xvda1", 64 * MIB), hasErrors: true } as never }),
  },
  {
    name: "the guest has no config", code: "no-config", says: /no config in/,
    state: (state) => {
      const web1 = state.domains["web1"];
      if (web1 === undefined) throw new Error("no web1");
      const { config: _config, ...rest } = web1;
      return { ...state, domains: { ...state.domains, web1: rest } };
    },
  },
  {
    name: "the guest has no such disk", code: "no-such-disk", says: /web1 has no disk xvdz/,
    wish: (wish) => ({ ...wish, disks: wish.disks.map((d) => ({ ...d, vdev: "xvdz" })) }),
  },
  {
    name: "the host has no such volume group", code: "no-such-volume-group", says: /dom0a has no volume group vg9/,
    wish: (wish) => ({ ...wish, disks: wish.disks.map((d) => ({ ...d, volume: "vg9/root" })) }),
  },
  {
    name: "the disk is on no image", code: "source-not-an-image", says: /no image file on this host/,
    state: (state) => ({ ...state, images: {} }),
  },
  {
    name: "the image is a whole disk with partitions, and files are to be copied", code: "no-strategy-fits", says: /no way to move xvda1/,
    state: image({ content: { type: "partitions", table: "dos" } }), wish: moved({ strategy: "rsync" }),
  },
  {
    name: "the image is qcow2", code: "no-strategy-fits", says: /no way to move xvda1/,
    state: image({ format: "qcow2" }),
  },
  {
    name: "another file system is asked for", code: "no-strategy-fits", says: /no way to move/,
    wish: (wish) => ({ ...wish, disks: wish.disks.map((d) => ({ ...d, filesystem: "xfs" })) }),
  },
];

function plan(given: Partial<Case>) {
  const state = aHost(given.guests ?? [WEB]);
  const wish = aWish("web1", ["xvda1", "xvda2"], { strategy: "rsync" });
  return planHost(given.state?.(state) ?? state, [given.wish?.(wish) ?? wish], sha256);
}

describe("a check", () => {
  test("says nothing on an ordinary host", () => {
    const planned = plan({});
    expect(planned.diagnostics).toEqual([]);
    expect(planned.domains).toHaveLength(1);
  });

  test.each([
    { name: "the guest's own loop device", state: (state: HostState) => running("web1", (was) => ({
      attached: was.attached.map((disk) => (disk.params === "/srv/xen/web1/xvda1.img" ? { ...disk, devno: "7:7" } : disk)),
    }))(looped({ number: "7:7", holders: [] })(state)) },
    { name: "a volume of somebody else's that is in use", state: (state: HostState) => ({
      ...state, volumes: { ...state.volumes, "vg0/other": aVolume("vg0/other", MIB, { devno: "253:8", open: true, holders: ["md3"] }) },
    }) },
    { name: "a copy of converge's own that its last run left", state: target({ tags: [...OURS.tags, ...sourceTags("/srv/xen/web1/xvda1.img")] }) },
  ])("lets be: $name", ({ state }) => {
    expect(plan({ state }).diagnostics).toEqual([]);
  });

  test("lets be a loop device that a run left half-way: it is said that it goes first", () => {
    const left = (state: HostState): HostState => ({
      ...looped({})(state), runs: [{ run: "1", domain: "web1", digest: "", state: "stopped" as const, owner: "", since: 0 }],
    });
    expect(plan({ state: left }).diagnostics.map(({ code, severity }) => [code, severity])).toEqual([["run-ended-first", "note"]]);
  });

  test.each<{ name: string; change: Partial<Image> }>([
    { name: "a GPT that ends where its volume will", change: { content: { type: "partitions", table: "gpt" } } },
    { name: "a DOS label, which has no backup", change: { bytes: 63 * MIB, content: { type: "partitions", table: "dos" } } },
  ])("lets be: $name", ({ change }) => {
    expect(plan({ state: image(change), wish: moved({ strategy: "dm", switch: "restart" }) }).diagnostics).toEqual([]);
  });

  test.each<{ name: string; move?: MoveOptions; guests?: readonly AGuest[] }>([
    { name: "that is mirrored", move: { strategy: "dm", switch: "suspend" } },
    { name: "that is mirrored by its QEMU", move: { strategy: "qemu" }, guests: [{ ...WEB, qdisk: true }] },
    { name: "that is down", guests: [{ ...WEB, running: false }] },
  ])("says nothing of a thin pool that is full, or not well, below the images of a guest $name: no snapshot is taken", ({ move = {}, guests = [WEB] }) => {
    for (const how of [{ dataPercent: 93 }, { dataPercent: 10, health: "its metadata is read-only" }, {}]) {
      const found = plan({ guests, state: pool(how), wish: moved(move) });
      expect(found.diagnostics.map(({ code }) => code)).toEqual([]);
      expect(found.domains).toHaveLength(1);
    }
  });

  test.each<{ name: string; strategy: "md" | "dm"; state?: (state: HostState) => HostState; guests?: readonly AGuest[] }>([
    { name: "that has none", strategy: "md", state: withFullImages },
    { name: "that is mirrored by dm", strategy: "dm" },
    { name: "of a guest that is down", strategy: "md", guests: [{ ...WEB, running: false }] },
  ])("says nothing of the holes of an image $name", ({ strategy, state = (now) => now, guests = [WEB] }) => {
    const found = plan({ guests, state, wish: moved({ strategy, switch: "suspend" }) });
    expect(found.diagnostics.map(({ code }) => code)).not.toContain("sparse-image");
    expect(found.domains).toHaveLength(1);
  });

  test.each<{ name: string; stacked: readonly Signature[]; scanning: Partial<Scanning> }>([
    { name: "a filter of LVM's excludes its devices", stacked: [PV], scanning: { lvm: { filters: [["r|^/dev/loop|", "r|/converge-|"]], volumes: false } } },
    { name: "a devices file does not name them", stacked: [PV], scanning: { lvm: { filters: [], volumes: false, listed: ["/dev/sda2"] } } },
    { name: "mdadm assembles only what it is told to", stacked: [MEMBER], scanning: { md: { auto: ["-all"] } } },
    { name: "nobody looks for partitions on loop devices", stacked: [{ ...PV, partition: true }], scanning: {} },
  ])("lets Dom0 have what is inside of an image where $name", ({ stacked, scanning }) => {
    const state = (now: HostState): HostState => scannedBy(scanning)(image({ stacked, content: { type: "unknown" } })(now));
    expect(plan({ state, wish: moved({ strategy: "dm", switch: "restart" }) }).diagnostics).toEqual([]);
  });

  test.each(CASES)("$code: $name", (given) => {
    const { diagnostics, domains } = plan(given);
    const found = diagnostics.filter((d) => d.code === given.code);
    expect(found.map((d) => d.summary).join("\n")).toMatch(given.says);
    if (given.who !== undefined) expect(found.map((d) => d.detail).join("\n")).toMatch(given.who);
    if (given.advises !== undefined) expect(found.map((d) => d.fix).join("\n")).toMatch(given.advises);
    expect(found.every((d) => d.fix !== undefined), "it says what to do").toBe(true);
    expect(domains.length, "refused unless it only warns").toBe(given.warning === true ? 1 : 0);
  });

  test.each(Object.keys(checks))("%s has a case here", (code) => {
    expect(CASES.some((c) => c.code === code), "a host that it is there for, in CASES").toBe(true);
  });
});

describe("a copy that the guest's last run has committed is gone on with where", () => {
  const taken = (state: HostState): boolean => planHost(state, [aWish("web1", ["xvda1"])], sha256).diagnostics.some(({ code }) => code === "volume-taken");
  const onto = web(({ config }) => (config === undefined ? {} : {
    config: { ...config, disks: config.disks.map((disk) => (disk.vdev === "xvda2" ? { ...disk, target: "/dev/vg0/web1-xvda2" } : disk)) },
  }));

  test.each([
    ["somebody has put the guest back", broughtThere({}), true],
    ["the guest was down for it, and has not been there", broughtThere({ committing: "offline" }), false],
    ["it brought the guest back from there", broughtThere({}, { returns: true }), false],
    ["it may have been about another disk, and came to its end", broughtThere({ state: "done", outcome: "done" }, { volumes: [], unsaid: true }), false],
    ["another run has been its last since", broughtThere({ run: "two" }), false],
    ["another run has been its last since, and the volume is the same", madeAt(2, broughtThere({ run: "two" })), true],
    ["another run has been its last since, and the volume was made anew", madeAt(3, broughtThere({ run: "two" })), false],
    ["another run has been its last since, and an older version's was about nobody knows what", madeAt(2, broughtThere({ run: "two" }, { volumes: [], unsaid: true })), false],
    ["another run has brought the guest back from there since", madeAt(1, backSince(broughtThere({ run: "two" }))), false],
    ["it was about another volume", broughtThere({}, { volumes: ["vg0/web1-xvda2"] }), false],
    ["somebody has put this disk back, and another one not", (state: HostState) => onto(broughtThere({})(state)), true],
    ["QEMU was to take it over, and it stayed", broughtThere({ pivoted: true }, { stayed: ["converge-xvda1"] }), false],
    ["QEMU was to take it over, and nobody can read whether it stayed", broughtThere({ pivoted: true }), false],
    ["QEMU took it over, and another one stayed", broughtThere({ pivoted: true }, { stayed: ["converge-xvda2"] }), true],
    ["QEMU was to take it over, and it stayed, and another run has been its last since", madeAt(2, broughtThere({ run: "two" }, { stayed: ["converge-xvda1"] })), true],
  ])("%s: refused, or not", (_, state, isTaken) => {
    expect(taken(state(aHost([WEB])))).toBe(isTaken);
  });
});
