import { describe, expect, it, test } from "vitest";
import { fact as backends } from "../../src/core/facts/xenstore-backends.js";
import { namedPaths } from "../../src/core/facts/disk-targets.js";
import type { MoveOptions } from "../../src/core/model/desired.js";
import type { Domain } from "../../src/core/model/domain.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { volumeOfPath } from "../../src/core/model/names.js";
import type { Loop } from "../../src/core/model/storage.js";
import { diskKey } from "../../src/core/model/transform.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { readDomainConfig } from "../../src/core/xl/domain-config.js";
import { aHost, aVolume, aWish, GIB, MIB, sha256, type AGuest } from "../support/a-host.js";
import { complaints, down, movedHost, plannedBack, restarted, volumeOf, withConfigText, withVolume } from "../support/a-return.js";

/** One disk has many names: what is seen of it must not depend on which of them somebody wrote. */

const IMAGE = "/srv/xen/web1/xvda1.img";

function configured(guest: Domain, text: string): Domain {
  const path = `/etc/xen/${guest.name}.cfg`;
  const config = readDomainConfig(path, { file: path, text }, sha256(text), 7, "0644").value;
  if (config === undefined) throw new Error(text);
  return { ...guest, config };
}

/** A host whose second guest has this one disk, and is down. */
function beside(disk: string): HostState {
  const state = aHost([{ name: "web1", disks: { xvda1: {} } }, { name: "other", disks: { xvda: { elsewhere: true } }, running: false }]);
  const { other } = state.domains;
  if (other === undefined) throw new Error("no other");
  return { ...state, domains: { ...state.domains, other: configured(other, `name = "other"\ndisk = [ ${JSON.stringify(disk)} ]\n`) } };
}

function codesOf(state: HostState, options: MoveOptions = {}, vdevs: readonly string[] = ["xvda1"]): readonly string[] {
  const { domains, diagnostics } = planHost(state, [aWish("web1", vdevs, options)], sha256);
  const errors = diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code);
  expect(domains.length === 0, "refused, or planned").toBe(errors.length > 0);
  return errors;
}

test.each([
  ["/dev/vg0/web1-root", "vg0/web1-root"], ["vg0/web1-root", "vg0/web1-root"],
  ["/dev/mapper/vg0-web1--root", "vg0/web1-root"], ["mapper/vg--a-b--c--d", "vg-a/b-c-d"],
  ["/dev/disk/by-id/dm-name-vg0-web1--root", "vg0/web1-root"],
  ["/dev/mapper/converge-web1-xvda1", "mapper/converge-web1-xvda1"], ["/dev/mapper/crypt", "mapper/crypt"],
  ["/dev/md/converge-web1-xvda1", "md/converge-web1-xvda1"],
])("%s names %s", (path, volume) => {
  expect(volumeOfPath(path)).toBe(volume);
  expect(diskKey(path)).toBe(volume);
});

test.each(["/srv/xen/web1.img", "/dev/sda", "/dev/disk/by-id/scsi-1"])("%s is taken as it is", (path) => {
  expect(volumeOfPath(path)).toBeUndefined();
  expect(diskKey(path)).toBe(path);
});

it.each(["/dev/vg0/web1-xvda1", "/dev/mapper/vg0-web1--xvda1", "mapper/vg0-web1--xvda1", "/dev/disk/by-id/dm-name-vg0-web1--xvda1"])(
  "a volume that is not there yet, and that another config names %s, is refused", (path) => {
    expect(codesOf(beside(`phy:${path},xvda,w`))).toEqual(["volume-in-use"]);
  });

it.each(["", "backend=0,", "backend=Domain-0,"])("an image that another config names with '%s' is shared", (backend) => {
  const state = beside(`${backend}format=raw,vdev=xvda,target=${IMAGE}`);
  expect(codesOf(state, { source: "delete" })).toEqual(["image-shared"]);
  const config = state.domains["other"]?.config;
  expect([...namedPaths({ xlConfigs: { configs: config === undefined ? [] : [{ path: config.path, realPath: config.path, sha256: "", config: { ...config, name: "other" } }], autostart: [] } })]).toEqual([IMAGE]);
});

it("an image that a guest has by way of a loop device is shared, whether it runs or not", () => {
  const down = beside("phy:/dev/loop0,xvda,r");
  const image = down.images[IMAGE];
  const { other } = down.domains;
  if (image === undefined || other?.config === undefined) throw new Error("no image");
  const loops: readonly Loop[] = [{ ...aLoop(0, "7:0"), backing: IMAGE, inode: image.inode, devno: image.devno }];
  const attached = [{ vdev: "xvda", params: "/dev/loop0", backend: "vbd" as const, devno: "7:0", state: 4 }];
  const running = { domid: 9, uuid: "u", paused: false, memoryKiB: 131072, stored: other.config.disks, attached };
  expect(codesOf({ ...down, loops })).toEqual(["image-shared"]);
  expect(codesOf({ ...down, loops, domains: { ...down.domains, other: { ...other, running } } }, { source: "delete" })).toEqual(["image-shared"]);
});

function aLoop(at: number, number: string): Loop {
  return { device: `/dev/loop${String(at)}`, number, backing: "/srv/other.img", inode: 999, devno: "253:0", offset: 0, readOnly: false, deleted: false, holders: [] };
}

describe("a guest's second disk on a volume", () => {
  function withSecond(path: string, guest: Partial<AGuest> = {}): HostState {
    const state = aHost([{ name: "web1", disks: { xvda1: {} }, ...guest }]);
    const { web1 } = state.domains;
    if (web1?.config === undefined) throw new Error("no web1");
    const now = configured(web1, web1.config.text.text.replace("disk = [ ", `disk = [ 'phy:${path},xvdb,w', `));
    const disks = now.config?.disks ?? [];
    const attached = [...(web1.running?.attached ?? []), { vdev: "xvdb", params: path, backend: "vbd" as const, devno: "253:7", state: 4 }];
    const runs = web1.running === undefined ? {} : { running: { ...web1.running, stored: disks, attached } };
    return {
      ...state,
      volumes: { ...state.volumes, "vg0/web1-xvdb": aVolume("vg0/web1-xvdb", 64 * MIB, { devno: "253:7", open: web1.running !== undefined }) },
      devices: { [path]: { path, realPath: "/dev/dm-7", devno: "253:7", bytes: 64 * MIB, content: { type: "unknown" }, volume: "vg0/web1-xvdb", holders: [] } },
      domains: { web1: { ...now, ...runs } },
    };
  }
  const PATHS = ["/dev/vg0/web1-xvdb", "/dev/mapper/vg0-web1--xvdb", "/dev/disk/by-id/dm-uuid-LVM-abc"];

  it.each(PATHS)("%s is the one that the kernel has open", (path) => {
    expect(codesOf(withSecond(path))).toEqual([]);
  });

  it.each(PATHS.slice(0, 2).flatMap((path) => [{ path, running: true }, { path, running: false }]))("$path is not given to a clone (running: $running)", ({ path, running }) => {
    expect(codesOf(withSecond(path, { running }), { rehearse: true, strategy: "rsync" }, ["xvda1", "xvdb"])).toEqual(["can-not-rehearse"]);
  });
});

describe("with loop.max_part the numbers of loop devices have gaps", () => {
  function served(loops: readonly Loop[], devno: string): HostState {
    const state = aHost([{ name: "web1", disks: { xvda1: {} } }]);
    const running = state.domains["web1"]?.running;
    const [disk] = running?.attached ?? [];
    if (running === undefined || disk === undefined) throw new Error("no disk");
    return { ...state, loops, domains: { web1: { ...state.domains["web1"], ...configuredAs(state), running: { ...running, attached: [{ ...disk, devno }] } } } };
  }
  function configuredAs(state: HostState): Domain {
    const { web1 } = state.domains;
    if (web1 === undefined) throw new Error("no web1");
    return web1;
  }
  const ofImage = (at: number, number: string): Loop => {
    const image = aHost([{ name: "web1", disks: { xvda1: {} } }]).images[IMAGE];
    return { ...aLoop(at, number), backing: IMAGE, inode: image?.inode ?? 0, devno: image?.devno ?? "" };
  };

  it("the right one is found", () => {
    expect(codesOf(served([ofImage(1, "7:16"), aLoop(16, "7:256")], "7:16"))).toEqual([]);
  });

  it("and one that lies on another file is told", () => {
    expect(codesOf(served([aLoop(1, "7:16")], "7:16"))).toEqual(["views-disagree"]);
  });
});

test.each([124, 137, 143])("disks that nobody said within the time are not taken for none (exit %i)", (exitCode) => {
  expect(backends.parse({ exitCode, stdout: "", stderr: "" }).value).toBeUndefined();
});

describe("what ties a guest is read from the settings, however they are written", () => {
  it.each([
    "pci = [ '0000:03:00.0' ]\n", "pci += [ '0000:03:00.0' ]\n", "vcpus = 1; pci = [ '0000:03:00.0' ]\n", "nomigrate = 1\n", "nomigrate=\"0x1\"\n",
  ])("%j", (extra) => {
    const state = aHost([{ name: "web1", disks: { xvda1: {} }, extra }]);
    expect(codesOf(state, { strategy: "dm", switch: "suspend" })).toEqual(["can-not-suspend"]);
    expect(planHost(state, [aWish("web1", ["xvda1"])], sha256).domains[0]?.switchOver?.switch).toBe("restart");
  });

  it.each(["pci = [ ]\n", "# pci = [ '0000:03:00.0' ]\n", "extra = \"pci = [ 1 ]\"\n", "nomigrate = 0\n"])("and %j ties nothing", (extra) => {
    expect(codesOf(aHost([{ name: "web1", disks: { xvda1: {} }, extra }]), { strategy: "dm", switch: "suspend" })).toEqual([]);
  });
});

describe("files do not bring what is no file", () => {
  const firmware = "type = \"hvm\"\nvif = ['ip=10.0.0.9']\n";
  it("the boot block of an HVM guest's first disk: rsync is refused, and auto takes blocks", () => {
    const state = aHost([{ name: "web1", disks: { hda: {} }, extra: firmware }]);
    expect(codesOf(state, { strategy: "rsync" }, ["hda"])).toEqual(["no-strategy-fits"]);
    expect(planHost(state, [aWish("web1", ["hda"])], sha256).domains[0]?.choices[0]?.strategy).toBe("dm");
  });

  it.each([{ vdev: "hdb", extra: firmware }, { vdev: "hda", extra: `kernel = "/boot/guest"\n${firmware}` }])("its $vdev, or with a kernel of Dom0's, is carried", ({ vdev, extra }) => {
    expect(codesOf(aHost([{ name: "web1", disks: { [vdev]: {} }, extra }]), { strategy: "rsync" }, [vdev])).toEqual([]);
  });
});

describe("a file system that can not be made is not planned", () => {
  const xfs = { type: "xfs" as const, uuid: "u", label: "", features: { "m.crc": 1, "i.size": 512 }, blockBytes: 4096, bytes: 64 * MIB, usedBytes: 10 * MIB };
  it.each([{ version: "6.1.0", codes: ["no-strategy-fits"] }, { version: "5.10.0", codes: [] }])("an xfs of 64 MiB, by mkfs.xfs $version", ({ version, codes }) => {
    const state = aHost([{ name: "web1", disks: { xvda1: { content: xfs } } }]);
    expect(codesOf({ ...state, tools: { ...state.tools, "mkfs.xfs": { present: true, version } } }, { strategy: "rsync" })).toEqual(codes);
  });

  const large = {
    type: "ext4" as const, uuid: "u", label: "", features: ["has_journal", "extent"], blockBytes: 4096, inodeBytes: 256, bytes: 20 * GIB,
    usedBytes: 500 * MIB, inodes: 1_310_720, reservedPercent: 5, needsRecovery: false, hasErrors: false,
  };
  it.each([
    { what: "more inodes in use than it has room for", usedInodes: 1_000_000, codes: ["target-too-small"] },
    { what: "few of them in use", usedInodes: 2_000, codes: [] },
  ])("an ext4 that is made smaller, with $what", ({ usedInodes, codes }) => {
    const state = aHost([{ name: "web1", disks: { xvda1: { bytes: 20 * GIB, content: { ...large, usedInodes } } } }]);
    const image = state.images[IMAGE];
    if (image === undefined) throw new Error("no image");
    const sparse = { ...state, images: { [IMAGE]: { ...image, allocatedBytes: 132 * MIB } } };
    const { diagnostics } = planHost(sparse, [aWish("web1", ["xvda1"], { strategy: "rsync" }, { bytes: 256 * MIB })], sha256);
    expect(diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code)).toEqual(codes);
  });
});

describe.each([
  "/dev/mapper/vg0-web1--xvda1", "mapper/vg0-web1--xvda1", "vg0/web1-xvda1", "/dev/disk/by-id/dm-name-vg0-web1--xvda1", "/dev/dm-3", "dm-3",
])("a guest whose config somebody has let name its volume %s", (path) => {
  const device = { path: path.startsWith("/") ? path : `/dev/${path}`, realPath: "/dev/dm-3", devno: "253:3", bytes: 64 * MIB, content: { type: "unknown" as const }, volume: "vg0/web1-xvda1" as const, holders: [] };
  const renamed = (state: HostState): HostState =>
    withConfigText({ ...state, devices: { [device.path]: device } }, (text) => text.replace("phy:/dev/vg0/web1-xvda1,", `phy:${path},`));
  const moved = (move: MoveOptions = {}) => movedHost(move, { disks: { xvda1: { full: true } } });

  it("is at home there, and nothing is to be done", () => {
    for (const state of [renamed(moved()), down(renamed(moved()))]) {
      const { domains, diagnostics } = planHost(state, [aWish("web1", ["xvda1"])], sha256);
      expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
      expect(domains).toEqual([]);
    }
  });

  it("has settled what a run left that came to its end late, and only that", () => {
    const state = moved();
    const volume = volumeOf(state);
    const left = renamed(withVolume(state, { ...volume, tags: volume.tags.map((tag) => tag.replace("role=disk", "role=copy")) }));
    const { domains } = planHost(left, [aWish("web1", ["xvda1"])], sha256);
    expect(domains.flatMap(({ changes }) => changes)).toMatchObject([{ change: "finish-move" }]);
  });

  it("goes back to its image all the same", () => {
    const plan = plannedBack(restarted(renamed(moved())));
    expect(complaints(plan)).toEqual(["warning[writes-given-up]"]);
    expect(plan.domains.flatMap(({ changes }) => changes)).toMatchObject([{ change: "return-disk", volume: { name: "vg0/web1-xvda1" } }]);
  });

  it("is told that the volume is not marked as its disk, where it is not", () => {
    const state = moved();
    const volume = volumeOf(state);
    const others = renamed(withVolume(state, { ...volume, tags: volume.tags.map((tag) => tag.replace("domain=web1", "domain=old1")) }));
    expect(complaints(plannedBack(others))).toEqual(["error[not-its-volume]"]);
  });
});
